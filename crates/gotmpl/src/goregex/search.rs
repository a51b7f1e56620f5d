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
}

impl Regex {
    /// The first match from a place on, with its groups, in places of the searchable text.
    fn search(&self, subject: &Subject<'_>, mut from: usize) -> Option<Vec<Span>> {
        loop {
            let captures = self.compiled.captures_at(&subject.text, from)?;
            let whole = captures.get(0)?;
            // An assertion alone can match within a character, where Go does not look.
            if whole.is_empty() && !subject.is_boundary(whole.start()) {
                from = whole.start() + 1;
                while !subject.is_boundary(from) {
                    from += 1;
                }
                continue;
            }
            return Some(
                captures.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect(),
            );
        }
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.search(&Subject::new(text), 0).is_some()
    }

    /// The first match.
    pub fn find<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let subject = Subject::new(text);
        let (start, end) = (*self.search(&subject, 0)?.first()?)?;
        text.get(subject.original(start)..subject.original(end))
    }

    /// The matches one after another, at most `limit` of them (negative: all), as places in the text.
    pub fn find_all(&self, text: &[u8], limit: i64) -> Vec<(usize, usize)> {
        let limit = usize::try_from(limit).unwrap_or(text.len() + 1);
        let subject = Subject::new(text);
        let (mut found, mut at, mut last_end) = (Vec::new(), 0, None);
        while found.len() < limit && at <= subject.text.len() {
            let Some(Some((start, end))) = self.search(&subject, at).and_then(|spans| spans.first().copied())
            else {
                break;
            };
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
        found
    }

    /// The first match with its groups, as places in the text.
    pub(super) fn first(&self, text: &[u8]) -> Option<Vec<Span>> {
        let subject = Subject::new(text);
        let original = |(start, end)| (subject.original(start), subject.original(end));
        Some(self.search(&subject, 0)?.into_iter().map(|span| span.map(original)).collect())
    }

    /// The matches that are replaced, each with its groups.
    pub(super) fn replaced(&self, text: &[u8]) -> Vec<(bool, Vec<Span>)> {
        let subject = Subject::new(text);
        let (mut found, mut at, mut last_end) = (Vec::new(), 0, 0);
        while at <= subject.text.len() {
            let Some(spans) = self.search(&subject, at) else { break };
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
            let original = |(start, end)| (subject.original(start), subject.original(end));
            found.push((replace, spans.into_iter().map(|span| span.map(original)).collect()));
        }
        found
    }

    /// The text between the matches, in at most `limit` parts (negative: all).
    pub fn split<'t>(&self, text: &'t [u8], limit: i64) -> Vec<&'t [u8]> {
        if limit == 0 {
            return Vec::new();
        }
        if text.is_empty() && !self.empty_pattern {
            return vec![text];
        }
        let (mut parts, mut from, mut end) = (Vec::new(), 0, 0);
        for (start, behind) in self.find_all(text, limit) {
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
        parts
    }
}
