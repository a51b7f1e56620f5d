//! Go's `filepath.Match`: `*` and `?` stop at slashes, `[a-z]` and `[^a]` are classes, `\` takes the next character
//! as it is.

/// The pattern is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPattern;

/// Whether the whole name matches the pattern.
pub fn path_match(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let tokens = parse(&pattern)?;
    Ok(matches(&tokens, &name))
}

enum Token {
    Star,
    Any,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

fn parse(pattern: &[char]) -> Result<Vec<Token>, BadPattern> {
    let mut tokens = Vec::new();
    let mut rest = pattern.iter().copied().peekable();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::Char(rest.next().ok_or(BadPattern)?),
            '[' => {
                let negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    if rest.peek() == Some(&']') && !ranges.is_empty() {
                        rest.next();
                        break;
                    }
                    let mut bound = || match rest.next() {
                        None | Some('-' | ']') => Err(BadPattern),
                        Some('\\') => rest.next().ok_or(BadPattern),
                        Some(c) => Ok(c),
                    };
                    let low = bound()?;
                    let high = if rest.next_if_eq(&'-').is_some() {
                        match rest.next() {
                            None | Some('-' | ']') => return Err(BadPattern),
                            Some('\\') => rest.next().ok_or(BadPattern)?,
                            Some(c) => c,
                        }
                    } else {
                        low
                    };
                    ranges.push((low, high));
                }
                Token::Class { negated, ranges }
            }
            c => Token::Char(c),
        });
    }
    Ok(tokens)
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Star | Self::Any => c != '/',
            Self::Char(wanted) => c == *wanted,
            Self::Class { negated, ranges } => {
                c != '/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// Goes back to the last star only, so that the time is bounded by the product of the lengths.
fn matches(tokens: &[Token], name: &[char]) -> bool {
    let (mut token, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() || token < tokens.len() {
        match (tokens.get(token), name.get(at)) {
            (Some(Token::Star), _) => {
                star = Some((token, at));
                token += 1;
            }
            (Some(wanted), Some(c)) if wanted.takes(*c) => {
                token += 1;
                at += 1;
            }
            _ => match star {
                Some((back, from)) if name.get(from).is_some_and(|c| *c != '/') => {
                    star = Some((back, from + 1));
                    token = back + 1;
                    at = from + 1;
                }
                _ => return false,
            },
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_matches() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[^b-d]", "abc", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a/b", false),
            ("[^a]", "/", false),
            ("", "", true),
            ("*x", "xxx", true),
        ] {
            assert_eq!(path_match(pattern, name), Ok(expected), "{pattern} {name}");
        }
        for pattern in ["[]a]", "[-]", "[x-]", "[", "[^", "[a", "a\\"] {
            assert_eq!(path_match(pattern, "a"), Err(BadPattern), "{pattern}");
        }
    }
}
