//! Texts in quotes.

use sluice_gotmpl::quote::quote;

use super::{Fault, Reader, Step};

impl Reader<'_> {
    pub(super) fn string(&mut self) -> Step {
        loop {
            match self.next()? {
                None => return Err(self.fault("unexpected EOF; expected '\"'")),
                Some('\n' | '\r') => return Err(self.broken_string()),
                Some('\\') => self.escape()?,
                Some('"') => return Ok(()),
                Some(_) => {}
            }
        }
    }

    pub(super) fn broken_string(&self) -> Fault {
        self.fault_before("strings cannot contain newlines")
    }

    pub(super) fn raw_string(&mut self) -> Step {
        loop {
            match self.next()? {
                None => return Err(self.fault("unexpected EOF; expected \"'\"")),
                Some('\n' | '\r') => return Err(self.broken_string()),
                Some('\'') => return Ok(()),
                Some(_) => {}
            }
        }
    }

    pub(super) fn long_string(&mut self, end: &str, escapes: bool) -> Step {
        loop {
            if self.accept(end) {
                // Two more quotes may belong to the text.
                let quote = end.get(..1).unwrap_or_default();
                let _ = self.accept(quote) && self.accept(quote);
                return Ok(());
            }
            match self.next()? {
                None if escapes => return Err(self.fault("unexpected EOF; expected '\"\"\"'")),
                None => return Err(self.fault("unexpected EOF; expected \"'''\"")),
                Some('\\') if escapes && !matches!(self.peek()?, Some('\n' | '\r')) => self.escape()?,
                Some(_) => {}
            }
        }
    }

    pub(super) fn escape(&mut self) -> Step {
        let start = self.at;
        let (digits, count) = match self.next()? {
            Some('e' | 'b' | 't' | 'n' | 'f' | 'r' | '"' | ' ' | '\t' | '\\') => return Ok(()),
            Some('x') => (2, "two"),
            Some('u') => (4, "four"),
            Some('U') => (8, "eight"),
            other => {
                let c = other.unwrap_or('\0');
                return Err(Fault { line: self.line, message: format!("invalid escape in string '\\{c}'") });
            }
        };
        let letter = self.text.get(start..self.at).unwrap_or_default();
        for _ in 0..digits {
            if !self.next()?.is_some_and(|c| c.is_ascii_hexdigit()) {
                let found = quote(self.text.get(start - 1..self.at).unwrap_or_default().as_bytes());
                let message = format!(
                    "expected {count} hexadecimal digits after '\\{letter}', but got {found} instead"
                );
                return Err(self.fault(message));
            }
        }
        Ok(())
    }
}
