//! Timestamps as Go's YAML libraries recognise them.

/// Reads one number of one or two digits.
fn number(text: &str) -> Option<(u32, &str)> {
    let count = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(count);
    Some((digits.parse().ok()?, rest))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// If `text` is a timestamp (`2001-12-14`, `2001-12-14 21:59:43.1`, `2001-12-14t21:59:43.10-05:00`; fields of one
/// digit pass too), the same instant as RFC 3339 writes it, in its own zone.
pub(crate) fn to_rfc3339(text: &str) -> Option<String> {
    let year_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if year_digits != 4 {
        return None;
    }
    let (year, rest) = text.split_at(4);
    let (month, rest) = number(rest.strip_prefix('-')?)?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    let year_number: u32 = year.parse().ok()?;
    if !(1..=12).contains(&month) || day == 0 || day > days_in(year_number, month) {
        return None;
    }
    let date = format!("{year}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let (rest, zoned) = match rest.as_bytes() {
        [b'T' | b't', ..] => (rest.get(1..)?, true),
        [b' ', ..] => (rest.trim_start_matches(' '), false),
        _ => return None,
    };
    let (hour, rest) = number(rest)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = number(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, rest) = fraction(rest);
    let zone = if zoned {
        zone(rest)?
    } else if rest.is_empty() {
        "Z"
    } else {
        return None;
    };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// Nanoseconds behind a point or comma, without trailing zeros, and what follows.
fn fraction(text: &str) -> (String, &str) {
    let Some(tail) = text.strip_prefix(['.', ',']) else { return (String::new(), text) };
    let count = tail.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return (String::new(), text);
    }
    let (digits, rest) = tail.split_at(count);
    let digits = digits.get(..9).unwrap_or(digits).trim_end_matches('0');
    (if digits.is_empty() { String::new() } else { format!(".{digits}") }, rest)
}

/// `Z` or `+hh:mm`.
fn zone(text: &str) -> Option<&str> {
    if text == "Z" {
        return Some("Z");
    }
    let offset = text.strip_prefix(['+', '-'])?;
    let (hours, minutes) = offset.split_once(':')?;
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<u32>().ok()).flatten();
    match (two(hours)?, two(minutes)?) {
        (0, 0) => Some("Z"),
        (hours, minutes) if hours <= 23 && minutes < 60 => Some(text),
        _ => None,
    }
}
