//! The last lines of what an action did: failures tell them to the user.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::gojson;

/// How many lines are kept.
const LINES: usize = 10;

/// A log that keeps its last lines. A line that repeats the one before is counted, not kept.
#[derive(Debug, Default)]
pub struct Log {
    lines: Mutex<VecDeque<Line>>,
}

#[derive(Debug)]
struct Line {
    first: Timestamp,
    last: Timestamp,
    text: String,
    repeated: usize,
}

impl Log {
    /// A line with its fields.
    pub fn line(&self, message: &str, fields: &impl Serialize) {
        let fields = gojson::to_string(fields);
        tracing::debug!(fields, "{message}");
        self.push(format!("{message}: {fields}"));
    }

    /// A line of warning.
    pub fn warn(&self, message: &str, fields: &impl Serialize) {
        let fields = gojson::to_string(fields);
        tracing::warn!(fields, "{message}");
        self.push(format!("warning: {message}: {fields}"));
    }

    /// A line about an error.
    pub fn error(&self, message: &str, fields: &impl Serialize) {
        let fields = gojson::to_string(fields);
        tracing::error!(fields, "{message}");
        self.push(format!("error: {message}: {fields}"));
    }

    fn push(&self, text: String) {
        let now = Timestamp::now();
        // Nothing in here can panic half-way through a change.
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.back_mut() {
            Some(line) if line.text == text => {
                line.repeated += 1;
                line.last = now;
            }
            _ => {
                if lines.len() == LINES {
                    lines.pop_front();
                }
                lines.push_back(Line { first: now, last: now, text, repeated: 0 });
            }
        }
    }

    /// The lines, if there are any.
    pub fn text(&self) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for line in lines.iter() {
            let _ = writeln!(text, "{}: {}", line.first, line.text);
            if line.repeated > 0 {
                let _ = write!(text, "{}: {}", line.last, line.text);
                let omitted = line.repeated - 1;
                if omitted > 0 {
                    let plural = if omitted > 1 { "s" } else { "" };
                    let _ = write!(text, " ({omitted} duplicate line{plural} omitted)");
                }
                text.push('\n');
            }
        }
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_lines_stay_and_repeated_ones_are_counted() {
        let log = Log::default();
        assert_eq!(log.text(), None);
        for number in 0..12 {
            log.line("line", &json!({"number": number}));
        }
        for _ in 0..3 {
            log.warn("again", &json!({}));
        }
        log.error("bad", &json!({"error": {}}));
        let text = log.text().unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.split_once(": ").unwrap().1).collect();
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], "line: {\"number\":4}");
        assert_eq!(
            lines[8..],
            [
                "warning: again: {}",
                "warning: again: {} (1 duplicate line omitted)",
                "error: bad: {\"error\":{}}"
            ]
        );
    }
}
