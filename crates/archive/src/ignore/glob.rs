//! Wildcards within one part of a path, as Go's `filepath.Match` reads them.

use std::iter::Peekable;
use std::str::Chars;

/// A compiled wildcard. A malformed one (`[a`, `x\`) matches nothing.
#[derive(Debug, Clone)]
pub(super) struct Glob(Option<Vec<Token>>);

#[derive(Debug, Clone)]
enum Token {
    Literal(char),
    AnyChar,
    AnyText,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    pub(super) fn parse(text: &str) -> Self {
        let mut chars = text.chars().peekable();
        let mut tokens = Vec::new();
        while let Some(c) = chars.next() {
            let token = match c {
                '*' => Some(Token::AnyText),
                '?' => Some(Token::AnyChar),
                '[' => parse_class(&mut chars),
                '\\' => chars.next().map(Token::Literal),
                c => Some(Token::Literal(c)),
            };
            let Some(token) = token else { return Self(None) };
            tokens.push(token);
        }
        Self(Some(tokens))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let Some(tokens) = &self.0 else { return false };
        let (mut tokens, mut rest) = (tokens.as_slice(), name.chars());
        // Where to go on after a mismatch: the last `*` swallows one character more. Earlier ones need not
        // be tried again.
        let mut retry: Option<(&[Token], Chars<'_>)> = None;
        loop {
            let fits = match tokens.split_first() {
                Some((Token::AnyText, next)) => {
                    retry = Some((next, rest.clone()));
                    tokens = next;
                    continue;
                }
                Some((token, next)) => {
                    tokens = next;
                    rest.next().is_some_and(|c| token.accepts(c))
                }
                None if rest.as_str().is_empty() => return true,
                None => false,
            };
            if !fits {
                let Some((after, mut from)) = retry.take() else { return false };
                if from.next().is_none() {
                    return false;
                }
                tokens = after;
                rest = from.clone();
                retry = Some((after, from));
            }
        }
    }
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Literal(wanted) => *wanted == c,
            Self::AnyChar | Self::AnyText => true,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// The rest of a class after `[`. None if it is malformed.
fn parse_class(chars: &mut Peekable<Chars<'_>>) -> Option<Token> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Some(Token::Class { negated, ranges });
        }
        let low = parse_bound(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { parse_bound(chars)? } else { low };
        ranges.push((low, high));
    }
}

fn parse_bound(chars: &mut Peekable<Chars<'_>>) -> Option<char> {
    let c = match chars.next()? {
        '-' | ']' => return None,
        '\\' => chars.next()?,
        c => c,
    };
    // A class must be closed.
    chars.peek()?;
    Some(c)
}
