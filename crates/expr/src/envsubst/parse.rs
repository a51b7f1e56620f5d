//! From text to parts. See the table in the parent module for the forms.

use super::Error;
use super::operator::Operator;

/// How deep forms may nest: enough for any real use, too little to exhaust the stack.
pub(super) const MAX_DEPTH: usize = 64;

/// A piece of the text.
#[derive(Debug)]
pub(super) enum Part {
    /// As it stands, `$$` collapsed.
    Text(String),
    /// A `${…}`.
    Expansion(Expansion),
}

/// One `${…}`.
#[derive(Debug)]
pub(super) struct Expansion {
    pub(super) name: String,
    pub(super) operator: Operator,
    pub(super) arguments: Vec<Part>,
    pub(super) line: usize,
}

pub(super) fn parse(text: &str) -> Result<Vec<Part>, Error> {
    let mut parser = Parser { text, at: 0, form: 0, depth: 0 };
    let mut parts = Vec::new();
    while parser.at < text.len() {
        if parser.eat("${") {
            parts.push(Part::Expansion(parser.expansion()?));
        } else {
            parts.push(Part::Text(parser.text_until(|_| false, Escapes::DOLLAR)));
        }
    }
    Ok(parts)
}

/// Which escapes collapse in a run of text.
#[derive(Clone, Copy)]
struct Escapes {
    dollar: bool,
    backslash: bool,
}

impl Escapes {
    const NONE: Self = Self { dollar: false, backslash: false };
    const DOLLAR: Self = Self { dollar: true, backslash: false };
    const ALL: Self = Self { dollar: true, backslash: true };
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Where the innermost open form begins: for the line in an error.
    form: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn line(&self) -> usize {
        1 + self.text[..self.form].bytes().filter(|b| *b == b'\n').count()
    }

    /// Text up to the end, a `${`, or a character that `stop` names.
    fn text_until(&mut self, stop: impl Fn(char) -> bool, escapes: Escapes) -> String {
        let mut out = String::new();
        loop {
            let rest = self.rest();
            if escapes.dollar && rest.starts_with("$$") {
                out.push('$');
                self.at += 2;
                // The second dollar is literal whatever follows: `$${v}` is the text `${v}`.
                continue;
            }
            if escapes.backslash && (rest.starts_with("\\/") || rest.starts_with("\\\\")) {
                out.push_str(&rest[1..2]);
                self.at += 2;
                continue;
            }
            match rest.chars().next() {
                Some(c) if !stop(c) && !rest.starts_with("${") => {
                    out.push(c);
                    self.at += c.len_utf8();
                }
                _ => return out,
            }
        }
    }

    /// What stands behind a `${` that was just read, up to and with its `}`.
    fn expansion(&mut self) -> Result<Expansion, Error> {
        let outer = std::mem::replace(&mut self.form, self.at);
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::TooDeep { line: self.line() });
        }
        let line = self.line();
        let (name, operator, arguments) = self.form(line)?;
        self.depth -= 1;
        self.form = outer;
        Ok(Expansion { name, operator, arguments, line })
    }

    fn form(&mut self, line: usize) -> Result<(String, Operator, Vec<Part>), Error> {
        if self.eat("#") {
            let name = self.name().ok_or(Error::BadSubstitution { line })?;
            self.close(line)?;
            return Ok((name, Operator::Length, Vec::new()));
        }
        let name = self.name().ok_or(Error::VariableName { line })?;
        let (operator, arguments) = match self.peek() {
            Some('}') => {
                self.at += 1;
                (Operator::Value, Vec::new())
            }
            Some(':') => self.default_or_slice(line)?,
            Some('=') => {
                self.at += 1;
                (Operator::Default, self.default_arguments(line)?)
            }
            Some(',' | '^') => (self.casing(line)?, Vec::new()),
            Some('/') => self.replacement(line)?,
            Some('#') => self.trim("#", Operator::TrimShortestPrefix, Operator::TrimLongestPrefix, line)?,
            Some('%') => self.trim("%", Operator::TrimShortestSuffix, Operator::TrimLongestSuffix, line)?,
            other => {
                let found = other.map_or("the end of the text".to_owned(), |c| format!("{c:?}"));
                return Err(Error::MissingClosingBrace { line, name, found });
            }
        };
        Ok((name, operator, arguments))
    }

    fn name(&mut self) -> Option<String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        self.at += end;
        (!name.is_empty()).then_some(name)
    }

    fn close(&mut self, line: usize) -> Result<(), Error> {
        if self.eat("}") { Ok(()) } else { Err(Error::BadSubstitution { line }) }
    }

    /// One argument: a nested form, or text. It is never empty.
    fn argument(&mut self, stop: fn(char) -> bool, escapes: Escapes, line: usize) -> Result<Part, Error> {
        if self.eat("${") {
            return Ok(Part::Expansion(self.expansion()?));
        }
        let text = self.text_until(stop, escapes);
        if text.is_empty() { Err(Error::Argument { line }) } else { Ok(Part::Text(text)) }
    }

    fn default_or_slice(&mut self, line: usize) -> Result<(Operator, Vec<Part>), Error> {
        self.at += 1;
        if matches!(self.peek(), Some('=' | '-' | '?' | '+')) {
            self.at += 1;
            return Ok((Operator::Default, self.default_arguments(line)?));
        }
        if self.peek().is_none() {
            return Err(Error::BadSubstitution { line });
        }
        let mut arguments = vec![self.argument(|c| c == ':' || c == '}', Escapes::NONE, line)?];
        if !self.eat("}") {
            let before = self.at;
            while self.eat(":") {}
            if self.at == before {
                return Err(Error::BadSubstitution { line });
            }
            arguments.push(self.argument(|c| c == '}', Escapes::NONE, line)?);
            self.close(line)?;
        }
        Ok((Operator::Slice, arguments))
    }

    /// Any number of arguments, put together: `${v:-a${b}c}`.
    fn default_arguments(&mut self, line: usize) -> Result<Vec<Part>, Error> {
        let mut arguments = Vec::new();
        while !self.eat("}") {
            arguments.push(self.argument(|c| c == '}', Escapes::NONE, line)?);
        }
        Ok(arguments)
    }

    fn casing(&mut self, line: usize) -> Result<Operator, Error> {
        let marks: String = self.rest().chars().take(2).take_while(|c| matches!(c, ',' | '^')).collect();
        self.at += marks.len();
        self.close(line)?;
        Ok(match marks.as_str() {
            "," => Operator::LowerFirst,
            ",," => Operator::Lower,
            "^" => Operator::UpperFirst,
            "^^" => Operator::Upper,
            _ => Operator::Value,
        })
    }

    fn replacement(&mut self, line: usize) -> Result<(Operator, Vec<Part>), Error> {
        self.at += 1;
        let operator = match self.peek() {
            Some('/') => Operator::ReplaceAll,
            Some('#') => Operator::ReplacePrefix,
            Some('%') => Operator::ReplaceSuffix,
            _ => Operator::ReplaceFirst,
        };
        if operator != Operator::ReplaceFirst {
            self.at += 1;
        }
        let mut arguments = vec![self.argument(|c| c == '/', Escapes::ALL, line)?];
        let before = self.at;
        while self.eat("/") {}
        if self.at == before {
            return Err(Error::BadSubstitution { line });
        }
        if !self.eat("}") {
            arguments.push(self.argument(|c| c == '}', Escapes::ALL, line)?);
            self.close(line)?;
        }
        Ok((operator, arguments))
    }

    fn trim(
        &mut self,
        mark: &str,
        shortest: Operator,
        longest: Operator,
        line: usize,
    ) -> Result<(Operator, Vec<Part>), Error> {
        self.at += 1;
        let operator = if self.eat(mark) { longest } else { shortest };
        let argument = self.argument(|c| c == '}', Escapes::NONE, line)?;
        self.close(line)?;
        Ok((operator, vec![argument]))
    }
}
