//! Instants and durations as Go's `time` package has them: layouts, zones, texts.

mod civil;
mod duration;
mod format;
mod layout;
mod object;
mod parse;
mod zone;

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use civil::Civil;
pub use duration::{Duration, DurationError};
pub use object::{DURATION, TIME};
pub use parse::ParseError;
pub use zone::Zone;

/// Seconds from year 1, where Go's zero time stands, to 1970.
const UNIX_TO_ZERO: i64 = 62_135_596_800;

const NANOS: i64 = 1_000_000_000;

/// An instant with the zone it is shown in, Go's `time.Time`.
#[derive(Clone, Debug)]
pub struct Time {
    /// Seconds since 1970-01-01T00:00:00Z.
    seconds: i64,
    /// 0 to 999,999,999.
    nanos: u32,
    zone: Zone,
    /// Nanoseconds since the process started, for instants that came from the clock.
    monotonic: Option<i64>,
}

impl Default for Time {
    /// Go's zero time, 0001-01-01 00:00:00 UTC.
    fn default() -> Self {
        Self { seconds: -UNIX_TO_ZERO, nanos: 0, zone: Zone::Utc, monotonic: None }
    }
}

impl Time {
    /// The clock's time in the local zone.
    pub fn now() -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        let start = START.get_or_init(Instant::now);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seconds: since.as_secs().cast_signed(),
            nanos: since.subsec_nanos(),
            zone: Zone::local(),
            // Go's readings start at 1.
            monotonic: Some(i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX - 1) + 1),
        }
    }

    /// Seconds since 1970, in the local zone.
    pub fn from_unix(seconds: i64) -> Self {
        Self { seconds, nanos: 0, zone: Zone::local(), monotonic: None }
    }

    /// A date and time of day in a zone. The fields may lie outside their usual ranges.
    pub(crate) fn from_civil(civil: Civil, nanos: u32, zone: Zone) -> Self {
        let local = civil.seconds();
        let seconds = local.wrapping_sub(zone.offset_of_local(local));
        Self { seconds, nanos, zone, monotonic: None }
    }

    /// The same instant, shown in another zone.
    #[must_use]
    pub fn within(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// Seconds since 1970.
    pub fn unix(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds of the second.
    pub fn nanosecond(&self) -> u32 {
        self.nanos
    }

    /// Nanoseconds since 1970; wraps outside of 1678 to 2262, as Go's does.
    pub fn unix_nano(&self) -> i64 {
        self.seconds.wrapping_mul(NANOS).wrapping_add(i64::from(self.nanos))
    }

    /// The zone it is shown in.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether it is Go's zero time.
    pub fn is_zero(&self) -> bool {
        self.seconds == -UNIX_TO_ZERO && self.nanos == 0
    }

    /// Its date and time of day in its zone.
    pub fn civil(&self) -> Civil {
        Civil::of(self.seconds.wrapping_add(i64::from(self.zone.at(self.seconds).1)))
    }

    /// The instant a duration later.
    #[must_use]
    pub fn plus(&self, duration: Duration) -> Self {
        let nanos = i64::from(self.nanos) + duration.0 % NANOS;
        let carry = nanos.div_euclid(NANOS);
        Self {
            seconds: self.seconds.wrapping_add(duration.0 / NANOS).wrapping_add(carry),
            nanos: nanos.rem_euclid(NANOS) as u32,
            zone: self.zone.clone(),
            monotonic: self.monotonic.and_then(|reading| reading.checked_add(duration.0)),
        }
    }

    /// Years, months and days later, the overflow carried on: 31 October plus a month is 1 December.
    #[must_use]
    pub fn plus_date(&self, years: i64, months: i64, days: i64) -> Self {
        let mut civil = self.civil();
        civil.year = civil.year.wrapping_add(years);
        civil.month = civil.month.wrapping_add(months);
        civil.day = civil.day.wrapping_add(days);
        Self::from_civil(civil, self.nanos, self.zone.clone())
    }

    /// How long after the other it is, at most what a duration can hold.
    pub fn since(&self, earlier: &Self) -> Duration {
        if let (Some(later), Some(earlier)) = (self.monotonic, earlier.monotonic) {
            return Duration(later.saturating_sub(earlier));
        }
        let seconds = i128::from(self.seconds) - i128::from(earlier.seconds);
        let nanos = seconds * i128::from(NANOS) + i128::from(self.nanos) - i128::from(earlier.nanos);
        Duration(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// The order of two instants, whatever their zones.
    pub fn compare(&self, other: &Self) -> std::cmp::Ordering {
        match (self.monotonic, other.monotonic) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => (self.seconds, self.nanos).cmp(&(other.seconds, other.nanos)),
        }
    }

    /// How far the instant is past the last multiple of the duration, counted from Go's zero time.
    fn past_multiple(&self, duration: Duration) -> Duration {
        let nanos = (i128::from(self.seconds) + i128::from(UNIX_TO_ZERO)) * i128::from(NANOS)
            + i128::from(self.nanos);
        Duration(nanos.rem_euclid(i128::from(duration.0)) as i64)
    }

    /// The last multiple of the duration since Go's zero time.
    #[must_use]
    pub fn truncate(&self, duration: Duration) -> Self {
        let plain = Self { monotonic: None, ..self.clone() };
        if duration.0 <= 0 {
            return plain;
        }
        plain.plus(Duration(-plain.past_multiple(duration).0))
    }

    /// The nearest multiple of the duration since Go's zero time; halves go up.
    #[must_use]
    pub fn round(&self, duration: Duration) -> Self {
        let plain = Self { monotonic: None, ..self.clone() };
        if duration.0 <= 0 {
            return plain;
        }
        let past = plain.past_multiple(duration).0;
        if past.unsigned_abs() * 2 < duration.0.unsigned_abs() {
            plain.plus(Duration(-past))
        } else {
            plain.plus(Duration(duration.0 - past))
        }
    }
}
