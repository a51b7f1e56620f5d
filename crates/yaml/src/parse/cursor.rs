//! A place in a text, moving forward.

use crate::position::Position;

/// So many bytes are looked at together in search of the end of a line.
const WINDOW: usize = 256;

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Byte offset.
    pub pos: usize,
    /// From 0.
    pub line: u32,
    /// In characters, from 0.
    pub column: u32,
}

impl Mark {
    /// The position from here to `end`.
    pub(super) fn to(self, end: Self) -> Position {
        let (start, end) = (offset(self.pos), offset(end.pos.max(self.pos)));
        Position { line: self.line + 1, column: self.column + 1, start, end }
    }
}

/// An offset as positions hold it: texts of 4 GiB are beyond all other bounds.
pub(crate) fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Reads a text character by character. Behind its end there are zero bytes, which no valid text holds.
#[derive(Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    bytes: &'t [u8],
    pub mark: Mark,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str, start: usize) -> Self {
        Self { text, bytes: text.as_bytes(), mark: Mark { pos: start, line: 0, column: 0 } }
    }

    /// The byte `ahead` bytes from here.
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.mark.pos + ahead).copied().unwrap_or(0)
    }

    pub(super) fn is_end(&self, ahead: usize) -> bool {
        self.mark.pos + ahead >= self.bytes.len()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), b' ' | b'\t')
    }

    /// The length of the line break at `ahead` bytes from here, 0 if there is none.
    fn break_length(&self, ahead: usize) -> usize {
        match self.peek(ahead) {
            b'\n' => 1,
            b'\r' if self.peek(ahead + 1) == b'\n' => 2,
            b'\r' => 1,
            0xC2 if self.peek(ahead + 1) == 0x85 => 2,
            0xE2 if self.peek(ahead + 1) == 0x80 && matches!(self.peek(ahead + 2), 0xA8 | 0xA9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break(&self, ahead: usize) -> bool {
        self.break_length(ahead) > 0
    }

    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.is_end(ahead) || self.is_break(ahead)
    }

    pub(super) fn is_blank_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// Whether `---` or `...` stands here at the start of a line.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.mark.column == 0
            && self
                .bytes
                .get(self.mark.pos..self.mark.pos + 3)
                .is_some_and(|three| three == b"---" || three == b"...")
            && self.is_blank_or_end(3)
    }

    /// Moves over one character of the line.
    pub(super) fn advance(&mut self) {
        let width = match self.peek(0) {
            0..=0x7F => 1,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            _ => 4,
        };
        self.mark.pos = (self.mark.pos + width).min(self.bytes.len());
        self.mark.column += 1;
    }

    /// Moves over `count` characters.
    pub(super) fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.advance();
        }
    }

    /// Moves over the ASCII characters, at most `most`, up to the first one that is not wanted. None of those that are
    /// wanted may be part of a line break.
    pub(super) fn skip_ascii(&mut self, most: usize, wanted: impl Fn(u8) -> bool) {
        let rest = self.bytes.get(self.mark.pos..).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or(rest);
        let count = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        self.mark.pos += count;
        self.mark.column += offset(count);
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.advance();
        }
    }

    /// Moves to the end of the line and returns what it moved over.
    pub(super) fn skip_to_break(&mut self) -> &'t str {
        let start = self.mark.pos;
        loop {
            // Nearly all lines are ASCII, and short.
            let rest = self.bytes.get(self.mark.pos..).unwrap_or_default();
            let window = rest.get(..WINDOW).unwrap_or(rest);
            let line = window.split(|byte| *byte == b'\n').next().unwrap_or_default();
            if line.iter().fold(false, |odd, byte| odd | !matches!(byte, b'\t' | b' '..=b'~')) {
                break;
            }
            self.mark.pos += line.len();
            self.mark.column += offset(line.len());
            if line.len() < WINDOW {
                return self.since(start);
            }
        }
        while !self.is_break_or_end(0) {
            // Nearly all of a line can't begin a break.
            let may_break = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0xC2 | 0xE2);
            let rest = self.bytes.get(self.mark.pos..).unwrap_or_default();
            let plain = rest.get(..rest.iter().position(may_break).unwrap_or(rest.len())).unwrap_or_default();
            if plain.is_empty() {
                self.advance();
                continue;
            }
            self.mark.pos += plain.len();
            self.mark.column += offset(plain.iter().filter(|byte| **byte & 0xC0 != 0x80).count());
        }
        self.since(start)
    }

    /// Moves over the line break here, if there is one, and returns it as a reader sees it: Unicode's own breaks as
    /// they are, any other as `\n`.
    pub(super) fn line_break(&mut self) -> &'t str {
        let length = self.break_length(0);
        if length == 0 {
            return "";
        }
        let start = self.mark.pos;
        self.mark = Mark { pos: start + length, line: self.mark.line + 1, column: 0 };
        if length == 3 { self.since(start) } else { "\n" }
    }

    /// The text from the byte offset `start` to here.
    pub(super) fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.mark.pos).unwrap_or_default()
    }

    /// The text between two byte offsets.
    pub(super) fn between(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.mark.pos..).unwrap_or_default()
    }
}
