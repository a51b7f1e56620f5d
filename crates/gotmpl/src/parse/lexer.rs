//! From text to tokens.

use memchr::memmem::Finder;
use unicode_general_category::{GeneralCategory, get_general_category};

use super::Delims;
use super::node::Span;
use crate::format::first_rune;
use crate::quote::{is_print, quote};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Error,
    Bool,
    /// A printable ASCII character that stands for itself: grammatically only the comma.
    Char,
    CharConstant,
    Complex,
    /// `=`
    Assign,
    /// `:=`
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Keyword(Keyword),
}

/// Words with a meaning of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the words")]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// A token in its place. It is copied for each look ahead, so what an error says is kept by the scanner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub token: Token,
    pub position: usize,
    pub line: usize,
    pub text: &'a [u8],
}

impl Item<'_> {
    /// The text, if all of it is UTF-8, as the text of names is.
    pub fn utf8(&self) -> &str {
        std::str::from_utf8(self.text).unwrap_or_default()
    }

    /// Where it stands: the bound of a text keeps that within 32 bits.
    pub fn span(&self) -> Span {
        Span { start: self.position as u32, end: (self.position + self.text.len()) as u32 }
    }

    /// The token, which is not an error, in an error.
    pub fn describe(&self) -> String {
        match self.token {
            Token::Eof => "EOF".to_owned(),
            Token::Keyword(_) => format!("<{}>", String::from_utf8_lossy(self.text)),
            _ if self.text.len() > 10 => {
                let mut end = 0;
                for _ in 0..10 {
                    end += first_rune(self.text.get(end..).unwrap_or_default()).map_or(0, |(_, width)| width);
                }
                format!("{}...", quote(self.text.get(..end).unwrap_or_default()))
            }
            _ => quote(self.text),
        }
    }
}

const TRIM_MARKER_LEN: usize = 2;
const LEFT_COMMENT: &[u8] = b"/*";
const RIGHT_COMMENT: &[u8] = b"*/";

/// The scanner.
pub(super) struct Lexer<'a> {
    input: &'a [u8],
    left: Finder<'a>,
    right: &'a [u8],
    position: usize,
    /// Where the token being scanned began.
    start: usize,
    line: usize,
    start_line: usize,
    paren_depth: usize,
    inside_action: bool,
    /// `break` is a keyword, not a function of the user's.
    pub break_ok: bool,
    /// `continue` likewise.
    pub continue_ok: bool,
    /// What was wrong, once there was an error.
    failure: String,
}

/// What a step of the scanner gives: a token, or nothing yet.
type Step<'a> = Option<Item<'a>>;

impl<'a> Lexer<'a> {
    pub fn new(input: &'a [u8], delims: &'a Delims) -> Lexer<'a> {
        Lexer {
            input,
            left: Finder::new(&delims.left),
            right: delims.right.as_bytes(),
            position: 0,
            start: 0,
            line: 1,
            start_line: 1,
            paren_depth: 0,
            inside_action: false,
            break_ok: true,
            continue_ok: true,
            failure: String::new(),
        }
    }

    /// What the error says that ended the scan.
    pub fn failure(&self) -> &str {
        &self.failure
    }

    /// The next token.
    pub fn next_item(&mut self) -> Item<'a> {
        loop {
            let step = if self.inside_action { Some(self.inside_action()) } else { self.text() };
            if let Some(item) = step {
                return item;
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.position..).unwrap_or_default()
    }

    fn pending(&self) -> &'a [u8] {
        self.input.get(self.start..self.position).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        first_rune(self.rest()).map(|(rune, _)| rune)
    }

    fn next(&mut self) -> Option<char> {
        let (rune, width) = first_rune(self.rest())?;
        self.position += width;
        if rune == '\n' {
            self.line += 1;
        }
        Some(rune)
    }

    fn accept(&mut self, is_valid: impl Fn(u8) -> bool) -> bool {
        let accepted = self.rest().first().is_some_and(|byte| is_valid(*byte));
        self.position += usize::from(accepted);
        accepted
    }

    fn accept_run(&mut self, is_valid: impl Fn(u8) -> bool) {
        while self.accept(&is_valid) {}
    }

    fn emit(&mut self, token: Token) -> Item<'a> {
        let item = Item { token, position: self.start, line: self.start_line, text: self.pending() };
        self.start = self.position;
        self.start_line = self.line;
        item
    }

    /// Skips what is pending and was not read with `next`.
    fn ignore(&mut self) {
        self.count_lines();
        self.start = self.position;
        self.start_line = self.line;
    }

    fn count_lines(&mut self) {
        self.line += memchr::memchr_iter(b'\n', self.pending()).count();
    }

    /// An error ends the scan.
    fn error(&mut self, message: impl Into<String>) -> Item<'a> {
        self.failure = message.into();
        let item = Item { token: Token::Error, position: self.start, line: self.start_line, text: b"" };
        self.input = &[];
        self.start = 0;
        self.position = 0;
        item
    }

    fn text(&mut self) -> Step<'a> {
        let Some(offset) = self.left.find(self.rest()) else {
            self.position = self.input.len();
            if self.position == self.start {
                let mut end = self.emit(Token::Eof);
                end.text = b"EOF";
                return Some(end);
            }
            self.count_lines();
            return Some(self.emit(Token::Text));
        };
        if offset > 0 {
            self.position += offset;
            let after = self.input.get(self.position + self.left.needle().len()..).unwrap_or_default();
            let trimmed = if has_left_trim_marker(after) {
                self.pending().iter().rev().take_while(|byte| is_space(**byte)).count()
            } else {
                0
            };
            self.position -= trimmed;
            self.count_lines();
            let item = self.emit(Token::Text);
            self.position += trimmed;
            self.ignore();
            if !item.text.is_empty() {
                return Some(item);
            }
        }
        self.left_delim()
    }

    fn left_delim(&mut self) -> Step<'a> {
        self.position += self.left.needle().len();
        let marker = if has_left_trim_marker(self.rest()) { TRIM_MARKER_LEN } else { 0 };
        if self.rest().get(marker..).is_some_and(|rest| rest.starts_with(LEFT_COMMENT)) {
            self.position += marker;
            self.ignore();
            return self.comment();
        }
        let item = self.emit(Token::LeftDelim);
        self.inside_action = true;
        self.position += marker;
        self.ignore();
        self.paren_depth = 0;
        Some(item)
    }

    fn comment(&mut self) -> Step<'a> {
        self.position += LEFT_COMMENT.len();
        let Some(offset) = memchr::memmem::find(self.rest(), RIGHT_COMMENT) else {
            return Some(self.error("unclosed comment"));
        };
        self.position += offset + RIGHT_COMMENT.len();
        let Some(trims) = self.at_right_delim() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.position += if trims { TRIM_MARKER_LEN } else { 0 } + self.right.len();
        if trims {
            self.skip_spaces();
        }
        self.ignore();
        None
    }

    fn skip_spaces(&mut self) {
        self.position += self.rest().iter().take_while(|byte| is_space(**byte)).count();
    }

    /// Whether the right delimiter stands here, and if so, whether it trims.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim_marker(rest)
            && rest.get(TRIM_MARKER_LEN..).is_some_and(|rest| rest.starts_with(self.right))
        {
            return Some(true);
        }
        // Nearly never: one byte tells.
        (rest.first() == self.right.first() && rest.starts_with(self.right)).then_some(false)
    }

    fn right_delim(&mut self, trims: bool) -> Item<'a> {
        if trims {
            self.position += TRIM_MARKER_LEN;
            self.ignore();
        }
        self.position += self.right.len();
        let item = self.emit(Token::RightDelim);
        if trims {
            self.skip_spaces();
            self.ignore();
        }
        self.inside_action = false;
        item
    }

    fn inside_action(&mut self) -> Item<'a> {
        if let Some(trims) = self.at_right_delim() {
            if self.paren_depth == 0 {
                return self.right_delim(trims);
            }
            return self.error("unclosed left paren");
        }
        let before = self.position;
        let Some(rune) = self.next() else { return self.error("unclosed action") };
        match rune {
            ' ' | '\t' | '\r' | '\n' => {
                self.back_to(before, rune);
                self.space()
            }
            '=' => self.emit(Token::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.emit(Token::Declare)
                } else {
                    self.error("expected :=")
                }
            }
            '|' => self.emit(Token::Pipe),
            '"' => self.quoted('"', Token::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Token::CharConstant, "unterminated character constant"),
            '`' => self.raw_string(),
            '$' => self.field_or_variable(Token::Variable),
            // A point before a digit begins a number, at the end of the text too.
            '.' if self.rest().first().is_some_and(|byte| !byte.is_ascii_digit()) => {
                self.field_or_variable(Token::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.position = before;
                self.number()
            }
            rune if is_alphanumeric(rune) => {
                self.position = before;
                self.identifier()
            }
            '(' => {
                self.paren_depth += 1;
                self.emit(Token::LeftParen)
            }
            ')' => match self.paren_depth.checked_sub(1) {
                Some(depth) => {
                    self.paren_depth = depth;
                    self.emit(Token::RightParen)
                }
                None => self.error("unexpected right paren"),
            },
            ' '..='~' => self.emit(Token::Char),
            rune => self.error(format!("unrecognized character in action: {}", code_point(rune))),
        }
    }

    fn back_to(&mut self, position: usize, rune: char) {
        self.position = position;
        if rune == '\n' {
            self.line -= 1;
        }
    }

    fn space(&mut self) -> Item<'a> {
        let mut count = 0;
        while self.rest().first().is_some_and(|byte| is_space(*byte)) {
            self.next();
            count += 1;
        }
        // The last space may belong to a right delimiter that trims.
        let last = self.input.get(self.position.saturating_sub(1)..).unwrap_or_default();
        if has_right_trim_marker(last)
            && last.get(TRIM_MARKER_LEN..).is_some_and(|rest| rest.starts_with(self.right))
        {
            let rune = last.first().map_or(' ', |byte| char::from(*byte));
            self.back_to(self.position.saturating_sub(1), rune);
            if count == 1 {
                return self.right_delim(true);
            }
        }
        self.emit(Token::Space)
    }

    fn skip_alphanumeric(&mut self) {
        loop {
            let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
            self.position += self.rest().iter().take_while(is_word).count();
            match self.peek() {
                Some(rune) if !rune.is_ascii() && is_alphanumeric(rune) => drop(self.next()),
                _ => return,
            }
        }
    }

    fn identifier(&mut self) -> Item<'a> {
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let keyword = match self.pending() {
            b"block" => Keyword::Block,
            b"break" if self.break_ok => Keyword::Break,
            b"continue" if self.continue_ok => Keyword::Continue,
            b"define" => Keyword::Define,
            b"else" => Keyword::Else,
            b"end" => Keyword::End,
            b"if" => Keyword::If,
            b"range" => Keyword::Range,
            b"nil" => Keyword::Nil,
            b"template" => Keyword::Template,
            b"with" => Keyword::With,
            b"true" | b"false" => return self.emit(Token::Bool),
            _ => return self.emit(Token::Identifier),
        };
        self.emit(Token::Keyword(keyword))
    }

    /// The dot or dollar sign is read.
    fn field_or_variable(&mut self, token: Token) -> Item<'a> {
        if self.at_terminator() {
            return match token {
                Token::Variable => self.emit(Token::Variable),
                _ => self.emit(Token::Keyword(Keyword::Dot)),
            };
        }
        self.skip_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(token)
    }

    fn bad_character(&mut self) -> Item<'a> {
        // Not the end of the text: that would have been a terminator.
        let rune = self.peek().unwrap_or(char::REPLACEMENT_CHARACTER);
        self.error(format!("bad character {}", code_point(rune)))
    }

    /// Whether a name may end here.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(self.right),
        }
    }

    /// A literal with escapes; its first mark is read.
    fn quoted(&mut self, mark: char, token: Token, unterminated: &str) -> Item<'a> {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.next(), None | Some('\n')) => {}
                None | Some('\\' | '\n') => return self.error(unterminated),
                Some(rune) if rune == mark => return self.emit(token),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Item<'a> {
        let Some(length) = memchr::memchr(b'`', self.rest()) else {
            return self.error("unterminated raw quoted string");
        };
        self.position += length + 1;
        self.count_lines();
        self.emit(Token::RawString)
    }

    fn number(&mut self) -> Item<'a> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return self.emit(Token::Number);
        }
        if !self.scan_number() || self.pending().last() != Some(&b'i') {
            return self.bad_number();
        }
        self.emit(Token::Complex)
    }

    fn bad_number(&mut self) -> Item<'a> {
        let text = quote(self.pending());
        self.error(format!("bad number syntax: {text}"))
    }

    /// Scans what may be a number; the parser looks closer.
    fn scan_number(&mut self) -> bool {
        let is_sign = |byte: u8| matches!(byte, b'+' | b'-');
        self.accept(is_sign);
        let mut base = 10;
        if self.accept(|byte| byte == b'0') {
            if self.accept(|byte| matches!(byte, b'x' | b'X')) {
                base = 16;
            } else if self.accept(|byte| matches!(byte, b'o' | b'O')) {
                base = 8;
            } else if self.accept(|byte| matches!(byte, b'b' | b'B')) {
                base = 2;
            }
        }
        let is_decimal = |byte: u8| byte == b'_' || byte.is_ascii_digit();
        let is_digit = |byte: u8| byte == b'_' || char::from(byte).is_digit(base);
        self.accept_run(is_digit);
        if self.accept(|byte| byte == b'.') {
            self.accept_run(is_digit);
        }
        let has_exponent = match base {
            10 => self.accept(|byte| matches!(byte, b'e' | b'E')),
            16 => self.accept(|byte| matches!(byte, b'p' | b'P')),
            _ => false,
        };
        if has_exponent {
            self.accept(is_sign);
            self.accept_run(is_decimal);
        }
        self.accept(|byte| byte == b'i');
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

/// `%#U`
fn code_point(rune: char) -> String {
    if is_print(rune) {
        format!("U+{:04X} '{rune}'", u32::from(rune))
    } else {
        format!("U+{:04X}", u32::from(rune))
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn has_left_trim_marker(text: &[u8]) -> bool {
    matches!(text, [b'-', space, ..] if is_space(*space))
}

fn has_right_trim_marker(text: &[u8]) -> bool {
    matches!(text, [space, b'-', ..] if is_space(*space))
}

/// A letter, a decimal digit or an underscore, of any script.
pub(super) fn is_alphanumeric(rune: char) -> bool {
    use GeneralCategory as G;

    if rune.is_ascii() {
        return rune == '_' || rune.is_ascii_alphanumeric();
    }
    matches!(
        get_general_category(rune),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::DecimalNumber
    )
}
