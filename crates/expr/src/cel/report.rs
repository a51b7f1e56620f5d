//! Mistakes with their places, told as cel-go tells them.

use std::fmt::Write;

/// Most mistakes that are told, as in cel-go.
const MAX_TOLD: usize = 100;

/// Longest line, in bytes, that is shown with a place in it.
const MAX_LINE: usize = 16 * 1024;

/// The mistakes of an expression.
#[derive(Debug)]
pub(super) struct Report<'s> {
    source: &'s str,
    found: Vec<Mistake>,
    count: usize,
}

#[derive(Debug)]
struct Mistake {
    line: usize,
    column: usize,
    message: String,
}

impl<'s> Report<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, found: Vec::new(), count: 0 }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Adds a mistake at a byte of the text.
    pub(super) fn add(&mut self, offset: usize, message: String) {
        let before = self.source.get(..offset).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        // Columns count characters.
        let column = self.source.get(start..offset).map_or(0, |text| text.chars().count());
        self.add_at(before.matches('\n').count(), column, message);
    }

    /// Adds a mistake at a line and a column, counted from 0.
    pub(super) fn add_at(&mut self, line: usize, column: usize, message: String) {
        self.count += 1;
        if self.found.len() < MAX_TOLD {
            self.found.push(Mistake { line, column, message });
        }
    }

    /// The message about all mistakes, where there are any.
    pub(super) fn told(mut self) -> Option<String> {
        if self.found.is_empty() {
            return None;
        }
        self.found.sort_by_key(|mistake| (mistake.line, mistake.column));
        let mut told: Vec<_> = self.found.iter().map(|mistake| told(self.source, mistake)).collect();
        if self.count > told.len() {
            told.push(format!("{} more errors were truncated", self.count - told.len()));
        }
        Some(told.join("\n"))
    }
}

/// One mistake, and the line that it stands in.
fn told(source: &str, mistake: &Mistake) -> String {
    let Mistake { line, column, message } = mistake;
    let mut text = format!("ERROR: <input>:{}:{}: {message}", line + 1, column + 1);
    if let Some(shown) = source.split('\n').nth(*line).filter(|shown| shown.len() <= MAX_LINE) {
        let mark = |character: Option<char>, narrow, wide| match character {
            Some(character) if !character.is_ascii() => wide,
            _ => narrow,
        };
        let dots: String = shown.chars().take(*column).map(|c| mark(Some(c), '.', '．')).collect();
        let caret = mark(shown.chars().nth(*column), '^', '＾');
        let _ = write!(text, "\n | {}\n | {dots}{caret}", shown.replace('\t', " "));
    }
    text
}
