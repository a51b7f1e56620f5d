//! What stands between `%` and the verb, and padding to a width.

/// The flags, width and precision of a directive.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Flags {
    pub minus: bool,
    pub plus: bool,
    pub sharp: bool,
    pub space: bool,
    pub zero: bool,
    /// `%+v`: field names.
    pub plus_v: bool,
    /// `%#v`: Go syntax.
    pub sharp_v: bool,
    pub width: Option<usize>,
    pub precision: Option<usize>,
}

impl Flags {
    /// Appends text padded to the width.
    pub fn pad(&self, out: &mut Vec<u8>, text: &[u8]) {
        let Some(width) = self.width.filter(|width| *width > 0) else {
            out.extend_from_slice(text);
            return;
        };
        let missing = width.saturating_sub(rune_count(text));
        if self.minus {
            out.extend_from_slice(text);
            self.padding(out, missing);
        } else {
            self.padding(out, missing);
            out.extend_from_slice(text);
        }
    }

    /// Appends text padded with spaces, whatever the flags say.
    pub fn pad_with_spaces(&self, out: &mut Vec<u8>, text: &[u8]) {
        Flags { zero: false, ..*self }.pad(out, text);
    }

    /// Appends so many padding characters; zeros only go to the left.
    pub fn padding(&self, out: &mut Vec<u8>, count: usize) {
        let fill = if self.zero && !self.minus { b'0' } else { b' ' };
        out.resize(out.len() + count, fill);
    }

    /// Cuts text to the precision in characters.
    pub fn truncate<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let Some(precision) = self.precision else { return text };
        let mut rest = text;
        for _ in 0..precision {
            match first_rune(rest) {
                Some((_, width)) => rest = rest.get(width..).unwrap_or_default(),
                None => return text,
            }
        }
        text.get(..text.len() - rest.len()).unwrap_or_default()
    }
}

/// The first character and its width in bytes: U+FFFD and 1 for what is not UTF-8.
pub(crate) fn first_rune(text: &[u8]) -> Option<(char, usize)> {
    let first = *text.first()?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    let longest = text.get(..text.len().min(4)).unwrap_or_default();
    for end in 2..=longest.len() {
        if let Some(Ok(text)) = longest.get(..end).map(std::str::from_utf8) {
            return text.chars().next().map(|rune| (rune, end));
        }
    }
    Some((char::REPLACEMENT_CHARACTER, 1))
}

/// How many characters the text has; each byte that is not UTF-8 counts as one.
pub(crate) fn rune_count(text: &[u8]) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum()
}
