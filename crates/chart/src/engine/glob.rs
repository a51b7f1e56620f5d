//! Patterns for files: `*` stops at slashes, `**` does not, `?` is one character but a slash, `[a-c]` and `[!ab]` are
//! classes, `{a,b*}` are choices, `\` takes the next character as it is.

/// The pattern is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadPattern;

/// A parsed pattern.
pub(super) struct Glob(Vec<Token>);

enum Token {
    Char(char),
    /// `?`
    Any,
    /// `*`
    Star,
    /// `**`
    Everything,
    Class {
        negated: bool,
        chars: Vec<char>,
        range: Option<(char, char)>,
    },
    Choice(Vec<Vec<Token>>),
}

/// How deep choices may be nested.
const MAX_DEPTH: usize = 16;
/// How many steps matching one name may take.
const MAX_STEPS: u32 = 200_000;

impl Glob {
    pub(super) fn parse(pattern: &str) -> Result<Self, BadPattern> {
        let chars: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        let tokens = parse(&chars, &mut at, 0)?;
        if at < chars.len() { Err(BadPattern) } else { Ok(Self(tokens)) }
    }

    /// The pattern that takes every name.
    pub(super) fn everything() -> Self {
        Self(vec![Token::Everything])
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let mut steps = MAX_STEPS;
        let tokens: Vec<&Token> = self.0.iter().collect();
        matches(&tokens, &name, &mut steps)
    }
}

fn parse(chars: &[char], at: &mut usize, depth: usize) -> Result<Vec<Token>, BadPattern> {
    if depth > MAX_DEPTH {
        return Err(BadPattern);
    }
    let mut tokens = Vec::new();
    while let Some(c) = chars.get(*at).copied() {
        match c {
            ',' | '}' if depth > 0 => break,
            '}' => return Err(BadPattern),
            _ => {}
        }
        *at += 1;
        tokens.push(match c {
            '\\' => {
                let c = chars.get(*at).copied().ok_or(BadPattern)?;
                *at += 1;
                Token::Char(c)
            }
            '*' if chars.get(*at) == Some(&'*') => {
                while chars.get(*at) == Some(&'*') {
                    *at += 1;
                }
                Token::Everything
            }
            '*' => Token::Star,
            '?' => Token::Any,
            '[' => class(chars, at)?,
            '{' => choice(chars, at, depth)?,
            c => Token::Char(c),
        });
    }
    Ok(tokens)
}

fn class(chars: &[char], at: &mut usize) -> Result<Token, BadPattern> {
    let negated = chars.get(*at) == Some(&'!');
    *at += usize::from(negated);
    let length = chars.get(*at..).and_then(|rest| rest.iter().position(|c| *c == ']')).ok_or(BadPattern)?;
    let inner = chars.get(*at..*at + length).unwrap_or_default();
    *at += length + 1;
    match inner {
        [] => Err(BadPattern),
        [low, '-', high] if low <= high => {
            Ok(Token::Class { negated, chars: Vec::new(), range: Some((*low, *high)) })
        }
        [_, '-', _] => Err(BadPattern),
        chars => Ok(Token::Class { negated, chars: chars.to_vec(), range: None }),
    }
}

fn choice(chars: &[char], at: &mut usize, depth: usize) -> Result<Token, BadPattern> {
    let mut choices = Vec::new();
    loop {
        choices.push(parse(chars, at, depth + 1)?);
        match chars.get(*at) {
            Some(',') => *at += 1,
            Some('}') => {
                *at += 1;
                return Ok(Token::Choice(choices));
            }
            _ => return Err(BadPattern),
        }
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(wanted) => c == *wanted,
            Self::Any | Self::Star => c != '/',
            Self::Everything => true,
            Self::Class { negated, chars, range } => {
                let listed = chars.contains(&c) || range.is_some_and(|(low, high)| (low..=high).contains(&c));
                listed != *negated
            }
            Self::Choice(_) => false,
        }
    }
}

/// Tries all ways, within a bound: what takes longer does not match.
fn matches(tokens: &[&Token], name: &[char], steps: &mut u32) -> bool {
    let mut tokens = tokens;
    let mut name = name;
    loop {
        let Some(left) = steps.checked_sub(1) else { return false };
        *steps = left;
        let Some((token, rest)) = tokens.split_first() else { return name.is_empty() };
        match token {
            Token::Star | Token::Everything => {
                if matches(rest, name, steps) {
                    return true;
                }
                match name.split_first() {
                    Some((c, after)) if token.takes(*c) => name = after,
                    _ => return false,
                }
            }
            Token::Choice(choices) => {
                return choices.iter().any(|choice| {
                    let joined: Vec<&Token> = choice.iter().chain(rest.iter().copied()).collect();
                    matches(&joined, name, steps)
                });
            }
            token => match name.split_first() {
                Some((c, after)) if token.takes(*c) => {
                    tokens = rest;
                    name = after;
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("files/*", "files/a.txt", true),
            ("files/*", "files/sub/a.txt", false),
            ("files/**", "files/sub/a.txt", true),
            ("files/**.json", "files/sub/c.json", true),
            ("**", "a/b", true),
            ("files/{a,b}.*", "files/b.conf", true),
            ("files/{a,b}.*", "files/c.conf", false),
            ("{a,{b,c}d}", "cd", true),
            ("files/[ab].???", "files/a.txt", true),
            ("[!a]", "b", true),
            ("[a-c]x", "bx", true),
            ("a\\*", "a*", true),
            ("a?c", "a/c", false),
            ("", "", true),
        ] {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        for pattern in ["[", "[]", "{a", "a}", "\\", "[c-a]"] {
            assert!(Glob::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn time_is_bounded() {
        let pattern = "*a".repeat(40);
        let name = "a".repeat(200);
        let began = std::time::Instant::now();
        Glob::parse(&format!("{pattern}b")).unwrap().matches(&name);
        assert!(began.elapsed().as_secs() < 5);
    }
}
