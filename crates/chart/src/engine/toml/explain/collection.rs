//! Lists and tables within a value.

use super::{Fault, Reader, Step};

impl Reader<'_> {
    pub(super) fn array(&mut self) -> Step {
        loop {
            match self.peek()? {
                Some(' ' | '\t' | '\n' | '\r') => {
                    self.next()?;
                    continue;
                }
                Some('#') => {
                    self.comment()?;
                    continue;
                }
                Some(',') => {
                    self.next()?;
                    return Err(self.fault("unexpected comma"));
                }
                Some(']') => {
                    self.next()?;
                    return Ok(());
                }
                _ => self.value()?,
            }
            if self.separator(']', |got| {
                format!("expected a comma (',') or array terminator (']'), but got {got}")
            })? {
                return Ok(());
            }
        }
    }

    /// A comma, or the end of the collection: whether it was the end.
    pub(super) fn separator(&mut self, end: char, message: impl Fn(&str) -> String) -> Step<bool> {
        loop {
            match self.next()? {
                Some(' ' | '\t' | '\n' | '\r') => {}
                Some('#') => self.comment()?,
                Some(',') => return Ok(false),
                Some(c) if c == end => return Ok(true),
                other => {
                    let got = other.map_or_else(|| "end of file".to_owned(), |c| format!("'{c}'"));
                    return Err(Fault { line: self.fault("").line, message: message(&got) });
                }
            }
        }
    }

    pub(super) fn inline_table(&mut self) -> Step {
        let outer = (self.context.clone(), self.key.clone());
        self.context.push(std::mem::take(&mut self.key));
        loop {
            match self.peek()? {
                Some(' ' | '\t' | '\n' | '\r') => {
                    self.next()?;
                    continue;
                }
                Some('#') => {
                    self.comment()?;
                    continue;
                }
                Some(',') => {
                    self.next()?;
                    return Err(self.fault("unexpected comma"));
                }
                Some('}') => {
                    self.next()?;
                    break;
                }
                _ => self.entry()?,
            }
            if self.separator('}', |got| {
                format!("expected a comma or an inline table terminator '}}', but got {got} instead")
            })? {
                break;
            }
        }
        (self.context, self.key) = outer;
        Ok(())
    }
}
