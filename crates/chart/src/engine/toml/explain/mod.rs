//! What is wrong with a text that is no TOML, in the words of the Go library that Helm uses: templates pass them on.
//!
//! The text is read once more, for its faults only: where that library stops, and which key it has read last.

mod collection;
mod number;
mod text;

use std::collections::BTreeSet;

use sluice_gotmpl::quote::quote;

/// The first fault that Go's library meets; `None` if it would meet none.
pub(super) fn explain(text: &str) -> Option<String> {
    let mut reader =
        Reader { text, at: 0, line: 1, context: Vec::new(), key: String::new(), known: Known::default() };
    let fault = reader.document().err()?;
    let last = match (reader.context.is_empty(), reader.key.is_empty()) {
        (_, true) => reader.context.join("."),
        (true, false) => reader.key.clone(),
        (false, false) => format!("{}.{}", reader.context.join("."), reader.key),
    };
    let last = if last.is_empty() { last } else { format!(" (last key {})", quote(last.as_bytes())) };
    Some(format!("toml: line {}{last}: {}", fault.line, fault.message))
}

struct Fault {
    line: usize,
    message: String,
}

type Step<T = ()> = Result<T, Fault>;

/// Which keys there are: those that were written, and those that only follow from longer ones.
#[derive(Default)]
struct Known {
    explicit: BTreeSet<Vec<String>>,
    implied: BTreeSet<Vec<String>>,
    lists: BTreeSet<Vec<String>>,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    /// The table that entries belong to.
    context: Vec<String>,
    /// The entry whose value is read.
    key: String,
    known: Known,
}

fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// `%q` of a character; the end of the text is a zero.
fn shown(c: Option<char>) -> String {
    match c.unwrap_or('\0') {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let quoted = quote(c.to_string().as_bytes());
            format!("'{}'", quoted.trim_matches('"'))
        }
    }
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The character here; control characters are refused wherever they are looked at.
    fn peek(&self) -> Step<Option<char>> {
        let mut chars = self.rest().chars();
        let Some(c) = chars.next() else { return Ok(None) };
        let is_lone_return = c == '\r' && chars.next() != Some('\n');
        if is_lone_return || c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r') {
            let message = format!("TOML files cannot contain control characters: '0x{:02x}'", u32::from(c));
            return Err(Fault { line: self.line, message });
        }
        Ok(Some(c))
    }

    fn next(&mut self) -> Step<Option<char>> {
        let c = self.peek()?;
        if let Some(c) = c {
            self.at += c.len_utf8();
            self.line += usize::from(c == '\n');
        }
        Ok(c)
    }

    fn accept(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn skip_blanks(&mut self) -> Step {
        while matches!(self.peek()?, Some(' ' | '\t')) {
            self.next()?;
        }
        Ok(())
    }

    /// A fault at what was read last. At the end of the text it is on the last line that has something.
    fn fault(&self, message: impl Into<String>) -> Fault {
        let at_end = self.rest().is_empty() && self.text.ends_with('\n');
        Fault { line: self.line - usize::from(at_end && self.line > 1), message: message.into() }
    }

    /// A fault at a line break that was read: it is on the line before.
    fn fault_before(&self, message: impl Into<String>) -> Fault {
        Fault { line: self.line.saturating_sub(1).max(1), message: message.into() }
    }

    /// A fault at a character that was read.
    fn unexpected(&self, c: Option<char>, message: String) -> Fault {
        match c {
            Some('\n') => self.fault_before(message),
            None => self.fault(message),
            Some(_) => Fault { line: self.line, message },
        }
    }

    fn document(&mut self) -> Step {
        loop {
            match self.peek()? {
                None => return Ok(()),
                Some(' ' | '\t' | '\n' | '\r') => {
                    self.next()?;
                }
                Some('#') => self.comment()?,
                Some('[') => {
                    self.header()?;
                    self.line_end()?;
                }
                Some(_) => {
                    self.entry()?;
                    self.key.clear();
                    self.line_end()?;
                }
            }
        }
    }

    fn comment(&mut self) -> Step {
        while !matches!(self.peek()?, None | Some('\n' | '\r')) {
            self.next()?;
        }
        Ok(())
    }

    fn line_end(&mut self) -> Step {
        self.skip_blanks()?;
        match self.next()? {
            None | Some('\n' | '\r') => Ok(()),
            Some('#') => self.comment(),
            other => {
                let got = shown(other);
                let message = format!(
                    "expected a top-level item to end with a newline, comment, or EOF, but got {got} instead"
                );
                Err(self.unexpected(other, message))
            }
        }
    }

    /// `[table]` or `[[list of tables]]`
    fn header(&mut self) -> Step {
        self.next()?;
        let list = self.accept("[");
        let mut path = Vec::new();
        loop {
            self.skip_blanks()?;
            match self.peek()? {
                None | Some(']') => {
                    return Err(Fault {
                        line: self.line,
                        message: "unexpected end of table name (table names cannot be empty)".into(),
                    });
                }
                Some('.') => {
                    return Err(self.fault("unexpected table separator (table names cannot be empty)"));
                }
                Some(_) => path.push(self.name()?),
            }
            self.skip_blanks()?;
            match self.next()? {
                Some('.') => {}
                Some(']') => break,
                other => {
                    let message =
                        format!("expected '.' or ']' to end table name, but got {} instead", shown(other));
                    return Err(Fault { line: self.fault("").line, message });
                }
            }
        }
        if list {
            let closing = self.next()?;
            if closing != Some(']') {
                let message = format!(
                    "expected end of table array name delimiter ']', but got {} instead",
                    shown(closing)
                );
                return Err(Fault { line: self.fault("").line, message });
            }
        }
        self.key.clear();
        self.open(&path, list)
    }

    /// Enters a table, and with it those that it is in.
    fn open(&mut self, path: &[String], list: bool) -> Step {
        for end in 1..path.len() {
            let parent = path.get(..end).unwrap_or_default().to_vec();
            if !self.known.explicit.contains(&parent) && !self.known.lists.contains(&parent) {
                self.known.implied.insert(parent);
            }
        }
        self.context = path.get(..path.len().saturating_sub(1)).unwrap_or_default().to_vec();
        if list {
            if self.known.explicit.contains(path) || self.known.implied.contains(path) {
                let name = path.join(".");
                return Err(self.fault_here(format!(
                    "Key '{name}' was already created and cannot be used as an array."
                )));
            }
            self.known.lists.insert(path.to_vec());
            // Each table of the list has its own keys.
            let below = |known: &Vec<String>| known.len() > path.len() && known.starts_with(path);
            self.known.explicit.retain(|known| !below(known));
            self.known.implied.retain(|known| !below(known));
        } else {
            self.define(path)?;
        }
        self.context = path.to_vec();
        Ok(())
    }

    fn fault_here(&self, message: String) -> Fault {
        Fault { line: self.line, message }
    }

    fn define(&mut self, path: &[String]) -> Step {
        if self.known.implied.remove(path) {
            self.known.explicit.insert(path.to_vec());
            return Ok(());
        }
        if self.known.lists.contains(path) || !self.known.explicit.insert(path.to_vec()) {
            return Err(self.fault_here(format!("Key '{}' has already been defined.", path.join("."))));
        }
        Ok(())
    }

    /// One part of a key.
    fn name(&mut self) -> Step<String> {
        if matches!(self.peek()?, Some('"' | '\'')) {
            let start = self.at + 1;
            let quote = self.next()?;
            if quote == Some('"') {
                self.string()?;
            } else {
                self.raw_string()?;
            }
            return Ok(self.text.get(start..self.at - 1).unwrap_or_default().to_owned());
        }
        let start = self.at;
        while self.peek()?.is_some_and(is_bare) {
            self.next()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default().to_owned())
    }

    /// `key = value`
    fn entry(&mut self) -> Step {
        let outer = self.context.clone();
        self.skip_blanks()?;
        match self.peek()? {
            None | Some('=') => {
                return Err(Fault {
                    line: self.line,
                    message: "unexpected '=': key name appears blank".into(),
                });
            }
            Some('.') => return Err(self.fault("unexpected '.': keys cannot start with a '.'")),
            Some(_) => {}
        }
        let mut path = Vec::new();
        loop {
            self.skip_blanks()?;
            match self.peek()? {
                None | Some('=') => return Err(Fault { line: self.line, message: "unexpected '='".into() }),
                Some('.') => return Err(self.fault("unexpected '.'")),
                Some(_) => path.push(self.name()?),
            }
            self.skip_blanks()?;
            match self.next()? {
                Some('.') => {}
                Some('=') => break,
                None => return Err(self.fault("unexpected EOF; expected key separator '='")),
                other => {
                    let message = format!("expected '.' or '=', but got {} instead", shown(other));
                    return Err(self.unexpected(other, message));
                }
            }
        }
        self.key = path.pop().unwrap_or_default();
        for part in path {
            self.context.push(part);
            if !self.known.explicit.contains(&self.context) {
                self.known.implied.insert(self.context.clone());
            }
        }
        self.value()?;
        let mut whole = self.context.clone();
        whole.push(self.key.clone());
        self.define(&whole)?;
        self.context = outer;
        Ok(())
    }

    fn value(&mut self) -> Step {
        self.skip_blanks()?;
        let start = self.at;
        match self.next()? {
            Some('[') => self.array(),
            Some('{') => self.inline_table(),
            Some('"') if self.accept("\"\"") => self.long_string("\"\"\"", true),
            Some('"') => self.string(),
            Some('\'') if self.accept("''") => self.long_string("'''", false),
            Some('\'') => self.raw_string(),
            Some('.') => Err(self.fault("floats must start with a digit, not '.'")),
            Some('+' | '-') => self.signed(start),
            Some(c) if c.is_ascii_digit() => self.number(start),
            Some('i') if self.accept("nf") => Ok(()),
            Some('n') if self.accept("an") => Ok(()),
            Some(c) if c.is_alphabetic() => self.word(start),
            None => Err(self.fault("unexpected EOF; expected value")),
            other => {
                let message = format!("expected value but found {} instead", shown(other));
                Err(self.unexpected(other, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from the library's version 1.6.0.
    #[test]
    fn faults_are_told_in_the_words_of_go() {
        let mut different = Vec::new();
        for line in include_str!("../../../../tests/vectors/toml_errors.jsonl").lines() {
            let (text, want): (String, String) = serde_json::from_str(line).unwrap();
            let got = explain(&text).unwrap_or_default();
            if got != want {
                different.push(format!("{text:?}: {got} instead of {want}"));
            }
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
    }

    #[test]
    fn good_texts_have_no_fault() {
        let text = "# c\na = 0xff # d\n\"b c\".d = [1, 2.5e3, 'x', ]\nd = 1979-05-27\nt = 1979-05-27T07:32:00.5-07:00\n[c]\nk.l = true\nm = -inf\n\
                    [[m]]\nn = {o = 1, p.q = \"\\u00e9\"}\n[[m]]\nn = 1_000\ns = \"\"\"\na \\\n b\"\"\"\nr = '''x\ny'''\nu = 07:32:00\r\n";
        assert_eq!(explain(text), None);
        assert!(super::super::decode(text).is_ok());
    }
}
