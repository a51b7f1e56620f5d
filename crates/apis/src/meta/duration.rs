//! Durations in Go's text format, as `metav1.Duration` has them.

use std::fmt;
use std::str::FromStr;
use std::time;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest duration of the format: Go counts nanoseconds in an `int64`.
const MAX_NANOS: u128 = i64::MAX as u128;

/// A non-negative duration that reads and prints as Go's `time.Duration` does: `1h30m`, `59m30s`, `1.5s`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Duration(pub time::Duration);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(time::Duration::ZERO);

    /// A duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// Whether it is no time at all.
    pub const fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

/// Why a text is not a duration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DurationError {
    /// The text does not follow the format.
    #[error("invalid duration {0:?}: expected numbers with units (h, m, s, ms, us, ns), such as \"1h30m\"")]
    Syntax(String),
    /// The text has a number without one of the units.
    #[error(
        "invalid duration {text:?}: unknown or missing unit {unit:?}, expected one of h, m, s, ms, us, ns"
    )]
    Unit {
        /// The whole text.
        text: String,
        /// What stands where the unit should be.
        unit: String,
    },
    /// The duration is longer than about 292 years.
    #[error("invalid duration {0:?}: longer than 2562047h47m16s")]
    TooLong(String),
    /// The duration is below zero.
    #[error("invalid duration {0:?}: negative")]
    Negative(String),
}

/// Reads a duration in Go's format, such as `1h30m`, `1.5s`, `250ms` or `0`.
pub fn parse_duration(text: &str) -> Result<time::Duration, DurationError> {
    let syntax = || DurationError::Syntax(text.to_owned());
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Ok(time::Duration::ZERO);
    }
    if unsigned.is_empty() {
        return Err(syntax());
    }
    let mut rest = unsigned;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(syntax());
        }
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let scale = nanos_of_unit(unit)
            .ok_or_else(|| DurationError::Unit { text: text.to_owned(), unit: unit.to_owned() })?;
        let too_long = || DurationError::TooLong(text.to_owned());
        let units: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
        total = units
            .checked_mul(scale)
            .and_then(|nanos| nanos.checked_add(nanos_of_fraction(fraction, scale)))
            .and_then(|nanos| nanos.checked_add(total))
            .filter(|nanos| *nanos <= MAX_NANOS)
            .ok_or_else(too_long)?;
        rest = tail;
    }
    if negative && total > 0 {
        return Err(DurationError::Negative(text.to_owned()));
    }
    Ok(time::Duration::from_nanos(total as u64))
}

/// Nanoseconds in one unit of the format.
fn nanos_of_unit(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        // Both the micro sign and the Greek letter are in use.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Nanoseconds in the digits after the point, with Go's rounding: digits beyond an `i64` are ignored and the product is
/// one of floating point numbers.
fn nanos_of_fraction(digits: &str, scale: u128) -> u128 {
    let mut value: i64 = 0;
    let mut divisor = 1.0;
    for digit in digits.bytes().map(|byte| i64::from(byte - b'0')) {
        let Some(next) = value.checked_mul(10).and_then(|value| value.checked_add(digit)) else { break };
        value = next;
        divisor *= 10.0;
    }
    (value as f64 * (scale as f64 / divisor)) as u128
}

/// Prints a duration as Go does: `0s`, `1.5ms`, `1.5s`, `59m30s`, `1h0m0s`.
pub fn format_duration(duration: time::Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000 {
        return format!("{nanos}ns");
    }
    if nanos < 1_000_000 {
        return format!("{}\u{b5}s", decimal(nanos, 3));
    }
    if nanos < 1_000_000_000 {
        return format!("{}ms", decimal(nanos, 6));
    }
    let total_seconds = nanos / 1_000_000_000;
    let (hours, minutes) = (total_seconds / 3600, total_seconds / 60 % 60);
    let seconds = decimal(nanos % 60_000_000_000, 9);
    if hours > 0 {
        format!("{hours}h{minutes}m{seconds}s")
    } else if minutes > 0 {
        format!("{minutes}m{seconds}s")
    } else {
        format!("{seconds}s")
    }
}

/// `value / 10^digits` in decimal, without trailing zeros.
fn decimal(value: u128, digits: u32) -> String {
    let scale = 10_u128.pow(digits);
    let fraction = format!("{:0width$}", value % scale, width = digits as usize);
    let fraction = fraction.trim_end_matches('0');
    let whole = value / scale;
    if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_duration(self.0))
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_duration(text).map(Self)
    }
}

impl From<time::Duration> for Duration {
    fn from(duration: time::Duration) -> Self {
        Self(duration)
    }
}

impl From<Duration> for time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    /// Durations that are too long count as the longest one: the CRD's pattern lets them pass, and one object must not
    /// make a whole list unreadable.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match parse_duration(&text) {
            Ok(duration) => Ok(Self(duration)),
            Err(DurationError::TooLong(_)) => Ok(Self(time::Duration::from_nanos(MAX_NANOS as u64))),
            Err(error) => Err(serde::de::Error::custom(error)),
        }
    }
}

/// For durations in a status, which no pattern guards: one that cannot be read counts as absent.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| text.parse().ok()))
}

impl schemars::JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        let cases: &[(&str, u64)] = &[
            ("0", 0),
            ("+0", 0),
            ("-0s", 0),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("250ms", 250_000_000),
            ("3\u{b5}s", 3_000),
            ("3\u{3bc}s7us", 10_000),
            ("1m1m", 120_000_000_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.830103483285477580700h", 2_988_372_539_827),
            ("9007199254.740993ms", 9_007_199_254_740_993),
            ("9223372036854775807ns", i64::MAX as u64),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_duration(text), Ok(time::Duration::from_nanos(*nanos)), "{text}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in ["", "-", ".", "3", "s", "1.2.3s", "1d", "1h 2m", "1e3s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(matches!(parse_duration("9223372036854775808ns"), Err(DurationError::TooLong(_))));
        assert!(matches!(
            parse_duration("99999999999999999999999999999999999999999h"),
            Err(DurationError::TooLong(_))
        ));
        assert!(matches!(parse_duration("-1s"), Err(DurationError::Negative(_))));
    }

    #[test]
    fn prints_as_go_prints() {
        let cases: &[(u64, &str)] = &[
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (3_570_000_000_000, "59m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (60_000_000_000, "1m0s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (i64::MAX as u64, "2562047h47m16.854775807s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(format_duration(time::Duration::from_nanos(*nanos)), *text);
        }
    }

    #[test]
    fn json_keeps_a_list_readable_when_one_duration_is_too_long() {
        let durations: Vec<Duration> = serde_json::from_str(r#"["10m","9999999999999h"]"#).unwrap();
        assert_eq!(durations[0], Duration::from_secs(600));
        assert_eq!(durations[1].to_string(), "2562047h47m16.854775807s");
        assert_eq!(serde_json::to_string(&durations[0]).unwrap(), r#""10m0s""#);
    }
}
