//! When the tags of an image were first seen.

use std::collections::HashMap;
use std::io::{self, Write};

use jiff::Timestamp;

/// What the name of such a file ends in.
pub(super) const EXTENSION: &str = "seen";

/// When tags were first seen.
///
/// As text: the time of the first scan in milliseconds since 1970, then a line `<time> <tag>` for each tag that came
/// later. Most tags of an image are there when it is first scanned, so this stays short; before any comes later, the
/// time of the list's own file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Seen {
    first: Timestamp,
    later: HashMap<String, Timestamp>,
}

impl Seen {
    /// All tags were first seen at one time.
    pub(super) fn all_at(first: Timestamp) -> Self {
        Self { first: rounded(first), later: HashMap::new() }
    }

    /// Some tags were first seen later than the others.
    pub(super) fn new(first: Timestamp, later: impl Iterator<Item = (String, Timestamp)>) -> Self {
        Self { first, later: later.collect() }
    }

    /// When a tag was first seen.
    pub(in super::super) fn of(&self, tag: &str) -> Timestamp {
        self.later.get(tag).copied().unwrap_or(self.first)
    }

    pub(in super::super) fn parse(text: &str) -> Option<Self> {
        let time = |text: &str| Timestamp::from_millisecond(text.parse().ok()?).ok();
        let mut lines = text.lines();
        let mut seen = Self::all_at(time(lines.next()?)?);
        for line in lines {
            let (at, tag) = line.split_once(' ')?;
            seen.later.insert(tag.to_owned(), time(at)?);
        }
        Some(seen)
    }

    pub(super) fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        writeln!(writer, "{}", self.first.as_millisecond())?;
        for (tag, at) in &self.later {
            writeln!(writer, "{} {tag}", at.as_millisecond())?;
        }
        Ok(())
    }

    /// What is known after a scan that found `list`. Both lists are sorted, greatest first.
    pub(super) fn after<'k>(
        &self,
        known: impl Iterator<Item = &'k str>,
        list: &[String],
        now: Timestamp,
    ) -> Self {
        let now = rounded(now);
        let mut seen = Self::all_at(self.first);
        let mut known = known.peekable();
        for tag in list {
            while known.peek().is_some_and(|other| *other > tag.as_str()) {
                known.next();
            }
            let at = match (self.later.get(tag), known.peek() == Some(&tag.as_str())) {
                // Of a time that was noted last, the list may not have been kept any more.
                (Some(at), _) => *at,
                (None, true) => continue,
                (None, false) => now,
            };
            seen.later.insert(tag.clone(), at);
        }
        seen
    }
}

/// What is written has milliseconds.
fn rounded(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn times_stay_and_new_tags_get_theirs() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = Seen::all_at(at(1));
        let second = first.after(["b", "a"].into_iter(), &owned(&["c", "b", "a"]), at(2));
        assert_eq!((second.of("a"), second.of("b"), second.of("c")), (at(1), at(1), at(2)));
        let mut text = Vec::new();
        second.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text, "1000\n2000 c\n");
        assert_eq!(Seen::parse(&text), Some(second.clone()));
        // The list of the second scan was lost: its times are not.
        let third = second.after(["b", "a"].into_iter(), &owned(&["d", "c", "a"]), at(3));
        assert_eq!((third.of("c"), third.of("d")), (at(2), at(3)));
    }

    #[test]
    fn what_is_damaged_tells_nothing() {
        for text in ["", "x", "1000\nx", "1000\nx y", "1000 a"] {
            assert_eq!(Seen::parse(text), None, "{text:?}");
        }
    }
}
