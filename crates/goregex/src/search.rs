//! Finding matches as Go does, in any bytes.

use std::borrow::Cow;

use super::Regex;

/// Where a group matched; `None` if it took no part.
pub(super) type Span = Option<(usize, usize)>;

/// A text made searchable. Go reads a byte that is not UTF-8 as U+FFFD; the `regex` crate would match nothing there.
pub(super) struct Subject<'a> {
    /// The text with U+FFFD in place of each such byte.
    text: Cow<'a, [u8]>,
    /// Where in `text` the replacements end, ascending.
    replaced: Vec<usize>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        if std::str::from_utf8(bytes).is_ok() {
            return Self { text: Cow::Borrowed(bytes), replaced: Vec::new() };
        }
        let (mut text, mut replaced) = (Vec::with_capacity(bytes.len() + 2), Vec::new());
        for chunk in bytes.utf8_chunks() {
            text.extend_from_slice(chunk.valid().as_bytes());
            for _ in chunk.invalid() {
                text.extend_from_slice("\u{FFFD}".as_bytes());
                replaced.push(text.len());
            }
        }
        Self { text: Cow::Owned(text), replaced }
    }

    /// The place in the original for one in the searchable text. Matches begin and end between characters.
    fn original(&self, at: usize) -> usize {
        at - 2 * self.replaced.partition_point(|end| *end <= at)
    }

    /// How many bytes the character at a place takes; 0 at the end.
    fn width(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        match rest.first() {
            None => 0,
            Some(0..=0x7F) => 1,
            Some(0x80..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(_) => 4,
        }
    }

    fn is_boundary(&self, at: usize) -> bool {
        self.text.get(at).is_none_or(|byte| !(0x80..0xC0).contains(byte))
    }

    /// Where to search on, if a match is of an assertion alone within a character, where Go does not look.
    fn retry_from(&self, start: usize, end: usize) -> Option<usize> {
        let within = start == end && !self.is_boundary(start);
        within.then(|| {
            (start + 1..=self.text.len()).find(|at| self.is_boundary(*at)).unwrap_or(self.text.len())
        })
    }
}

impl Regex {
    /// The first match from a place on, without its groups, in places of the searchable text.
    fn whole(&self, subject: &Subject<'_>, mut from: usize) -> Option<(usize, usize)> {
        loop {
            let found = self.compiled.find_at(&subject.text, from)?;
            match subject.retry_from(found.start(), found.end()) {
                Some(next) => from = next,
                None => return Some((found.start(), found.end())),
            }
        }
    }

    /// The first match from a place on, with its groups, in places of the searchable text.
    fn groups(&self, subject: &Subject<'_>, from: usize) -> Option<Vec<Span>> {
        // Finding is much quicker than finding groups; those are looked for where there is a match only.
        let (start, _) = self.whole(subject, from)?;
        let captures = self.compiled.captures_at(&subject.text, start)?;
        Some(captures.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect())
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.whole(&Subject::new(text), 0).is_some()
    }

    /// The first match.
    pub fn find<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let subject = Subject::new(text);
        let (start, end) = self.whole(&subject, 0)?;
        text.get(subject.original(start)..subject.original(end))
    }

    /// The matches one after another, at most `limit` of them (negative: all), as places in the text. Before each, the
    /// caller is asked whether to go on.
    pub fn find_all<E>(
        &self,
        text: &[u8],
        limit: i64,
        mut go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<Vec<(usize, usize)>, E> {
        let limit = usize::try_from(limit).unwrap_or(text.len() + 1);
        let subject = Subject::new(text);
        let (mut found, mut at, mut last_end) = (Vec::new(), 0, None);
        while found.len() < limit && at <= subject.text.len() {
            go_on()?;
            let Some((start, end)) = self.whole(&subject, at) else { break };
            let mut accept = true;
            if end == at {
                // No empty match directly behind another one.
                accept = last_end != Some(start);
                at += subject.width(at).max(1);
            } else {
                at = end;
            }
            last_end = Some(end);
            if accept {
                found.push((subject.original(start), subject.original(end)));
            }
        }
        Ok(found)
    }

    /// The first match with its groups, as places in the text.
    pub(super) fn first(&self, text: &[u8]) -> Option<Vec<Span>> {
        let subject = Subject::new(text);
        let original = |(start, end)| (subject.original(start), subject.original(end));
        Some(self.groups(&subject, 0)?.into_iter().map(|span| span.map(original)).collect())
    }

    /// Calls back for each match that is looked at when all are replaced: with its groups as places in the text, and
    /// whether it is replaced.
    pub(super) fn each_replaced<E>(
        &self,
        text: &[u8],
        mut each: impl FnMut(bool, &[Span]) -> Result<(), E>,
    ) -> Result<(), E> {
        let subject = Subject::new(text);
        let original = |(start, end)| (subject.original(start), subject.original(end));
        let (mut at, mut last_end) = (0, 0);
        while at <= subject.text.len() {
            let Some(mut spans) = self.groups(&subject, at) else { break };
            let Some(Some((start, end))) = spans.first().copied() else { break };
            // An empty match directly behind another one is not replaced.
            let replace = end > last_end || start == 0;
            last_end = end;
            let next = at + subject.width(at);
            at = if next > end {
                next
            } else if at + 1 > end {
                at + 1
            } else {
                end
            };
            for span in spans.iter_mut().flatten() {
                *span = original(*span);
            }
            each(replace, &spans)?;
        }
        Ok(())
    }

    /// The text between the matches, in at most `limit` parts (negative: all). Before each search, the caller is asked
    /// whether to go on.
    pub fn split<'t, E>(
        &self,
        text: &'t [u8],
        limit: i64,
        go_on: impl FnMut() -> Result<(), E>,
    ) -> Result<Vec<&'t [u8]>, E> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        if text.is_empty() && !self.empty_pattern {
            return Ok(vec![text]);
        }
        let (mut parts, mut from, mut end) = (Vec::new(), 0, 0);
        for (start, behind) in self.find_all(text, limit, go_on)? {
            if limit > 0 && parts.len() as i64 >= limit - 1 {
                break;
            }
            end = start;
            if behind != 0 {
                parts.push(text.get(from..end).unwrap_or_default());
            }
            from = behind;
        }
        if end != text.len() {
            parts.push(text.get(from..).unwrap_or_default());
        }
        Ok(parts)
    }
}
