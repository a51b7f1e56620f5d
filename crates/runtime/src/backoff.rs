//! The delay before a failed object is tried again.

use std::time::Duration;

/// Doubles from a minimum to a maximum with each failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The delay after the first failure.
    pub min: Duration,
    /// The longest delay.
    pub max: Duration,
}

impl Backoff {
    /// The delay after `failures` failures in a row, the first of which counts as 0.
    pub fn delay(self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        self.min.checked_mul(factor).map_or(self.max, |delay| delay.min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_maximum() {
        let backoff = Backoff { min: Duration::from_millis(750), max: Duration::from_mins(15) };
        let delays: Vec<_> = (0..4).map(|n| backoff.delay(n).as_millis()).collect();
        assert_eq!(delays, [750, 1500, 3000, 6000]);
        assert_eq!(backoff.delay(10), Duration::from_secs(768));
        assert_eq!(backoff.delay(11), Duration::from_mins(15));
        assert_eq!(backoff.delay(31), Duration::from_mins(15));
        assert_eq!(backoff.delay(u32::MAX), Duration::from_mins(15));
    }
}
