//! Directives, anchors and tags.

use super::scan::{Scanner, error_at};
use super::token::Kind;
use crate::error::Error;

/// The characters of anchors and tag handles.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// The further characters of tags.
fn is_uri(byte: u8) -> bool {
    is_word(byte) || b";/?:@&=+$,.!~*'()[]%".contains(&byte)
}

impl<'t> Scanner<'t> {
    fn word(&mut self) -> &'t str {
        let start = self.cursor.mark.pos;
        while is_word(self.cursor.peek(0)) {
            self.cursor.advance();
        }
        self.cursor.since(start)
    }

    /// The name behind `&` or `*`.
    pub(super) fn scan_anchor(&mut self) -> Result<&'t str, Error> {
        let start = self.cursor.mark;
        self.cursor.advance();
        let name = self.word();
        let ends = self.cursor.is_blank_or_end(0) || b"?:,]}%@`".contains(&self.cursor.peek(0));
        if name.is_empty() || !ends {
            return Err(error_at(start, "did not find expected alphabetic or numeric character"));
        }
        Ok(name)
    }

    pub(super) fn scan_tag(&mut self) -> Result<Kind<'t>, Error> {
        let start = self.cursor.mark;
        let kind = if self.cursor.peek(1) == b'<' {
            self.cursor.skip(2);
            let uri = self.uri(String::new(), false)?;
            if self.cursor.peek(0) != b'>' {
                return Err(error_at(start, "did not find the expected '>'"));
            }
            self.cursor.advance();
            Kind::Tag("", uri)
        } else {
            let handle = self.tag_handle(false)?;
            if handle.len() > 1 && handle.ends_with('!') {
                Kind::Tag(handle, self.uri(String::new(), false)?)
            } else {
                let suffix = self.uri(handle.get(1..).unwrap_or_default().to_owned(), true)?;
                if suffix.is_empty() { Kind::Tag("", "!".to_owned()) } else { Kind::Tag("!", suffix) }
            }
        };
        if !self.cursor.is_blank_or_end(0) {
            return Err(error_at(start, "did not find expected whitespace or line break"));
        }
        Ok(kind)
    }

    fn tag_handle(&mut self, directive: bool) -> Result<&'t str, Error> {
        let start = self.cursor.mark;
        if self.cursor.peek(0) != b'!' {
            return Err(error_at(start, "did not find expected '!'"));
        }
        self.cursor.advance();
        self.word();
        if self.cursor.peek(0) == b'!' {
            self.cursor.advance();
        } else if directive && self.cursor.since(start.pos) != "!" {
            return Err(error_at(start, "did not find expected '!'"));
        }
        Ok(self.cursor.since(start.pos))
    }

    /// A URI behind `head`, `%41` decoded.
    fn uri(&mut self, head: String, may_be_empty: bool) -> Result<String, Error> {
        let start = self.cursor.mark;
        let mut bytes = head.into_bytes();
        let before = bytes.len();
        while is_uri(self.cursor.peek(0)) {
            if self.cursor.peek(0) == b'%' {
                let hex = |byte: u8| (byte as char).to_digit(16);
                let (Some(high), Some(low)) = (hex(self.cursor.peek(1)), hex(self.cursor.peek(2))) else {
                    return Err(error_at(start, "did not find URI escaped octet"));
                };
                bytes.push((high * 16 + low) as u8);
                self.cursor.skip(3);
            } else {
                bytes.push(self.cursor.peek(0));
                self.cursor.advance();
            }
        }
        if bytes.len() == before && !may_be_empty {
            return Err(error_at(start, "did not find expected tag URI"));
        }
        String::from_utf8(bytes).map_err(|_| error_at(start, "found an incorrect trailing UTF-8 octet"))
    }

    /// A line that starts with `%`.
    pub(super) fn scan_directive(&mut self) -> Result<Kind<'t>, Error> {
        let start = self.cursor.mark;
        self.cursor.advance();
        let name = self.word();
        if name.is_empty() {
            return Err(error_at(start, "could not find expected directive name"));
        }
        if !self.cursor.is_blank_or_end(0) {
            return Err(error_at(start, "found unexpected non-alphabetical character"));
        }
        let kind = match name {
            "YAML" => self.version()?,
            "TAG" => self.tag_directive()?,
            _ => return Err(error_at(start, "found unknown directive name")),
        };
        self.cursor.skip_blanks();
        if self.cursor.peek(0) == b'#' {
            self.cursor.skip_to_break();
        }
        if !self.cursor.is_break_or_end(0) {
            return Err(error_at(start, "did not find expected comment or line break"));
        }
        self.cursor.line_break();
        Ok(kind)
    }

    fn version(&mut self) -> Result<Kind<'t>, Error> {
        self.cursor.skip_blanks();
        let major = self.version_number()?;
        if self.cursor.peek(0) != b'.' {
            return Err(self.error("did not find expected digit or '.' character"));
        }
        self.cursor.advance();
        Ok(Kind::Version(major, self.version_number()?))
    }

    fn version_number(&mut self) -> Result<u8, Error> {
        let start = self.cursor.mark;
        while self.cursor.peek(0).is_ascii_digit() {
            self.cursor.advance();
        }
        match self.cursor.since(start.pos) {
            "" => Err(error_at(start, "did not find expected version number")),
            digits if digits.len() > 2 => Err(error_at(start, "found extremely long version number")),
            digits => digits.parse().map_err(|_| error_at(start, "did not find expected version number")),
        }
    }

    fn tag_directive(&mut self) -> Result<Kind<'t>, Error> {
        self.cursor.skip_blanks();
        let handle = self.tag_handle(true)?;
        if !self.cursor.is_blank(0) {
            return Err(self.error("did not find expected whitespace"));
        }
        self.cursor.skip_blanks();
        let prefix = self.uri(String::new(), false)?;
        if !self.cursor.is_blank_or_end(0) {
            return Err(self.error("did not find expected whitespace or line break"));
        }
        Ok(Kind::TagDirective(handle, prefix))
    }
}
