//! Layout: columns, indents, line breaks, the text of scalars.

use super::scalar::{Allowed, is_break, is_printable};
use crate::node::ScalarStyle;

/// Columns per level.
const STEP: usize = 2;

/// The text written so far, and where in its line it ends.
#[derive(Debug)]
pub(super) struct Writer {
    out: String,
    /// Characters in the last line.
    column: usize,
    /// Whether the last character separates words.
    whitespace: bool,
    /// Whether the last line holds nothing but indentation and `-`, `?` or `:` so far.
    pub(super) indention: bool,
    /// The column after which long lines are folded.
    width: usize,
}

impl Writer {
    pub(super) fn new(width: usize) -> Self {
        Self { out: String::new(), column: 0, whitespace: true, indention: true, width }
    }

    pub(super) fn finish(mut self) -> String {
        self.indent(0);
        self.out
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    /// Writes text without line breaks.
    fn put_line(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
        self.indention = false;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    /// Goes to the column `indent` of a fresh line, unless it is there already.
    pub(super) fn indent(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// Writes `-`, `?`, `:`, `[]` and the like.
    pub(super) fn indicator(&mut self, indicator: &str, need_whitespace: bool, keeps_indention: bool) {
        if need_whitespace && !self.whitespace {
            self.put(' ');
        }
        indicator.chars().for_each(|c| self.put(c));
        self.whitespace = false;
        self.indention &= keeps_indention;
    }

    /// Writes a scalar as near to the style wanted as its text allows; `parent` is the indent of the collection
    /// around it, if any.
    pub(super) fn scalar(
        &mut self,
        text: &str,
        allowed: Allowed,
        wanted: ScalarStyle,
        parent: Option<usize>,
        simple_key: bool,
    ) {
        let indent = parent.map_or(STEP, |parent| parent + STEP);
        let fold = !simple_key;
        match allowed.style(text, wanted, simple_key) {
            ScalarStyle::Plain => self.plain(text, indent, fold),
            ScalarStyle::SingleQuoted => self.single_quoted(text, indent, fold),
            ScalarStyle::DoubleQuoted => self.double_quoted(text, indent, fold),
            ScalarStyle::Literal | ScalarStyle::Folded => self.literal(text, indent),
        }
    }

    fn plain(&mut self, text: &str, indent: usize, fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        // What ends before the fold needs no look at its blanks.
        if !fold || self.column + text.len() <= self.width {
            self.put_line(text);
            self.whitespace = false;
            return;
        }
        let mut previous = '\0';
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next_is_space = chars.peek() == Some(&' ');
            if c == ' ' && fold && previous != ' ' && self.column > self.width && !next_is_space {
                self.indent(indent);
            } else {
                self.put(c);
                self.indention = false;
            }
            previous = c;
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, indent: usize, fold: bool) {
        self.indicator("'", true, false);
        let (mut spaces, mut breaks) = (false, false);
        let mut chars = text.char_indices().peekable();
        while let Some((index, c)) = chars.next() {
            if c == ' ' {
                let inside = index > 0 && chars.peek().is_some_and(|(_, next)| *next != ' ');
                if fold && !spaces && self.column > self.width && inside {
                    self.indent(indent);
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.put_break('\n');
                }
                self.put_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.indent(indent);
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
        self.indicator("'", false, false);
    }

    fn double_quoted(&mut self, text: &str, indent: usize, fold: bool) {
        self.indicator("\"", true, false);
        // Go's encoder looks for a byte order mark at the text's start, whichever character it is about to write.
        let escape_all = text.starts_with('\u{feff}');
        let mut spaces = false;
        let mut chars = text.char_indices().peekable();
        while let Some((index, c)) = chars.next() {
            if escape_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
                spaces = false;
            } else if c == ' ' {
                let next = chars.peek().map(|(_, next)| *next);
                if fold && !spaces && self.column > self.width && index > 0 && next.is_some() {
                    self.indent(indent);
                    if next == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.indicator("\"", false, false);
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => '\u{0}',
        };
        self.put('\\');
        if short != '\0' {
            self.put(short);
            return;
        }
        let code = u32::from(c);
        let hex = match code {
            0..=0xFF => format!("x{code:02X}"),
            0x100..=0xFFFF => format!("u{code:04X}"),
            _ => format!("U{code:08X}"),
        };
        hex.chars().for_each(|c| self.put(c));
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.indicator("|", true, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator(&STEP.to_string(), false, false);
        }
        let mut ends = text.chars().rev();
        match (ends.next().is_some_and(is_break), ends.next()) {
            (false, _) => self.indicator("-", false, false),
            (true, None) => self.indicator("+", false, false),
            (true, Some(before)) if is_break(before) => self.indicator("+", false, false),
            (true, Some(_)) => {}
        }
        self.put_break('\n');
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for piece in text.split_inclusive(is_break) {
            let line = piece.trim_end_matches(is_break);
            if !line.is_empty() {
                if breaks {
                    self.indent(indent);
                }
                self.put_line(line);
                breaks = false;
            }
            if let Some(c) = piece.chars().next_back().filter(|c| is_break(*c)) {
                self.put_break(c);
                self.indention = true;
                breaks = true;
            }
        }
    }
}
