//! Plain, quoted and block scalars.

use std::borrow::Cow;

use super::cursor::Mark;
use super::scan::{Scanner, error_at, error_with};
use super::token::{Comment, Kind, Token};
use crate::error::Error;
use crate::node::ScalarStyle;

/// What a block scalar does with the line breaks at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

/// The white space between two words of a scalar.
#[derive(Default)]
struct Gap<'t> {
    /// Blanks on one line.
    blanks: &'t str,
    /// The first line break.
    first_break: &'t str,
    /// Those after it.
    more_breaks: String,
}

impl Gap<'_> {
    /// One line break folds to a space, more to one less; breaks of Unicode's own stay.
    fn fold_into(&self, text: &mut String) {
        if self.first_break.is_empty() && self.more_breaks.is_empty() {
            text.push_str(self.blanks);
        } else if self.first_break != "\n" {
            text.push_str(self.first_break);
            text.push_str(&self.more_breaks);
        } else if self.more_breaks.is_empty() {
            text.push(' ');
        } else {
            text.push_str(&self.more_breaks);
        }
    }
}

impl<'t> Scanner<'t> {
    /// A plain scalar.
    pub(super) fn scan_plain(&mut self) -> Result<Token<'t>, Error> {
        let start = self.cursor.mark;
        let mut end = start;
        let mut text: Cow<'t, str> = Cow::Borrowed("");
        let mut crossed_lines;
        let mut gap = Gap::default();
        loop {
            crossed_lines = !gap.first_break.is_empty();
            if self.cursor.is_document_indicator() || self.cursor.peek(0) == b'#' {
                break;
            }
            let word = self.plain_word();
            if word.is_empty() {
                break;
            }
            if text.is_empty() {
                text = Cow::Borrowed(word);
            } else if !crossed_lines && let Cow::Borrowed(_) = text {
                // Still one stretch of the source.
                text = Cow::Borrowed(self.cursor.since(start.pos));
            } else {
                gap.fold_into(text.to_mut());
                text.to_mut().push_str(word);
            }
            end = self.cursor.mark;
            crossed_lines = false;
            if !(self.cursor.is_blank(0) || self.cursor.is_break(0)) {
                break;
            }
            gap = self.plain_gap()?;
            crossed_lines = !gap.first_break.is_empty();
            if self.flow_level == 0 && i64::from(self.cursor.mark.column) <= self.indent {
                break;
            }
        }
        if crossed_lines {
            self.simple_key_allowed = true;
        }
        Ok(Token { kind: Kind::Scalar(text, ScalarStyle::Plain), start, end })
    }

    /// Characters up to a blank, a line break, or a character that ends a plain scalar.
    fn plain_word(&mut self) -> &'t str {
        let start = self.cursor.mark.pos;
        let harmless = |byte| {
            matches!(byte, b'!'..=b'~') && !matches!(byte, b':' | b',' | b'?' | b'[' | b']' | b'{' | b'}')
        };
        loop {
            self.cursor.skip_ascii(usize::MAX, harmless);
            if self.cursor.is_blank_or_end(0) {
                break;
            }
            let ends = match self.cursor.peek(0) {
                b':' => self.cursor.is_blank_or_end(1),
                b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow_level > 0,
                _ => false,
            };
            if ends {
                break;
            }
            self.cursor.advance();
        }
        self.cursor.since(start)
    }

    fn plain_gap(&mut self) -> Result<Gap<'t>, Error> {
        let mut gap = Gap::default();
        let start = self.cursor.mark.pos;
        loop {
            if self.cursor.is_blank(0) {
                let tab_in_indent = !gap.first_break.is_empty()
                    && i64::from(self.cursor.mark.column) <= self.indent
                    && self.cursor.peek(0) == b'\t';
                if tab_in_indent {
                    return Err(self.error("found a tab character that violates indentation"));
                }
                self.cursor.advance();
            } else if self.cursor.is_break(0) {
                let line_break = self.cursor.line_break();
                if gap.first_break.is_empty() {
                    gap.first_break = line_break;
                } else {
                    gap.more_breaks.push_str(line_break);
                }
            } else {
                break;
            }
        }
        if gap.first_break.is_empty() {
            gap.blanks = self.cursor.since(start);
        }
        Ok(gap)
    }

    /// A quoted scalar.
    pub(super) fn scan_quoted(&mut self, single: bool) -> Result<Token<'t>, Error> {
        let start = self.cursor.mark;
        let quote = if single { b'\'' } else { b'"' };
        self.cursor.advance();
        let mut text = String::new();
        loop {
            if self.cursor.is_document_indicator() {
                return Err(error_at(start, "found unexpected document indicator"));
            }
            if self.cursor.is_end(0) {
                let detail = ": the quote is not closed".to_owned();
                return Err(error_with(start, "found unexpected end of stream", detail));
            }
            let escaped_break = self.quoted_word(single, &mut text, start)?;
            if self.cursor.peek(0) == quote && !escaped_break {
                break;
            }
            self.quoted_gap(escaped_break).fold_into_quoted(&mut text, escaped_break);
        }
        self.cursor.advance();
        let style = if single { ScalarStyle::SingleQuoted } else { ScalarStyle::DoubleQuoted };
        Ok(Token { kind: Kind::Scalar(text.into(), style), start, end: self.cursor.mark })
    }

    /// Characters up to a blank, a line break or the closing quote. True if it ended with an escaped line break.
    fn quoted_word(&mut self, single: bool, text: &mut String, start: Mark) -> Result<bool, Error> {
        while !self.cursor.is_blank_or_end(0) {
            match (self.cursor.peek(0), single) {
                (b'\'', true) if self.cursor.peek(1) == b'\'' => {
                    text.push('\'');
                    self.cursor.skip(2);
                }
                (b'\'', true) | (b'"', false) => return Ok(false),
                (b'\\', false) if self.cursor.is_break(1) => {
                    self.cursor.advance();
                    self.cursor.line_break();
                    return Ok(true);
                }
                (b'\\', false) => text.push(self.escape(start)?),
                _ => {
                    let from = self.cursor.mark.pos;
                    let stop = if single { b'\'' } else { b'"' };
                    let is_plain =
                        |byte| matches!(byte, b'!'..=b'~') && byte != stop && (single || byte != b'\\');
                    self.cursor.skip_ascii(usize::MAX, is_plain);
                    while !self.cursor.is_blank_or_end(0)
                        && self.cursor.peek(0) != stop
                        && (single || self.cursor.peek(0) != b'\\')
                    {
                        self.cursor.advance();
                    }
                    text.push_str(self.cursor.since(from));
                }
            }
        }
        Ok(false)
    }

    fn escape(&mut self, start: Mark) -> Result<char, Error> {
        let (c, digits) = match self.cursor.peek(1) {
            b'0' => ('\0', 0),
            b'a' => ('\u{7}', 0),
            b'b' => ('\u{8}', 0),
            b't' | b'\t' => ('\t', 0),
            b'n' => ('\n', 0),
            b'v' => ('\u{b}', 0),
            b'f' => ('\u{c}', 0),
            b'r' => ('\r', 0),
            b'e' => ('\u{1b}', 0),
            b' ' => (' ', 0),
            b'"' => ('"', 0),
            b'\'' => ('\'', 0),
            b'\\' => ('\\', 0),
            b'N' => ('\u{85}', 0),
            b'_' => ('\u{a0}', 0),
            b'L' => ('\u{2028}', 0),
            b'P' => ('\u{2029}', 0),
            b'x' => ('\0', 2),
            b'u' => ('\0', 4),
            b'U' => ('\0', 8),
            _ => return Err(error_at(start, "found unknown escape character")),
        };
        self.cursor.skip(2);
        if digits == 0 {
            return Ok(c);
        }
        let mut code = 0u32;
        for ahead in 0..digits {
            let Some(digit) = (self.cursor.peek(ahead) as char).to_digit(16) else {
                return Err(error_at(start, "did not find expected hexdecimal number"));
            };
            code = code.wrapping_mul(16).wrapping_add(digit);
        }
        self.cursor.skip(digits);
        char::from_u32(code).ok_or_else(|| error_at(start, "found invalid Unicode character escape code"))
    }

    fn quoted_gap(&mut self, mut crossed: bool) -> Gap<'t> {
        let mut gap = Gap::default();
        let start = self.cursor.mark.pos;
        loop {
            if self.cursor.is_blank(0) {
                self.cursor.advance();
                if !crossed {
                    gap.blanks = self.cursor.since(start);
                }
            } else if self.cursor.is_break(0) {
                let line_break = self.cursor.line_break();
                if crossed {
                    gap.more_breaks.push_str(line_break);
                } else {
                    crossed = true;
                    gap.first_break = line_break;
                }
            } else {
                return gap;
            }
        }
    }

    /// A literal or folded scalar.
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Token<'t>, Error> {
        let start = self.cursor.mark;
        self.cursor.advance();
        let (chomping, increment) = self.block_header(start)?;
        let mut end = self.cursor.mark;
        let mut indent = match increment {
            0 => 0,
            increment => self.indent.max(0) + increment,
        };
        let mut text = String::new();
        let mut line_break = "";
        let mut more_breaks = String::new();
        let mut after_blank = false;
        self.block_breaks(&mut indent, &mut more_breaks, start, &mut end)?;
        while i64::from(self.cursor.mark.column) == indent && !self.cursor.is_end(0) {
            let blank = self.cursor.is_blank(0);
            if !literal && !after_blank && !blank && line_break == "\n" {
                if more_breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(line_break);
            }
            text.push_str(&more_breaks);
            more_breaks.clear();
            after_blank = blank;
            text.push_str(self.cursor.skip_to_break());
            line_break = self.cursor.line_break();
            self.block_breaks(&mut indent, &mut more_breaks, start, &mut end)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(line_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&more_breaks);
        }
        let style = if literal { ScalarStyle::Literal } else { ScalarStyle::Folded };
        Ok(Token { kind: Kind::Scalar(text.into(), style), start, end })
    }

    /// Chomping and indentation indicators (0 for none) and the rest of the line.
    fn block_header(&mut self, start: Mark) -> Result<(Chomping, i64), Error> {
        let mut chomping = Chomping::Clip;
        let mut increment = 0;
        for _ in 0..2 {
            match self.cursor.peek(0) {
                b'+' if chomping == Chomping::Clip => chomping = Chomping::Keep,
                b'-' if chomping == Chomping::Clip => chomping = Chomping::Strip,
                b'0' if increment == 0 => {
                    return Err(error_at(start, "found an indentation indicator equal to 0"));
                }
                digit @ b'1'..=b'9' if increment == 0 => increment = i64::from(digit - b'0'),
                _ => break,
            }
            self.cursor.advance();
        }
        self.cursor.skip_blanks();
        if self.cursor.peek(0) == b'#' {
            let mark = self.cursor.mark;
            let text = self.cursor.skip_to_break();
            self.comment(Comment { start: mark, text, own_line: false });
        }
        if !self.cursor.is_break_or_end(0) {
            return Err(error_at(start, "did not find expected comment or line break"));
        }
        self.cursor.line_break();
        Ok((chomping, increment))
    }

    /// Empty lines and indentation; an `indent` of 0 is set by the deepest of these lines.
    fn block_breaks(
        &mut self,
        indent: &mut i64,
        breaks: &mut String,
        start: Mark,
        end: &mut Mark,
    ) -> Result<(), Error> {
        *end = self.cursor.mark;
        let mut deepest = 0;
        loop {
            let inside = |column: u32| *indent == 0 || i64::from(column) < *indent;
            let most = match *indent - i64::from(self.cursor.mark.column) {
                _ if *indent == 0 => usize::MAX,
                left => usize::try_from(left).unwrap_or(0),
            };
            self.cursor.skip_ascii(most, |byte| byte == b' ');
            deepest = deepest.max(i64::from(self.cursor.mark.column));
            if inside(self.cursor.mark.column) && self.cursor.peek(0) == b'\t' {
                let message = "found a tab character where an indentation space is expected";
                let Mark { line, .. } = start;
                let mark = self.cursor.mark;
                return Err(error_with(mark, message, format!(", in the block text of line {}", line + 1)));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            breaks.push_str(self.cursor.line_break());
            *end = self.cursor.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}

impl Gap<'_> {
    /// As [`Gap::fold_into`]; behind an escaped line break nothing is added but further breaks.
    fn fold_into_quoted(&self, text: &mut String, escaped_break: bool) {
        if escaped_break {
            text.push_str(&self.more_breaks);
        } else {
            self.fold_into(text);
        }
    }
}
