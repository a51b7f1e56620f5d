//! Go's layouts: an example time, written as the wanted text.

/// One element of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// `January`
    LongMonth,
    /// `Jan`
    Month,
    /// `1`
    NumMonth,
    /// `01`
    ZeroMonth,
    /// `Monday`
    LongWeekday,
    /// `Mon`
    Weekday,
    /// `2`
    Day,
    /// `_2`
    UnderDay,
    /// `02`
    ZeroDay,
    /// `__2`
    UnderYearDay,
    /// `002`
    ZeroYearDay,
    /// `15`
    Hour,
    /// `3`
    Hour12,
    /// `03`
    ZeroHour12,
    /// `4`
    Minute,
    /// `04`
    ZeroMinute,
    /// `5`
    Second,
    /// `05`
    ZeroSecond,
    /// `2006`
    LongYear,
    /// `06`
    Year,
    /// `PM` or `pm`
    Noon {
        /// `pm`
        lower: bool,
    },
    /// `MST`
    Abbreviation,
    /// `-0700` and its kin
    Offset(Offset),
    /// `.000`, `,999`
    Fraction {
        /// `.` or `,`
        separator: u8,
        /// How many digits.
        digits: usize,
        /// `9`: without trailing zeros.
        trim: bool,
    },
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// `Z07:00`: a Z for UTC.
    pub(super) zulu: bool,
    /// `-07:00`
    pub(super) colon: bool,
    /// With minutes.
    pub(super) minutes: bool,
    /// With seconds.
    pub(super) seconds: bool,
}

/// The forms of an offset behind `-` or `Z`, longest first where one begins another.
const OFFSETS: [(&[u8], bool, bool, bool); 5] = [
    (b"070000", false, true, true),
    (b"07:00:00", true, true, true),
    (b"0700", false, true, false),
    (b"07:00", true, true, false),
    (b"07", false, false, false),
];

/// A layout, split at an element.
type Split<'l> = (&'l [u8], Element, &'l [u8], &'l [u8]);

/// Splits a layout at its first element: the text before, the element with the bytes it takes, the text behind.
pub(super) fn next(layout: &[u8]) -> Option<Split<'_>> {
    (0..layout.len()).find_map(|at| {
        let (before, rest) = layout.split_at(at);
        // `_2006` is an underscore and a year.
        if rest.starts_with(b"_2006") {
            let (before, rest) = layout.split_at(at + 1);
            let (written, behind) = rest.split_at(4);
            return Some((before, Element::LongYear, written, behind));
        }
        let (element, len) = element(rest)?;
        let (written, behind) = rest.split_at(len);
        Some((before, element, written, behind))
    })
}

fn element(text: &[u8]) -> Option<(Element, usize)> {
    // `Jan` and `Mon` are elements only where no word goes on.
    let word_ends = || !text.get(3).is_some_and(u8::is_ascii_lowercase);
    Some(match text {
        [b'J', b'a', b'n', b'u', b'a', b'r', b'y', ..] => (Element::LongMonth, 7),
        [b'J', b'a', b'n', ..] if word_ends() => (Element::Month, 3),
        [b'M', b'o', b'n', b'd', b'a', b'y', ..] => (Element::LongWeekday, 6),
        [b'M', b'o', b'n', ..] if word_ends() => (Element::Weekday, 3),
        [b'M', b'S', b'T', ..] => (Element::Abbreviation, 3),
        [b'0', b'1', ..] => (Element::ZeroMonth, 2),
        [b'0', b'2', ..] => (Element::ZeroDay, 2),
        [b'0', b'3', ..] => (Element::ZeroHour12, 2),
        [b'0', b'4', ..] => (Element::ZeroMinute, 2),
        [b'0', b'5', ..] => (Element::ZeroSecond, 2),
        [b'0', b'6', ..] => (Element::Year, 2),
        [b'0', b'0', b'2', ..] => (Element::ZeroYearDay, 3),
        [b'1', b'5', ..] => (Element::Hour, 2),
        [b'1', ..] => (Element::NumMonth, 1),
        [b'2', b'0', b'0', b'6', ..] => (Element::LongYear, 4),
        [b'2', ..] => (Element::Day, 1),
        [b'_', b'2', ..] => (Element::UnderDay, 2),
        [b'_', b'_', b'2', ..] => (Element::UnderYearDay, 3),
        [b'3', ..] => (Element::Hour12, 1),
        [b'4', ..] => (Element::Minute, 1),
        [b'5', ..] => (Element::Second, 1),
        [b'P', b'M', ..] => (Element::Noon { lower: false }, 2),
        [b'p', b'm', ..] => (Element::Noon { lower: true }, 2),
        [sign @ (b'-' | b'Z'), rest @ ..] => {
            let (form, colon, minutes, seconds) =
                OFFSETS.into_iter().find(|form| rest.starts_with(form.0))?;
            (Element::Offset(Offset { zulu: *sign == b'Z', colon, minutes, seconds }), form.len() + 1)
        }
        [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] => {
            let digits = text.iter().skip(1).take_while(|b| *b == digit).count();
            if text.get(digits + 1).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            (Element::Fraction { separator: *separator, digits, trim: *digit == b'9' }, digits + 1)
        }
        _ => return None,
    })
}
