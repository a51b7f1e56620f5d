//! Patterns of file names: those of Go's `path.Match`, and those of the doublestar library, which add `**` for any
//! directories and `{a,b}` for alternatives.

/// More alternatives than this are an attack, not a pattern.
const MAX_ALTERNATIVES: usize = 1024;

/// A pattern that is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub(super) struct BadPattern;

/// A pattern for paths with `/` between their parts.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// Each a list of parts.
    alternatives: Vec<Vec<Part>>,
}

#[derive(Clone, Debug)]
enum Part {
    /// Any number of directories.
    AnyDepth,
    /// One name.
    Name(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// Any number of characters.
    Many,
    /// One character.
    One,
    Literal(char),
    /// One character in, or not in, one of the ranges.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// In the syntax of Go's `path.Match`.
    pub(super) fn simple(text: &str) -> Result<Self, BadPattern> {
        Ok(Self { alternatives: vec![parts(text, false)?] })
    }

    /// In the syntax of the doublestar library.
    pub(super) fn double_star(text: &str) -> Result<Self, BadPattern> {
        let alternatives = expand(text)?;
        let alternatives = alternatives.iter().map(|text| parts(text, true)).collect::<Result<_, _>>()?;
        Ok(Self { alternatives })
    }

    /// Whether the whole path fits.
    pub(super) fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').collect();
        self.alternatives.iter().any(|parts| fits(parts, &names))
    }
}

/// Whether a text has characters that mean something in patterns; a backslash does not count.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

fn parts(text: &str, double_star: bool) -> Result<Vec<Part>, BadPattern> {
    text.split('/')
        .map(|part| match part {
            "**" if double_star => Ok(Part::AnyDepth),
            part => tokens(part, double_star).map(Part::Name),
        })
        .collect()
}

fn tokens(text: &str, double_star: bool) -> Result<Vec<Token>, BadPattern> {
    let mut tokens = Vec::new();
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        tokens.push(match next {
            '*' => Token::Many,
            '?' => Token::One,
            '[' => class(&mut rest, double_star)?,
            '\\' => Token::Literal(rest.next().ok_or(BadPattern)?),
            literal => Token::Literal(literal),
        });
    }
    tokens.dedup_by(|a, b| *a == Token::Many && *b == Token::Many);
    Ok(tokens)
}

/// What follows `[`, with the bracket that closes it.
fn class(rest: &mut std::str::Chars<'_>, double_star: bool) -> Result<Token, BadPattern> {
    let is_negation = |c: char| c == '^' || double_star && c == '!';
    let negated = rest.clone().next().is_some_and(is_negation);
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next().ok_or(BadPattern)? {
            ']' if ranges.is_empty() => return Err(BadPattern),
            ']' => return Ok(Token::Class { negated, ranges }),
            '-' => return Err(BadPattern),
            '\\' => rest.next().ok_or(BadPattern)?,
            c => c,
        };
        let mut ahead = rest.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some('\\')) => {
                let high = ahead.next().ok_or(BadPattern)?;
                *rest = ahead;
                high
            }
            (Some('-'), Some(']') | None) => return Err(BadPattern),
            (Some('-'), Some(high)) => {
                *rest = ahead;
                high
            }
            _ => low,
        };
        ranges.push((low, high));
    }
}

/// Writes out the alternatives in braces, innermost last. A brace after a backslash is a character.
fn expand(text: &str) -> Result<Vec<String>, BadPattern> {
    let mut pending = vec![text.to_owned()];
    let mut done = Vec::new();
    while let Some(text) = pending.pop() {
        match braces(&text)? {
            None => done.push(text),
            Some((before, choices, after)) => {
                pending.extend(choices.iter().map(|choice| format!("{before}{choice}{after}")));
            }
        }
        if pending.len() + done.len() > MAX_ALTERNATIVES {
            return Err(BadPattern);
        }
    }
    Ok(done)
}

/// What is before a pair of braces, the choices in it, and what is after it.
type Braces<'a> = (&'a str, Vec<&'a str>, &'a str);

/// The first pair of braces.
fn braces(text: &str) -> Result<Option<Braces<'_>>, BadPattern> {
    let (mut depth, mut open, mut start) = (0_usize, 0, 0);
    let mut choices = Vec::new();
    let mut characters = text.char_indices();
    let mut in_class = false;
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '[' => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '{' => {
                if depth == 0 {
                    (open, start) = (at, at + 1);
                }
                depth += 1;
            }
            ',' if depth == 1 => {
                choices.push(&text[start..at]);
                start = at + 1;
            }
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    choices.push(&text[start..at]);
                    return Ok(Some((&text[..open], choices, &text[at + 1..])));
                }
            }
            _ => {}
        }
    }
    if depth > 0 { Err(BadPattern) } else { Ok(None) }
}

/// Matches parts with names. For every part of any depth only the last one that was met is tried again: what an
/// earlier one could take as well, a later one can.
fn fits(parts: &[Part], names: &[&str]) -> bool {
    let (mut part, mut name) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while name < names.len() {
        match parts.get(part) {
            Some(Part::AnyDepth) => {
                retry = Some((part + 1, name));
                part += 1;
                continue;
            }
            Some(Part::Name(tokens)) if fits_name(tokens, names[name]) => {
                (part, name) = (part + 1, name + 1);
                continue;
            }
            _ => {}
        }
        let Some((after, used)) = retry else { return false };
        retry = Some((after, used + 1));
        (part, name) = (after, used + 1);
    }
    parts[part..].iter().all(|part| matches!(part, Part::AnyDepth))
}

fn fits_name(tokens: &[Token], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < name.len() {
        let one = match tokens.get(token) {
            Some(Token::Many) => {
                retry = Some((token + 1, at));
                token += 1;
                continue;
            }
            Some(Token::One) => true,
            Some(Token::Literal(literal)) => *literal == name[at],
            Some(Token::Class { negated, ranges }) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&name[at])) != *negated
            }
            None => false,
        };
        if one {
            (token, at) = (token + 1, at + 1);
            continue;
        }
        let Some((after, used)) = retry else { return false };
        retry = Some((after, used + 1));
        (token, at) = (after, used + 1);
    }
    tokens[token..].iter().all(|rest| *rest == Token::Many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_patterns_are_those_of_go() {
        for (pattern, path, fits) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a/b", false),
            ("a*/b", "abc/b", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[^e-g]", "abc", true),
            ("ab[!c]", "ab!", true),
            ("a\\*b", "a*b", true),
            ("[\\]a]", "]", true),
            ("a**", "abc", true),
            ("**/b", "a/x/b", false),
            ("{a,b}", "a", false),
        ] {
            assert_eq!(Pattern::simple(pattern).unwrap().matches(path), fits, "{pattern} {path}");
        }
        for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "a[", "\\"] {
            assert!(Pattern::simple(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn double_stars_cross_directories() {
        for (pattern, path, fits) in [
            ("**", "a/b/c", true),
            ("a/**", "a", true),
            ("a/**", "a/b/c", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("**/c/**/d", "a/c/b/c/x/d", true),
            ("**/c/**/d", "a/b", false),
            ("a/**b", "a/xb", true),
            ("a/**b", "a/x/b", false),
            ("*.{md,txt}", "x.txt", true),
            ("{a/b,c}/*.yaml", "a/b/x.yaml", true),
            ("{a,{b,c}}x", "cx", true),
            ("[!a]", "b", true),
            ("\\{a\\}", "{a}", true),
            ("", "", true),
        ] {
            assert_eq!(Pattern::double_star(pattern).unwrap().matches(path), fits, "{pattern} {path}");
        }
        assert!(Pattern::double_star("{a,b").is_err());
        assert!(Pattern::double_star(&"{a,b}".repeat(11)).is_err());
    }

    #[test]
    fn hostile_patterns_take_no_time() {
        let pattern = Pattern::double_star(&format!("{}b", "*a".repeat(2000))).unwrap();
        assert!(!pattern.matches(&"a".repeat(5000)));
        let pattern = Pattern::double_star(&format!("{}b", "**/a/".repeat(100))).unwrap();
        assert!(!pattern.matches(&"a/".repeat(500)));
    }
}
