//! Shell patterns (`*`, `?`, `[a-z]`, `\c`) for the operators that trim.

/// `value` without the shortest prefix that matches `pattern`. A malformed pattern trims nothing.
pub(super) fn trim_shortest_prefix(value: &str, pattern: &str) -> String {
    trim(value, pattern, prefixes(value).collect())
}

/// `value` without the longest prefix that matches `pattern`. A malformed pattern trims nothing.
pub(super) fn trim_longest_prefix(value: &str, pattern: &str) -> String {
    trim(value, pattern, prefixes(value).rev().collect())
}

/// The ends of the non-empty prefixes, shortest first.
fn prefixes(value: &str) -> impl DoubleEndedIterator<Item = usize> {
    value.char_indices().map(|(at, c)| at + c.len_utf8())
}

fn trim(value: &str, pattern: &str, ends: Vec<usize>) -> String {
    let Some(pattern) = compile(pattern) else { return value.to_owned() };
    ends.into_iter()
        .find(|&end| matches(&pattern, &value[..end]))
        .map_or_else(|| value.to_owned(), |end| value[end..].to_owned())
}

#[derive(Debug)]
enum Term {
    Star,
    Any,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// `None` for a malformed pattern.
fn compile(pattern: &str) -> Option<Vec<Term>> {
    let mut chars = pattern.chars().peekable();
    let mut terms = Vec::new();
    while let Some(c) = chars.next() {
        terms.push(match c {
            '*' => Term::Star,
            '?' => Term::Any,
            '\\' => Term::Char(chars.next()?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while chars.next_if_eq(&']').is_none() || ranges.is_empty() {
                    let low = class_char(&mut chars)?;
                    let high = match chars.next_if_eq(&'-') {
                        Some(_) => class_char(&mut chars)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                Term::Class { negated, ranges }
            }
            c => Term::Char(c),
        });
    }
    Some(terms)
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        c => Some(c),
    }
}

/// Whether the whole text matches. One star is tried at a time, so the cost is at most the product of the lengths.
fn matches(pattern: &[Term], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(Term::Star) => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(term) if t < text.len() && term.accepts(text[t]) => {
                p += 1;
                t += 1;
                continue;
            }
            None if t == text.len() => return true,
            _ => {}
        }
        match retry {
            Some((after_star, from)) if from < text.len() => {
                retry = Some((after_star, from + 1));
                p = after_star;
                t = from + 1;
            }
            _ => return false,
        }
    }
}

impl Term {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => true,
            Self::Char(own) => *own == c,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}
