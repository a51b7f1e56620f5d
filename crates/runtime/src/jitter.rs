//! Spreads the reconciliations of many objects that share an interval.

use std::time::Duration;

/// Moves an interval by up to a percentage, so that objects created together drift apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter {
    percent: u8,
}

impl Jitter {
    /// A jitter of ±`percent` of the interval. `None` above 99: an interval may not reach zero.
    pub fn from_percent(percent: u8) -> Option<Self> {
        (percent < 100).then_some(Self { percent })
    }

    /// The interval, moved uniformly within ± the percentage.
    pub fn apply(self, interval: Duration) -> Duration {
        self.apply_at(interval, rand::random_range(-1.0..=1.0))
    }

    /// The interval moved to `position`, from -1 (earliest) to 1 (latest).
    fn apply_at(self, interval: Duration, position: f64) -> Duration {
        let factor = 1.0 + f64::from(self.percent) / 100.0 * position;
        interval.mul_f64(factor.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_the_percentage() {
        let jitter = Jitter::from_percent(5).unwrap();
        let interval = Duration::from_secs(100);
        assert_eq!(jitter.apply_at(interval, -1.0), Duration::from_secs(95));
        assert_eq!(jitter.apply_at(interval, 0.0), interval);
        assert_eq!(jitter.apply_at(interval, 1.0), Duration::from_secs(105));
        for _ in 0..1000 {
            let moved = jitter.apply(interval);
            assert!(moved >= Duration::from_secs(95) && moved <= Duration::from_secs(105));
        }
    }

    #[test]
    fn zero_percent_is_exact_and_hundred_is_refused() {
        assert_eq!(Jitter::from_percent(0).unwrap().apply(Duration::from_secs(7)), Duration::from_secs(7));
        assert_eq!(Jitter::from_percent(100), None);
    }
}
