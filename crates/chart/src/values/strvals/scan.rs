//! Reading characters up to one that means something.

/// Characters that are still to be read.
pub(super) struct Scanner {
    chars: Vec<char>,
    at: usize,
}

/// Characters, and the one that ended them; none at the end of the text.
pub(super) struct Run {
    pub(super) text: Vec<char>,
    pub(super) end: Option<char>,
}

impl Scanner {
    pub(super) fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), at: 0 }
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    /// Reads a character if it is this one.
    pub(super) fn next_if(&mut self, wanted: char) -> bool {
        let is_next = self.chars.get(self.at) == Some(&wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Reads up to one of these characters, that one too.
    pub(super) fn until(&mut self, ends: &[char], escapes: bool) -> Run {
        let mut text = Vec::new();
        while let Some(c) = self.next() {
            if ends.contains(&c) {
                return Run { text, end: Some(c) };
            }
            if c != '\\' || !escapes {
                text.push(c);
                continue;
            }
            match self.next() {
                Some(next) => text.push(next),
                None => break,
            }
        }
        Run { text, end: None }
    }

    /// Reads spaces and the comma behind them; false if something else comes.
    pub(super) fn ends_value(&mut self) -> bool {
        loop {
            match self.chars.get(self.at) {
                None => return true,
                Some(',') => {
                    self.at += 1;
                    return true;
                }
                Some(c) if c.is_whitespace() => self.at += 1,
                Some(_) => return false,
            }
        }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &[char] {
        self.chars.get(self.at..).unwrap_or_default()
    }

    /// Leaves out so many characters.
    pub(super) fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.chars.len());
    }
}
