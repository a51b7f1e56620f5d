//! Durations: their texts and their arithmetic.

use std::fmt;
use std::fmt::Write as _;

/// Nanoseconds, Go's `time.Duration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub i64);

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It is not made of numbers and units, or is too long.
    #[error("time: invalid duration {0}")]
    Invalid(String),
    /// A number has no unit.
    #[error("time: missing unit in duration {0}")]
    MissingUnit(String),
    /// A unit that does not exist.
    #[error("time: unknown unit {unit} in duration {text}")]
    UnknownUnit {
        /// The unit, quoted.
        unit: String,
        /// The text, quoted.
        text: String,
    },
}

const MICRO: i64 = 1_000;
const MILLI: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The largest magnitude, that of `i64::MIN`.
const LIMIT: u64 = 1 << 63;

/// A text as `time` quotes it in errors: other characters than printable ASCII by their bytes.
pub(super) fn quote(text: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for &byte in text {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            0x20..=0x7F => quoted.push(char::from(byte)),
            _ => {
                // Writing to a string can't fail.
                let _ = write!(quoted, "\\x{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// The leading digits' value and the rest; `None` beyond 2^63.
pub(super) fn leading_int(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut rest = text;
    while let Some((digit @ b'0'..=b'9', tail)) = rest.split_first() {
        if value > LIMIT / 10 {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
        if value > LIMIT {
            return None;
        }
        rest = tail;
    }
    Some((value, rest))
}

/// The leading digits as a fraction: numerator, denominator and the rest. Digits beyond 63 bits don't count.
fn leading_fraction(text: &[u8]) -> (u64, f64, &[u8]) {
    let (mut value, mut scale, mut full) = (0u64, 1f64, false);
    let mut rest = text;
    while let Some((digit @ b'0'..=b'9', tail)) = rest.split_first() {
        rest = tail;
        let next = value.checked_mul(10).map(|value| value + u64::from(digit - b'0'));
        match next {
            Some(next) if !full && value <= (LIMIT - 1) / 10 && next <= LIMIT => {
                value = next;
                scale *= 10.0;
            }
            _ => full = true,
        }
    }
    (value, scale, rest)
}

impl Duration {
    /// Reads `1h30m`, `-1.5h`, `300ms`, `0`.
    pub fn parse(text: &[u8]) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid(quote(text));
        let (negative, mut rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if rest == b"0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total = 0u64;
        while let Some(first) = rest.first() {
            if !(first.is_ascii_digit() || *first == b'.') {
                return Err(invalid());
            }
            let (whole, after) = leading_int(rest).ok_or_else(invalid)?;
            let mut digits = after.len() < rest.len();
            let (mut fraction, mut scale) = (0, 1.0);
            rest = after;
            if let [b'.', tail @ ..] = rest {
                let after;
                (fraction, scale, after) = leading_fraction(tail);
                digits |= after.len() < tail.len();
                rest = after;
            }
            if !digits {
                return Err(invalid());
            }
            let end = rest.iter().position(|b| *b == b'.' || b.is_ascii_digit()).unwrap_or(rest.len());
            let (unit, after) = rest.split_at(end);
            rest = after;
            let nanos: u64 = match unit {
                b"" => return Err(DurationError::MissingUnit(quote(text))),
                b"ns" => 1,
                b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => MICRO as u64,
                b"ms" => MILLI as u64,
                b"s" => SECOND as u64,
                b"m" => MINUTE as u64,
                b"h" => HOUR as u64,
                _ => return Err(DurationError::UnknownUnit { unit: quote(unit), text: quote(text) }),
            };
            let mut part = whole.checked_mul(nanos).filter(|part| *part <= LIMIT).ok_or_else(invalid)?;
            if fraction > 0 {
                part += (fraction as f64 * (nanos as f64 / scale)) as u64;
            }
            total = total.checked_add(part).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
        }
        if negative {
            return Ok(Self((total as i64).wrapping_neg()));
        }
        i64::try_from(total).map(Self).map_err(|_| invalid())
    }

    /// Whole and fractional units of so many nanoseconds.
    fn float(self, unit: i64) -> f64 {
        (self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64
    }

    /// In hours.
    pub fn hours(self) -> f64 {
        self.float(HOUR)
    }

    /// In minutes.
    pub fn minutes(self) -> f64 {
        self.float(MINUTE)
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.float(SECOND)
    }

    /// In whole milliseconds.
    pub fn milliseconds(self) -> i64 {
        self.0 / MILLI
    }

    /// In whole microseconds.
    pub fn microseconds(self) -> i64 {
        self.0 / MICRO
    }

    /// The last multiple towards zero; itself if the multiple is not positive.
    #[must_use]
    pub fn truncate(self, multiple: Self) -> Self {
        if multiple.0 <= 0 { self } else { Self(self.0 - self.0 % multiple.0) }
    }

    /// The nearest multiple, halves away from zero, within the range; itself if the multiple is not positive.
    #[must_use]
    pub fn round(self, multiple: Self) -> Self {
        if multiple.0 <= 0 {
            return self;
        }
        let past = (self.0 % multiple.0).unsigned_abs();
        let down = self.0 - self.0 % multiple.0;
        if past * 2 < multiple.0.unsigned_abs() {
            Self(down)
        } else if self.0 < 0 {
            Self(down.saturating_sub(multiple.0))
        } else {
            Self(down.saturating_add(multiple.0))
        }
    }
}

/// `value` in units of 10^`places`, without trailing zeros.
fn fraction(value: u64, places: u32) -> String {
    let unit = 10u64.pow(places);
    let (whole, part) = (value / unit, value % unit);
    if part == 0 {
        return whole.to_string();
    }
    let digits = format!("{part:0places$}", places = places as usize);
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

/// `1h30m0s`, `1.5s`, `300ms`, `0s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match value {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{value}ns"),
            1_000..1_000_000 => write!(f, "{}µs", fraction(value, 3)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", fraction(value, 6)),
            _ => {
                let minute = MINUTE.unsigned_abs();
                let (minutes, rest) = (value / minute, value % minute);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write!(f, "{}s", fraction(rest, 9))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_what_go_does() {
        for (text, want) in [
            ("1h30m", "1h30m0s"),
            ("-1.5h", "-1h30m0s"),
            ("1500us", "1.5ms"),
            ("3us", "3µs"),
            ("0.1ns", "0s"),
            ("90.25s", "1m30.25s"),
            ("9223372036854775807ns", "2562047h47m16.854775807s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(
                Duration::parse(text.as_bytes()).map(|d| d.to_string()),
                Ok(want.to_owned()),
                "{text}"
            );
        }
        for (text, want) in [
            ("", "time: invalid duration \"\""),
            ("3", "time: missing unit in duration \"3\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
        ] {
            assert_eq!(Duration::parse(text.as_bytes()).map_err(|e| e.to_string()), Err(want.to_owned()));
        }
    }
}
