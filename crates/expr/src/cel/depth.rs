//! How deep an expression goes, told from its text: parsers and evaluators are recursive, and what users write must not
//! use up the stack. Deep ones are refused, as cel-go refuses them; others get room.

use std::{panic, thread};

/// The deepest that is parsed, as in cel-go.
const MAX: usize = 250;

/// How deep an expression may be that any thread has room to parse: each bracket takes the parser tens of calls.
const SHALLOW_TO_PARSE: usize = 2;

/// How deep one may be that any thread has room to walk through.
const SHALLOW_TO_WALK: usize = 16;

/// Bytes of stack for deeper ones.
/// It takes memory only where it is used.
const ROOM: usize = 64 << 20;

/// At least how deep the parser will go, or what cel-go says where that is too deep.
pub(super) fn depth(source: &str) -> Result<usize, &'static str> {
    // Where literals are broken, nobody knows which part of the text is code.
    let scan = Scan::default().all(source, true).or_else(|| Scan::default().all(source, false));
    match scan {
        Some(scan) if scan.nested > MAX => Err("expression recursion limit exceeded: 250"),
        Some(scan) if scan.deepest <= MAX => Ok(scan.deepest),
        _ => Err("max recursion depth exceeded"),
    }
}

/// Parses with room for so deep an expression. None if there is no thread to be had for it.
pub(super) fn parse<T: Send>(depth: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    if depth <= SHALLOW_TO_PARSE { Some(work()) } else { with_room(work) }
}

/// Goes through the parts of so deep an expression with room for it. None if there is no thread to be had for it.
pub(super) fn walk<T: Send>(depth: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    if depth <= SHALLOW_TO_WALK { Some(work()) } else { with_room(work) }
}

fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("cel".to_owned()).stack_size(ROOM);
        let worker = worker.spawn_scoped(scope, work).ok()?;
        Some(worker.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked)))
    })
}

/// What is known up to a place in the text.
#[derive(Default)]
struct Scan {
    /// For each open bracket, how deep it was before it.
    open: Vec<(usize, usize)>,
    /// Operators of the current chain: `a + b + c` nests to the left.
    chain: usize,
    /// Conditionals around: `a ? b : c ? d : e` nests to the right.
    choices: usize,
    /// The depth of all that is around the innermost bracket.
    outside: usize,
    deepest: usize,
    /// The most brackets and conditionals around a place.
    nested: usize,
}

impl Scan {
    /// The whole text; None if a literal is not one while literals are left out.
    fn all(mut self, source: &str, literals: bool) -> Option<Self> {
        let mut rest = source;
        let (mut word, mut before) = (String::new(), ' ');
        while let Some(next) = rest.chars().next() {
            if literals && matches!(next, '\'' | '"') {
                rest = after_literal(rest, &word)?;
                (word, before) = (String::new(), next);
                continue;
            }
            if literals && next == '`' {
                return None;
            }
            if literals && rest.starts_with("//") {
                rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
                continue;
            }
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
            if next.is_alphanumeric() || next == '_' {
                word.push(next);
                before = next;
                continue;
            }
            if std::mem::take(&mut word) == "in" {
                self.operator();
            }
            let doubled = before == next && matches!(next, '=' | '&' | '|' | '!' | '-');
            let second = next == '=' && matches!(before, '=' | '!' | '<' | '>');
            if !next.is_whitespace() {
                before = next;
            }
            match next {
                '(' | '[' | '{' => self.bracket(),
                ')' | ']' | '}' => self.close(),
                '&' | '|' if doubled => self.chain = 0,
                ',' => (self.chain, self.choices) = (0, 0),
                ':' => self.chain = 0,
                '?' => {
                    self.chain = 0;
                    self.choices += 1;
                    self.nested = self.nested.max(self.choices);
                    self.note();
                }
                '+' | '-' | '*' | '/' | '%' | '.' | '<' | '>' | '=' | '!' if !doubled && !second => {
                    self.operator();
                }
                _ => {}
            }
        }
        Some(self)
    }

    fn operator(&mut self) {
        self.chain += 1;
        self.note();
    }

    fn note(&mut self) {
        self.deepest = self.deepest.max(self.outside + self.chain + self.choices);
    }

    fn bracket(&mut self) {
        self.operator();
        self.open.push((self.chain, self.choices));
        self.outside += self.chain + self.choices;
        (self.chain, self.choices) = (0, 0);
        self.nested = self.nested.max(self.open.len());
    }

    fn close(&mut self) {
        if let Some((chain, choices)) = self.open.pop() {
            self.outside = self.outside.saturating_sub(chain + choices);
            (self.chain, self.choices) = (chain, choices);
        }
    }
}

/// The text behind a literal that begins here, after a word that may say that it is raw.
fn after_literal<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let raw = matches!(word, "r" | "R" | "br" | "bR" | "Br" | "BR");
    if !raw && word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let quote = text.get(..1)?;
    let long = quote.repeat(3);
    let end = if text.starts_with(&long) { long.as_str() } else { quote };
    let mut rest = text.get(end.len()..)?;
    loop {
        if let Some(after) = rest.strip_prefix(end) {
            return Some(after);
        }
        let next = rest.chars().next()?;
        match next {
            '\n' | '\r' if end.len() == 1 => return None,
            '\\' if !raw => rest = after_escape(rest)?,
            _ => rest = rest.get(next.len_utf8()..)?,
        }
    }
}

fn after_escape(text: &str) -> Option<&str> {
    let digits = |count: usize, radix: u32| {
        let digits = text.get(2..2 + count)?;
        digits.chars().all(|c| c.is_digit(radix)).then(|| text.get(2 + count..))?
    };
    match text.chars().nth(1)? {
        'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`' => text.get(2..),
        'x' | 'X' => digits(2, 16),
        'u' => digits(4, 16),
        'U' => digits(8, 16),
        '0'..='3' => digits(2, 8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_and_brackets_go_deep_and_lists_do_not() {
        for (source, deepest) in [
            ("1", 0),
            ("1 + 2 + 3", 2),
            ("a == 1 && b == 2 && c == 3", 1),
            ("a.b.c(d.e)", 4),
            ("[1 + 1, 2 + 2, 3 + 3]", 2),
            ("((1))", 2),
            ("a ? b : c ? d : e", 2),
            ("x in y in z", 2),
            ("------1 <= !!!x", 3),
            ("'a.b.c.d' + \"((((\" + r'\\' + '''+'+'''", 3),
            ("b'\\x41\\'..' // it's + + +\n+ 1", 1),
        ] {
            assert_eq!(depth(source), Ok(deepest), "{source}");
        }
    }

    #[test]
    fn what_goes_too_deep_is_found_wherever_it_is() {
        let long = "1+".repeat(300);
        for source in [
            format!("{long}1"),
            "(".repeat(300),
            "a".to_owned() + &".b".repeat(300),
            "a ? b : ".repeat(300),
            "a == ".repeat(300),
            "a - ".repeat(300),
            "a in ".repeat(300),
            // Broken literals hide nothing.
            format!("'\\z' ' {long}1'"),
            format!("1r'\\' + {long}1"),
            format!("'\n{long}"),
            format!("`a//b` {long}1"),
        ] {
            assert!(depth(&source).is_err(), "{source}");
        }
        assert!(depth(&format!("'{}' == a", ".".repeat(1000))).is_ok());
        assert!(depth(&"a && ".repeat(1000)).is_ok());
    }

    #[test]
    fn deep_work_has_room() {
        fn deep(levels: u32) -> u32 {
            let block = std::hint::black_box([levels; 1000]);
            if levels == 0 { block[0] } else { deep(levels - 1) + 1 }
        }
        assert_eq!(walk(SHALLOW_TO_WALK + 1, || deep(3_000)), Some(3_000));
    }
}
