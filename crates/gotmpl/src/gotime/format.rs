//! From an instant to a text.

use std::fmt;
use std::io::Write;

use super::Time;
use super::layout::{Element, Offset, next};

/// The most digits of a second's fraction.
const FRACTION: usize = 9;

impl Time {
    /// The time as the layout shows it.
    pub fn format(&self, layout: &[u8]) -> Vec<u8> {
        let (abbreviation, offset) = self.zone.at(self.seconds);
        let civil = self.civil();
        let mut out = Vec::with_capacity(layout.len() + 10);
        let mut rest = layout;
        while let Some((before, element, _, behind)) = next(rest) {
            out.extend_from_slice(before);
            rest = behind;
            let twelve = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
            // Writing into a vector cannot fail.
            let _ = match element {
                Element::LongMonth => out.write_all(civil.month_name().as_bytes()),
                Element::Month => out.write_all(&civil.month_name().as_bytes()[..3]),
                Element::NumMonth => write!(out, "{}", civil.month),
                Element::ZeroMonth => write!(out, "{:02}", civil.month),
                Element::LongWeekday => out.write_all(civil.weekday_name().as_bytes()),
                Element::Weekday => out.write_all(&civil.weekday_name().as_bytes()[..3]),
                Element::Day => write!(out, "{}", civil.day),
                Element::UnderDay => write!(out, "{:2}", civil.day),
                Element::ZeroDay => write!(out, "{:02}", civil.day),
                Element::UnderYearDay => write!(out, "{:3}", civil.year_day()),
                Element::ZeroYearDay => write!(out, "{:03}", civil.year_day()),
                Element::Hour => write!(out, "{:02}", civil.hour),
                Element::Hour12 => write!(out, "{twelve}"),
                Element::ZeroHour12 => write!(out, "{twelve:02}"),
                Element::Minute => write!(out, "{}", civil.minute),
                Element::ZeroMinute => write!(out, "{:02}", civil.minute),
                Element::Second => write!(out, "{}", civil.second),
                Element::ZeroSecond => write!(out, "{:02}", civil.second),
                Element::LongYear if civil.year < 0 => write!(out, "-{:04}", civil.year.unsigned_abs()),
                Element::LongYear => write!(out, "{:04}", civil.year),
                Element::Year => write!(out, "{:02}", civil.year.unsigned_abs() % 100),
                Element::Noon { lower } => out.write_all(match (civil.hour >= 12, lower) {
                    (true, false) => b"PM",
                    (false, false) => b"AM",
                    (true, true) => b"pm",
                    (false, true) => b"am",
                }),
                Element::Abbreviation if abbreviation.is_empty() => {
                    write_offset(
                        &mut out,
                        offset,
                        Offset { zulu: false, colon: false, minutes: true, seconds: false },
                    );
                    Ok(())
                }
                Element::Abbreviation => out.write_all(abbreviation.as_bytes()),
                Element::Offset(form) => {
                    write_offset(&mut out, offset, form);
                    Ok(())
                }
                Element::Fraction { separator, digits, trim } => {
                    write_fraction(&mut out, self.nanos, separator, digits, trim);
                    Ok(())
                }
            };
        }
        out.extend_from_slice(rest);
        out
    }

    /// As in JSON: RFC 3339 with as many digits of the second as there are.
    pub fn rfc3339(&self) -> String {
        String::from_utf8_lossy(&self.format(b"2006-01-02T15:04:05.999999999Z07:00")).into_owned()
    }
}

fn write_offset(out: &mut Vec<u8>, offset: i32, form: Offset) {
    if offset == 0 && form.zulu {
        out.push(b'Z');
        return;
    }
    // The sign is that of the whole minutes.
    out.push(if offset / 60 < 0 { b'-' } else { b'+' });
    let seconds = offset.unsigned_abs();
    let colon = if form.colon { ":" } else { "" };
    let _ = write!(out, "{:02}", seconds / 3600);
    if form.minutes {
        let _ = write!(out, "{colon}{:02}", seconds / 60 % 60);
    }
    if form.seconds {
        let _ = write!(out, "{colon}{:02}", seconds % 60);
    }
}

fn write_fraction(out: &mut Vec<u8>, nanos: u32, separator: u8, digits: usize, trim: bool) {
    if trim && nanos == 0 {
        return;
    }
    let all = format!("{nanos:09}");
    let shown = all.get(..digits.min(FRACTION)).unwrap_or(&all);
    let shown = if trim { shown.trim_end_matches('0') } else { shown };
    if !(trim && shown.is_empty()) {
        out.push(separator);
        out.extend_from_slice(shown.as_bytes());
    }
}

/// As Go prints it: `2021-03-04 05:06:07 +0000 UTC`, and `m=+0.01` behind it for readings of the clock.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.format(b"2006-01-02 15:04:05.999999999 -0700 MST");
        f.write_str(&String::from_utf8_lossy(&text))?;
        if let Some(reading) = self.monotonic {
            let sign = if reading < 0 { '-' } else { '+' };
            let reading = reading.unsigned_abs();
            write!(f, " m={sign}{}.{:09}", reading / 1_000_000_000, reading % 1_000_000_000)?;
        }
        Ok(())
    }
}
