//! From a text to an instant.

use super::civil::{Civil, MONTHS, WEEKDAYS, days_in_month, is_leap};
use super::duration::{leading_int, quote};
use super::layout::{Element, Offset, next};
use super::{Time, Zone};

/// Why a text is not the time that a layout describes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A part of the text is not what the layout has there.
    #[error("parsing time {value} as {layout}: cannot parse {rest} as {element}")]
    Mismatch {
        /// The text, quoted.
        value: String,
        /// The layout, quoted.
        layout: String,
        /// What was left of the text, quoted.
        rest: String,
        /// The layout's element, quoted.
        element: String,
    },
    /// A number is too large for its place.
    #[error("parsing time {value}: {what} out of range")]
    Range {
        /// The text, quoted.
        value: String,
        /// `month`, `day`, `hour`...
        what: &'static str,
    },
    /// More text than layout.
    #[error("parsing time {value}: extra text: {rest}")]
    Extra {
        /// The text, quoted.
        value: String,
        /// What was left, quoted.
        rest: String,
    },
    /// The day of the year and the date contradict each other.
    #[error("parsing time {value}: day-of-year does not match {what}")]
    Contradiction {
        /// The text, quoted.
        value: String,
        /// `month` or `day`.
        what: &'static str,
    },
}

/// What a step of the parser can find wrong.
enum Fault {
    Bad,
    Range(&'static str),
}

type Step<T> = Result<T, Fault>;

#[derive(Default)]
struct Parts {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    /// `Some(true)` after `PM`.
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    abbreviation: Option<String>,
}

impl Time {
    /// Reads a text that a layout describes; without a zone in it, as a time of `zone`.
    pub fn parse(layout: &[u8], value: &[u8], zone: &Zone) -> Result<Self, ParseError> {
        let mismatch = |rest: &[u8], element: &[u8]| ParseError::Mismatch {
            value: quote(value),
            layout: quote(layout),
            rest: quote(rest),
            element: quote(element),
        };
        let mut parts = Parts::default();
        let (mut pattern, mut rest) = (layout, value);
        loop {
            let found = next(pattern);
            let before = found.map_or(pattern, |(before, ..)| before);
            rest = skip(rest, before).map_err(|at| mismatch(at, before))?;
            let Some((_, element, written, behind)) = found else { break };
            pattern = behind;
            let mut left = rest;
            match parts.read(element, &mut left, behind) {
                Ok(()) => rest = left,
                Err(Fault::Bad) => return Err(mismatch(rest, written)),
                Err(Fault::Range(what)) => return Err(ParseError::Range { value: quote(value), what }),
            }
        }
        if !rest.is_empty() {
            return Err(ParseError::Extra { value: quote(value), rest: quote(rest) });
        }
        parts.finish(value, zone)
    }
}

impl Parts {
    fn read(&mut self, element: Element, text: &mut &[u8], behind: &[u8]) -> Step<()> {
        match element {
            Element::Year => {
                let year = plain(take(text, 2)?)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
            }
            Element::LongYear => {
                if !text.first().is_some_and(u8::is_ascii_digit) {
                    return Err(Fault::Bad);
                }
                self.year = plain(take(text, 4)?)?;
            }
            Element::Month => self.month = Some(name(text, &MONTHS.map(|name| &name[..3]))? + 1),
            Element::LongMonth => self.month = Some(name(text, &MONTHS)? + 1),
            Element::NumMonth | Element::ZeroMonth => {
                let month = number(text, element == Element::ZeroMonth)?;
                check((1..=12).contains(&month), "month")?;
                self.month = Some(month);
            }
            Element::Weekday => _ = name(text, &WEEKDAYS.map(|name| &name[..3]))?,
            Element::LongWeekday => _ = name(text, &WEEKDAYS)?,
            Element::Day | Element::UnderDay | Element::ZeroDay => {
                if element == Element::UnderDay {
                    *text = text.strip_prefix(b" ").unwrap_or(text);
                }
                self.day = Some(number(text, element == Element::ZeroDay)?);
            }
            Element::UnderYearDay | Element::ZeroYearDay => {
                if element == Element::UnderYearDay {
                    *text = text.strip_prefix(b" ").unwrap_or(text);
                    *text = text.strip_prefix(b" ").unwrap_or(text);
                }
                let digits = text.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
                if digits == 0 || (element == Element::ZeroYearDay && digits < 3) {
                    return Err(Fault::Bad);
                }
                self.year_day = Some(plain(take(text, digits)?)?);
            }
            Element::Hour => {
                self.hour = number(text, false)?;
                check(self.hour < 24, "hour")?;
            }
            Element::Hour12 | Element::ZeroHour12 => {
                self.hour = number(text, element == Element::ZeroHour12)?;
                check(self.hour <= 12, "hour")?;
            }
            Element::Minute | Element::ZeroMinute => {
                self.minute = number(text, element == Element::ZeroMinute)?;
                check(self.minute < 60, "minute")?;
            }
            Element::Second | Element::ZeroSecond => {
                self.second = number(text, element == Element::ZeroSecond)?;
                check(self.second < 60, "second")?;
                // A fraction that the layout does not mention is read all the same.
                let mentioned = matches!(next(behind), Some((_, Element::Fraction { .. }, ..)));
                if !mentioned {
                    self.optional_fraction(text)?;
                }
            }
            Element::Noon { lower } => {
                let written = take(text, 2)?;
                self.afternoon = Some(match (written, lower) {
                    (b"PM", false) | (b"pm", true) => true,
                    (b"AM", false) | (b"am", true) => false,
                    _ => return Err(Fault::Bad),
                });
            }
            Element::Offset(form) => self.read_offset(form, text)?,
            Element::Abbreviation => {
                if let Some(rest) = text.strip_prefix(b"UTC") {
                    *text = rest;
                    self.utc = true;
                } else {
                    let len = abbreviation(text).ok_or(Fault::Bad)?;
                    self.abbreviation = Some(String::from_utf8_lossy(take(text, len)?).into_owned());
                }
            }
            Element::Fraction { digits, trim: false, .. } => {
                let written = take(text, digits + 1)?;
                self.nanos = fraction(written)?;
            }
            Element::Fraction { .. } => self.optional_fraction(text)?,
        }
        Ok(())
    }

    fn optional_fraction(&mut self, text: &mut &[u8]) -> Step<()> {
        if let [b'.' | b',', digits @ ..] = *text
            && digits.first().is_some_and(u8::is_ascii_digit)
        {
            let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
            self.nanos = fraction(take(text, len + 1)?)?;
        }
        Ok(())
    }

    fn read_offset(&mut self, form: Offset, text: &mut &[u8]) -> Step<()> {
        if form.zulu
            && let Some(rest) = text.strip_prefix(b"Z")
        {
            *text = rest;
            self.utc = true;
            return Ok(());
        }
        let groups = 1 + usize::from(form.minutes) + usize::from(form.seconds);
        let len = 1 + 2 * groups + if form.colon { groups - 1 } else { 0 };
        let written = take(text, len)?;
        let (sign, mut rest) = written.split_first().ok_or(Fault::Bad)?;
        let mut numbers = [0i64; 3];
        let mut bad = false;
        for (index, slot) in numbers.iter_mut().enumerate().take(groups) {
            if index > 0 && form.colon {
                rest = rest.strip_prefix(b":").ok_or(Fault::Bad)?;
            }
            let (digits, tail) = rest.split_at(2);
            rest = tail;
            match plain(digits) {
                Ok(value) if digits.iter().all(u8::is_ascii_digit) && !bad => *slot = value,
                _ => bad = true,
            }
        }
        let [hours, minutes, seconds] = numbers;
        check(hours <= 24, "time zone offset hour")?;
        check(minutes <= 60, "time zone offset minute")?;
        check(seconds <= 60, "time zone offset second")?;
        let offset = ((hours * 60 + minutes) * 60 + seconds) as i32;
        self.offset = Some(match sign {
            _ if bad => return Err(Fault::Bad),
            b'+' => offset,
            b'-' => -offset,
            _ => return Err(Fault::Bad),
        });
        Ok(())
    }

    /// Month and day from the day of the year, which must agree with those given.
    fn date(&self, value: &[u8]) -> Result<(i64, i64), ParseError> {
        let Some(mut left) = self.year_day else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        if left < 1 || left > 365 + i64::from(is_leap(self.year)) {
            return Err(ParseError::Range { value: quote(value), what: "day-of-year" });
        }
        let mut month = 1;
        while left > days_in_month(self.year, month) {
            left -= days_in_month(self.year, month);
            month += 1;
        }
        let contradiction = |what| ParseError::Contradiction { value: quote(value), what };
        if self.month.is_some_and(|given| given != month) {
            return Err(contradiction("month"));
        }
        if self.day.is_some_and(|given| given != left) {
            return Err(contradiction("day"));
        }
        Ok((month, left))
    }

    fn finish(mut self, value: &[u8], zone: &Zone) -> Result<Time, ParseError> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let (month, day) = self.date(value)?;
        if day < 1 || day > days_in_month(self.year, month) {
            return Err(ParseError::Range { value: quote(value), what: "day" });
        }
        let civil =
            Civil { year: self.year, month, day, hour: self.hour, minute: self.minute, second: self.second };
        let nanos = self.nanos;
        if self.utc {
            return Ok(Time::from_civil(civil, nanos, Zone::Utc));
        }
        let mut time = Time::from_civil(civil, nanos, Zone::Utc);
        // Go marks "no offset" by -1, which therefore cannot be given.
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            time.seconds -= i64::from(offset);
            let (name, there) = zone.at(time.seconds);
            let wanted = self.abbreviation.unwrap_or_default();
            let fits = there == offset && (wanted.is_empty() || wanted == name);
            time.zone = if fits { zone.clone() } else { Zone::Fixed { name: wanted.into(), offset } };
            return Ok(time);
        }
        if let Some(wanted) = self.abbreviation {
            if let Some(offset) = zone.offset_of_abbreviation(&wanted, time.seconds) {
                time.seconds -= i64::from(offset);
                time.zone = zone.clone();
                return Ok(time);
            }
            // The abbreviation of an unknown zone says nothing about its offset, but GMT+3 does. Go keeps the clock's
            // reading as if it were UTC.
            let hours = wanted.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok()).unwrap_or(0);
            time.zone = Zone::Fixed { name: wanted.into(), offset: hours * 3600 };
            return Ok(time);
        }
        Ok(Time::from_civil(civil, nanos, zone.clone()))
    }
}

fn check(holds: bool, what: &'static str) -> Step<()> {
    if holds { Ok(()) } else { Err(Fault::Range(what)) }
}

fn take<'a>(text: &mut &'a [u8], len: usize) -> Step<&'a [u8]> {
    let (head, rest) = text.split_at_checked(len).ok_or(Fault::Bad)?;
    *text = rest;
    Ok(head)
}

/// A whole text as a number, which may have a sign.
fn plain(text: &[u8]) -> Step<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    match leading_int(digits) {
        Some((value, [])) => Ok(if negative { -(value as i64) } else { value as i64 }),
        _ => Err(Fault::Bad),
    }
}

/// One or two digits; two if `fixed`.
fn number(text: &mut &[u8], fixed: bool) -> Step<i64> {
    let digits = text.iter().take(2).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || (fixed && digits < 2) {
        return Err(Fault::Bad);
    }
    plain(take(text, digits)?)
}

/// The index of the name that the text starts with, in any case of its letters.
fn name(text: &mut &[u8], names: &[&str]) -> Step<i64> {
    let found = names.iter().position(|name| {
        text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    });
    let index = found.ok_or(Fault::Bad)?;
    take(text, names.get(index).map_or(0, |name| name.len()))?;
    Ok(index as i64)
}

/// `.123` as nanoseconds; more than nine digits are cut.
fn fraction(text: &[u8]) -> Step<u32> {
    let text = text.get(..10).unwrap_or(text);
    let (b'.' | b',', digits) = text.split_first().ok_or(Fault::Bad)? else { return Err(Fault::Bad) };
    let value = plain(digits)?;
    check(value >= 0, "fractional second")?;
    Ok(value as u32 * 10u32.pow(9 - digits.len() as u32))
}

/// How long the zone's abbreviation is that the text starts with.
fn abbreviation(text: &[u8]) -> Option<usize> {
    match text {
        [b'C', b'h', b'S', b'T', ..] | [b'M', b'e', b'S', b'T', ..] => return Some(4),
        [b'G', b'M', b'T', rest @ ..] => return Some(3 + signed_hours(rest)),
        [b'+' | b'-', ..] if text.len() >= 3 => return Some(signed_hours(text)).filter(|len| *len > 0),
        _ => {}
    }
    let letters = text.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    match letters {
        5 if text.get(4) == Some(&b'T') => Some(5),
        4 if text.get(3) == Some(&b'T') || text.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

/// The length of `+3` or `-11`; 0 if there is no such.
fn signed_hours(text: &[u8]) -> usize {
    let [b'+' | b'-', digits @ ..] = text else { return 0 };
    match leading_int(digits) {
        Some((value, rest)) if value <= 23 && rest.len() < digits.len() => text.len() - rest.len(),
        _ => 0,
    }
}

/// The value without the layout's literal text, in which a run of blanks stands for any number of them.
fn skip<'a>(value: &'a [u8], prefix: &[u8]) -> Result<&'a [u8], &'a [u8]> {
    let (mut value, mut prefix) = (value, prefix);
    while let Some((wanted, behind)) = prefix.split_first() {
        if *wanted == b' ' {
            if value.first().is_some_and(|found| *found != b' ') {
                return Err(value);
            }
            prefix = without_blanks(prefix);
            value = without_blanks(value);
            continue;
        }
        match value.split_first() {
            Some((found, rest)) if found == wanted => value = rest,
            _ => return Err(value),
        }
        prefix = behind;
    }
    Ok(value)
}

fn without_blanks(text: &[u8]) -> &[u8] {
    text.split_at(text.iter().take_while(|b| **b == b' ').count()).1
}
