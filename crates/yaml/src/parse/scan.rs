//! The scanner: from text to tokens, by the rules of YAML 1.1 as libyaml and Go's ports of it read them.
//!
//! A key without `?` is known as such only at its `:`. Until then its start is remembered as a possible simple key,
//! and the tokens since then wait in the queue for a KEY token to be put before them.

use std::collections::VecDeque;

use super::cursor::{Cursor, Mark};
use super::token::{Comment, Kind, Token};
use crate::error::Error;

/// How far, in characters, the `:` may be from the start of its key.
const SIMPLE_KEY_REACH: usize = 1024;

/// A place where a key may have started.
#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    possible: bool,
    /// Whether nothing else may stand here.
    required: bool,
    /// The number of its first token, counted from the start of the text.
    token: usize,
    mark: Mark,
}

#[derive(Debug)]
pub(super) struct Scanner<'t> {
    pub(super) cursor: Cursor<'t>,
    /// Comments met so far that nothing has claimed.
    pub(super) comments: VecDeque<Comment<'t>>,
    /// Whether comments are of use.
    keeps_comments: bool,
    queue: VecDeque<Token<'t>>,
    /// How many tokens have left the queue.
    taken: usize,
    /// The column of the innermost block collection, -1 outside of any.
    pub(super) indent: i64,
    indents: Vec<i64>,
    /// How many flow collections are open.
    pub(super) flow_level: usize,
    pub(super) simple_key_allowed: bool,
    /// One per flow level.
    simple_keys: Vec<SimpleKey>,
    ended: bool,
    depth: usize,
}

impl<'t> Scanner<'t> {
    /// Reads `text` from the byte offset `start`; collections may nest to `depth`.
    pub(super) fn new(text: &'t str, start: usize, depth: usize) -> Self {
        Self {
            cursor: Cursor::new(text, start),
            comments: VecDeque::new(),
            keeps_comments: true,
            queue: VecDeque::new(),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            ended: false,
            depth,
        }
    }

    /// The next token, without taking it.
    pub(super) fn peek(&mut self) -> Result<&Token<'t>, Error> {
        if let Err(mut error) = self.fill() {
            // Go's scanner names the line that it has reached, but not the first one.
            if let Error::Syntax { go_line, go3_line, position, .. } = &mut error {
                *go_line = if self.cursor.mark.line == 0 { 0 } else { self.cursor.mark.line + 1 };
                *go3_line = if position.line > 1 { position.line } else { *go_line };
            }
            return Err(error);
        }
        self.queue.front().ok_or_else(|| self.error("did not find expected node content"))
    }

    /// The next token. After the end of the stream there are only further ends.
    pub(super) fn next(&mut self) -> Result<Token<'t>, Error> {
        self.peek()?;
        match self.queue.pop_front() {
            Some(end @ Token { kind: Kind::StreamEnd, .. }) => {
                self.queue.push_front(end.clone());
                Ok(end)
            }
            Some(token) => {
                self.taken += 1;
                Ok(token)
            }
            None => Err(self.error("did not find expected node content")),
        }
    }

    fn fill(&mut self) -> Result<(), Error> {
        while self.needs_more()? {
            self.fetch()?;
        }
        Ok(())
    }

    /// An error at the cursor.
    pub(super) fn error(&self, message: &str) -> Error {
        error_at(self.cursor.mark, message)
    }

    fn needs_more(&mut self) -> Result<bool, Error> {
        if self.queue.is_empty() {
            return Ok(true);
        }
        let head = self.taken;
        for level in 0..self.simple_keys.len() {
            if self.simple_keys.get(level).is_some_and(|key| key.possible && key.token == head) {
                return self.is_valid_key(level);
            }
        }
        Ok(false)
    }

    /// Whether the possible key of that flow level can still be one; a required one that cannot is an error.
    fn is_valid_key(&mut self, level: usize) -> Result<bool, Error> {
        let mark = self.cursor.mark;
        let Some(key) = self.simple_keys.get_mut(level) else { return Ok(false) };
        if !key.possible {
            return Ok(false);
        }
        let too_far = mark.pos - key.mark.pos > SIMPLE_KEY_REACH
            && self.cursor.between(key.mark.pos, mark.pos).chars().count() > SIMPLE_KEY_REACH;
        if key.mark.line == mark.line && !too_far {
            return Ok(true);
        }
        if key.required {
            return Err(error_at(key.mark, "could not find expected ':'"));
        }
        key.possible = false;
        Ok(false)
    }

    fn save_simple_key(&mut self) -> Result<(), Error> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        self.remove_simple_key()?;
        let mark = self.cursor.mark;
        let required = self.flow_level == 0 && self.indent == i64::from(mark.column);
        let key = SimpleKey { possible: true, required, token: self.taken + self.queue.len(), mark };
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), Error> {
        match self.simple_keys.last_mut() {
            Some(key) if key.possible && key.required => {
                Err(error_at(key.mark, "could not find expected ':'"))
            }
            Some(key) => {
                key.possible = false;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn push(&mut self, kind: Kind<'t>, start: Mark) {
        self.queue.push_back(Token { kind, start, end: self.cursor.mark });
    }

    /// Opens a block collection at that column if it is deeper than the one around; `at` is the number of the token
    /// to put its start before.
    fn roll_indent(&mut self, mark: Mark, at: Option<usize>, kind: Kind<'t>) -> Result<(), Error> {
        let column = i64::from(mark.column);
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        if self.indents.len() >= self.depth {
            return Err(self.too_deep());
        }
        self.indents.push(self.indent);
        self.indent = column;
        let token = Token { kind, start: mark, end: mark };
        match at {
            Some(number) => self.insert(number, token),
            None => self.queue.push_back(token),
        }
        Ok(())
    }

    fn insert(&mut self, number: usize, token: Token<'t>) {
        let index = number.saturating_sub(self.taken).min(self.queue.len());
        self.queue.insert(index, token);
    }

    fn too_deep(&self) -> Error {
        let mark = self.cursor.mark;
        Error::Limit { position: mark.to(mark), message: format!("exceeded max depth of {}", self.depth) }
    }

    /// Closes the block collections deeper than that column.
    fn unroll_indent(&mut self, column: i64) {
        while self.flow_level == 0 && self.indent > column {
            self.push(Kind::BlockEnd, self.cursor.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch(&mut self) -> Result<(), Error> {
        if self.ended {
            return Err(self.error("did not find expected node content"));
        }
        self.skip_to_token();
        self.unroll_indent(i64::from(self.cursor.mark.column));
        if self.cursor.is_end(0) {
            return self.fetch_stream_end();
        }
        let first = self.cursor.peek(0);
        if self.cursor.mark.column == 0 && first == b'%' {
            return self.fetch_directive();
        }
        if self.cursor.is_document_indicator() {
            return self.fetch_document_indicator(if first == b'-' {
                Kind::DocumentStart
            } else {
                Kind::DocumentEnd
            });
        }
        let flow = self.flow_level > 0;
        let before_space = self.cursor.is_blank_or_end(1);
        match first {
            b'[' => self.fetch_flow_start(Kind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Kind::FlowMappingStart),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if before_space => self.fetch_block_entry(),
            b'?' if flow || before_space => self.fetch_key(),
            b':' if flow || before_space => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(first == b'*'),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !flow => self.fetch_block_scalar(first == b'|'),
            b'\'' | b'"' => self.fetch_quoted(first == b'\''),
            b'\t' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                Err(self.error("found character that cannot start any token"))
            }
            _ => self.fetch_plain(),
        }
    }

    fn skip_to_token(&mut self) {
        let mut own_line = self.cursor.mark.column == 0;
        loop {
            self.cursor.skip_ascii(usize::MAX, |byte| byte == b' ');
            while self.cursor.peek(0) == b' '
                || (self.flow_level > 0 || !self.simple_key_allowed) && self.cursor.peek(0) == b'\t'
            {
                self.cursor.advance();
            }
            if self.cursor.peek(0) == b'#' {
                let start = self.cursor.mark;
                let text = self.cursor.skip_to_break();
                self.comment(Comment { start, text, own_line });
            }
            if !self.cursor.is_break(0) {
                return;
            }
            self.cursor.line_break();
            own_line = true;
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    /// Leaves all comments out.
    pub(super) fn drop_comments(&mut self) {
        self.keeps_comments = false;
    }

    /// Keeps a comment for the node that claims it.
    pub(super) fn comment(&mut self, comment: Comment<'t>) {
        if self.keeps_comments {
            self.comments.push_back(comment);
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), Error> {
        if self.cursor.mark.column != 0 {
            self.cursor.mark.column = 0;
            self.cursor.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.ended = true;
        self.push(Kind::StreamEnd, self.cursor.mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Error> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        let kind = self.scan_directive()?;
        self.push(kind, start);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, kind: Kind<'t>) -> Result<(), Error> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        self.cursor.skip(3);
        self.push(kind, start);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind<'t>) -> Result<(), Error> {
        self.save_simple_key()?;
        if self.flow_level >= self.depth {
            return Err(self.too_deep());
        }
        self.simple_keys.push(SimpleKey::default());
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.indicator(kind);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind<'t>) -> Result<(), Error> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.indicator(kind);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Error> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(Kind::FlowEntry);
        Ok(())
    }

    fn indicator(&mut self, kind: Kind<'t>) {
        let start = self.cursor.mark;
        self.cursor.advance();
        self.push(kind, start);
    }

    fn fetch_block_entry(&mut self) -> Result<(), Error> {
        // In a flow collection a dash is an error too: the parser knows better what to say about it.
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("block sequence entries are not allowed in this context"));
            }
            self.roll_indent(self.cursor.mark, None, Kind::BlockSequenceStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(Kind::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Error> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("mapping keys are not allowed in this context"));
            }
            self.roll_indent(self.cursor.mark, None, Kind::BlockMappingStart)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.indicator(Kind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Error> {
        let level = self.simple_keys.len().saturating_sub(1);
        if self.is_valid_key(level)?
            && let Some(key) = self.simple_keys.last_mut()
        {
            key.possible = false;
            let key = *key;
            self.insert(key.token, Token { kind: Kind::Key, start: key.mark, end: key.mark });
            self.roll_indent(key.mark, Some(key.token), Kind::BlockMappingStart)?;
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.error("mapping values are not allowed in this context"));
                }
                self.roll_indent(self.cursor.mark, None, Kind::BlockMappingStart)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.indicator(Kind::Value);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        let name = self.scan_anchor()?;
        self.push(if alias { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }

    fn fetch_tag(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        let kind = self.scan_tag()?;
        self.push(kind, start);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), Error> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let token = self.scan_block_scalar(literal)?;
        self.queue.push_back(token);
        Ok(())
    }

    fn fetch_quoted(&mut self, single: bool) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_quoted(single)?;
        self.queue.push_back(token);
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_plain()?;
        self.queue.push_back(token);
        Ok(())
    }
}

/// A syntax error.
pub(super) fn error_at(mark: Mark, message: &str) -> Error {
    error_with(mark, message, String::new())
}

/// A syntax error with more than Go's words. Go's parser counts lines from 0; where the scanner found it, that is
/// corrected.
pub(super) fn error_with(mark: Mark, message: &str, detail: String) -> Error {
    let (position, message, line) = (mark.to(mark), message.to_owned(), mark.line);
    Error::Syntax { position, message, detail, go_line: line, go3_line: line }
}

/// A syntax error in something that begins elsewhere, which is what the third version of Go's parser names.
pub(super) fn error_within(mark: Mark, message: &str, what: &str, start: Mark) -> Error {
    let detail = format!(" in the {what} that starts at line {}", start.line + 1);
    let mut error = error_with(mark, message, detail);
    if let Error::Syntax { go3_line, .. } = &mut error
        && start.line > 0
    {
        *go3_line = start.line;
    }
    error
}
