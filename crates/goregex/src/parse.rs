//! Go's regular expression syntax.

use super::class::{self, Class};
use super::error::{Code, RegexError};

/// How deep groups and repetitions may nest. Go allows 1,000; no pattern that people write comes near either.
pub(super) const MAX_DEPTH: usize = 250;

/// The largest count of a repetition, and the largest product of nested ones.
const MAX_REPEAT: u32 = 1000;

/// The flags at a place in the pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `i`
    pub(super) fold_case: bool,
    /// `m`
    pub(super) multi_line: bool,
    /// `s`
    pub(super) dot_newline: bool,
    /// `U`
    pub(super) ungreedy: bool,
}

/// A parsed pattern.
#[derive(Debug)]
pub(super) enum Tree {
    Literal {
        char: char,
        fold_case: bool,
    },
    Class(Class),
    /// An assertion, as the `regex` crate writes it.
    Look(&'static str),
    Repeat {
        tree: Box<Tree>,
        min: u32,
        max: Option<u32>,
        greedy: bool,
    },
    Capture {
        tree: Box<Tree>,
        name: Option<String>,
    },
    Concat(Vec<Tree>),
    Alternate(Vec<Tree>),
}

impl Tree {
    /// About how many states a search goes through for each character, at most.
    pub(super) fn size(&self) -> u64 {
        match self {
            Tree::Repeat { tree, min, max, .. } => {
                tree.size().saturating_mul(u64::from(max.unwrap_or(*min).max(1))).saturating_add(1)
            }
            Tree::Capture { tree, .. } => tree.size().saturating_add(2),
            Tree::Concat(trees) | Tree::Alternate(trees) => {
                trees.iter().fold(1, |size: u64, tree| size.saturating_add(tree.size()))
            }
            Tree::Literal { .. } | Tree::Class(_) | Tree::Look(_) => 1,
        }
    }

    /// Whether the counts of nested repetitions multiply to no more than the limit.
    fn repeats_within(&self, mut limit: u32) -> bool {
        match self {
            Tree::Repeat { tree, min, max, .. } => {
                if *max != Some(1) || *min > 1 {
                    let count = max.unwrap_or(*min);
                    if *max == Some(0) {
                        return true;
                    }
                    if count > limit {
                        return false;
                    }
                    limit /= count.max(1);
                }
                tree.repeats_within(limit)
            }
            Tree::Capture { tree, .. } => tree.repeats_within(limit),
            Tree::Concat(trees) | Tree::Alternate(trees) => {
                trees.iter().all(|tree| tree.repeats_within(limit))
            }
            Tree::Literal { .. } | Tree::Class(_) | Tree::Look(_) => true,
        }
    }
}

/// A group that is still open.
struct Group {
    /// The finished branches of its alternation.
    branches: Vec<Tree>,
    /// The branch being read.
    branch: Vec<Tree>,
    kind: GroupKind,
    /// The flags to return to.
    flags: Flags,
    /// How deep its content nests so far.
    depth: usize,
}

enum GroupKind {
    Plain,
    Capture(Option<String>),
}

impl Group {
    fn new(kind: GroupKind, flags: Flags) -> Self {
        Self { branches: Vec::new(), branch: Vec::new(), kind, flags, depth: 0 }
    }

    fn finish(mut self) -> Tree {
        let last = Tree::Concat(self.branch);
        if self.branches.is_empty() {
            last
        } else {
            self.branches.push(last);
            Tree::Alternate(self.branches)
        }
    }
}

struct Parser<'a> {
    pattern: &'a [u8],
    flags: Flags,
    /// The innermost group last; the pattern itself first.
    groups: Vec<Group>,
}

type Result<T> = std::result::Result<T, RegexError>;

pub(super) fn parse(pattern: &[u8]) -> Result<Tree> {
    let mut parser = Parser { pattern, flags: Flags::default(), groups: Vec::new() };
    let mut current = Group::new(GroupKind::Plain, Flags::default());
    let mut rest = pattern;
    // The text from the repetition operator directly before, against `a**`.
    let mut last_repeat: Option<&[u8]> = None;
    while let Some(first) = rest.first() {
        let mut repeat = None;
        match first {
            b'(' if rest.get(1) == Some(&b'?') => rest = parser.perl_group(&mut current, rest)?,
            b'(' => {
                parser.open(&mut current, GroupKind::Capture(None))?;
                rest = rest.split_at(1).1;
            }
            b'|' => {
                let branch = std::mem::take(&mut current.branch);
                current.branches.push(Tree::Concat(branch));
                rest = rest.split_at(1).1;
            }
            b')' => {
                let outer = parser.groups.pop();
                let mut outer = outer.ok_or_else(|| RegexError::new(Code::UnexpectedParen, pattern))?;
                std::mem::swap(&mut outer, &mut current);
                parser.close(&mut current, outer)?;
                rest = rest.split_at(1).1;
            }
            b'*' | b'+' | b'?' | b'{' => match repetition(rest) {
                Some((bounds, len)) => {
                    let before = rest;
                    rest = parser.repeat(&mut current, bounds, before, len, last_repeat)?;
                    repeat = Some(before);
                }
                None => rest = parser.literal(&mut current, rest)?,
            },
            _ => rest = parser.atom(&mut current, rest)?,
        }
        last_repeat = repeat;
    }
    if !parser.groups.is_empty() {
        return Err(RegexError::new(Code::MissingParen, pattern));
    }
    Ok(current.finish())
}

/// How often.
#[derive(Clone, Copy)]
struct Bounds {
    /// `None` for a number beyond anything.
    min: Option<u32>,
    max: Option<u32>,
    /// `{…}`
    counted: bool,
}

/// Reads `*`, `+`, `?`, `{2}`, `{2,}`, `{2,3}`; `None` for a brace that is just a brace.
fn repetition(text: &[u8]) -> Option<(Bounds, usize)> {
    let simple = |min, max| Some((Bounds { min: Some(min), max, counted: false }, 1));
    match text.first()? {
        b'*' => return simple(0, None),
        b'+' => return simple(1, None),
        b'?' => return simple(0, Some(1)),
        _ => {}
    }
    let (min, rest) = count(text.get(1..)?)?;
    let (min, max, rest) = match rest {
        [b',', b'}', ..] => (min, None, &rest[1..]),
        [b',', rest @ ..] => {
            let (max, rest) = count(rest)?;
            // Too large a maximum makes the whole invalid.
            (max.and(min), max, rest)
        }
        _ => (min, min, rest),
    };
    let rest = rest.strip_prefix(b"}")?;
    Some((Bounds { min, max, counted: true }, text.len() - rest.len()))
}

/// Reads digits without a leading zero; the value is `None` when it is beyond anything.
fn count(text: &[u8]) -> Option<(Option<u32>, &[u8])> {
    let len = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if len == 0 || (len > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    let (digits, rest) = text.split_at(len);
    let value = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    Some((value, rest))
}

/// The first character and the rest.
pub(super) fn next_char(text: &[u8]) -> Result<(char, &[u8])> {
    let window = text.get(..4).unwrap_or(text);
    let valid = match std::str::from_utf8(window) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default(),
    };
    let char = valid.chars().next().ok_or_else(|| RegexError::new(Code::Utf8, text))?;
    Ok((char, text.split_at(char.len_utf8()).1))
}

fn check_utf8(text: &[u8]) -> Result<()> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(RegexError::new(Code::Utf8, &text[error.valid_up_to()..])),
    }
}

impl<'a> Parser<'a> {
    fn open(&mut self, current: &mut Group, kind: GroupKind) -> Result<()> {
        let group = Group::new(kind, self.flags);
        self.groups.push(std::mem::replace(current, group));
        self.check_depth(self.groups.len())
    }

    fn check_depth(&self, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH { Err(RegexError::new(Code::NestingDepth, self.pattern)) } else { Ok(()) }
    }

    /// Puts a finished group into the one around it.
    fn close(&mut self, current: &mut Group, mut group: Group) -> Result<()> {
        self.flags = group.flags;
        current.depth = current.depth.max(group.depth + 1);
        self.check_depth(current.depth)?;
        let kind = std::mem::replace(&mut group.kind, GroupKind::Plain);
        let tree = group.finish();
        current.branch.push(match kind {
            GroupKind::Plain => tree,
            GroupKind::Capture(name) => Tree::Capture { tree: Box::new(tree), name },
        });
        Ok(())
    }

    fn literal(&self, current: &mut Group, rest: &'a [u8]) -> Result<&'a [u8]> {
        let (char, rest) = next_char(rest)?;
        current.branch.push(Tree::Literal { char, fold_case: self.flags.fold_case });
        Ok(rest)
    }

    fn repeat(
        &self,
        current: &mut Group,
        bounds: Bounds,
        before: &'a [u8],
        len: usize,
        last_repeat: Option<&[u8]>,
    ) -> Result<&'a [u8]> {
        let operator = before.split_at(len).0;
        let (min, max) = match (bounds.min, bounds.max) {
            (Some(min), max)
                if min <= MAX_REPEAT && max.is_none_or(|max| max <= MAX_REPEAT && min <= max) =>
            {
                (min, max)
            }
            _ => return Err(RegexError::new(Code::RepeatSize, operator)),
        };
        let mut after = before.split_at(len).1;
        let lazy = after.first() == Some(&b'?');
        if lazy {
            after = after.split_at(1).1;
        }
        let whole = before.split_at(before.len() - after.len()).0;
        if let Some(last) = last_repeat {
            return Err(RegexError::new(Code::RepeatOp, last.split_at(last.len() - after.len()).0));
        }
        let Some(tree) = current.branch.pop() else {
            return Err(RegexError::new(Code::MissingRepeatArgument, whole));
        };
        current.depth += 1;
        self.check_depth(current.depth)?;
        let tree = Tree::Repeat { tree: Box::new(tree), min, max, greedy: lazy == self.flags.ungreedy };
        if bounds.counted && (min >= 2 || max.is_some_and(|max| max >= 2)) && !tree.repeats_within(MAX_REPEAT)
        {
            return Err(RegexError::new(Code::RepeatSize, whole));
        }
        current.branch.push(tree);
        Ok(after)
    }

    /// A single character, a class or an assertion.
    fn atom(&mut self, current: &mut Group, rest: &'a [u8]) -> Result<&'a [u8]> {
        let flags = self.flags;
        let (tree, rest) = match rest {
            [b'^', rest @ ..] => (Tree::Look(if flags.multi_line { "(?m:^)" } else { r"\A" }), rest),
            [b'$', rest @ ..] => (Tree::Look(if flags.multi_line { "(?m:$)" } else { r"\z" }), rest),
            [b'.', rest @ ..] => (Tree::Class(Class::dot(flags.dot_newline)), rest),
            [b'[', ..] => {
                let (class, rest) = class::bracketed(rest, flags.fold_case)?;
                (Tree::Class(class), rest)
            }
            [b'\\', b'A', rest @ ..] => (Tree::Look(r"\A"), rest),
            [b'\\', b'z', rest @ ..] => (Tree::Look(r"\z"), rest),
            [b'\\', b'b', rest @ ..] => (Tree::Look(r"(?-u:\b)"), rest),
            [b'\\', b'B', rest @ ..] => (Tree::Look(r"(?-u:\B)"), rest),
            [b'\\', b'C', ..] => return Err(RegexError::new(Code::Escape, b"\\C")),
            [b'\\', b'Q', rest @ ..] => return self.quoted(current, rest),
            [b'\\', ..] => {
                if let Some((item, rest)) = class::escaped(rest)? {
                    (Tree::Class(Class::of(item, flags.fold_case)), rest)
                } else {
                    let (code, rest) = escape(rest)?;
                    match char::from_u32(code) {
                        Some(char) => (Tree::Literal { char, fold_case: flags.fold_case }, rest),
                        // A surrogate is in no text.
                        None => (Tree::Class(Class::nothing()), rest),
                    }
                }
            }
            _ => return self.literal(current, rest),
        };
        current.branch.push(tree);
        Ok(rest)
    }

    /// `\Q…\E`: all literal.
    fn quoted(&self, current: &mut Group, text: &'a [u8]) -> Result<&'a [u8]> {
        let end = text.windows(2).position(|pair| pair == b"\\E");
        let (mut literal, rest) = match end {
            Some(end) => (&text[..end], &text[end + 2..]),
            None => (text, &text[text.len()..]),
        };
        while !literal.is_empty() {
            literal = self.literal(current, literal)?;
        }
        Ok(rest)
    }

    /// `(?flags)`, `(?flags:…`, `(?P<name>…`, `(?<name>…`.
    fn perl_group(&mut self, current: &mut Group, text: &'a [u8]) -> Result<&'a [u8]> {
        let start = match text {
            [_, _, b'P', b'<', _, ..] => Some(4),
            [_, _, b'<', _, ..] => Some(3),
            _ => None,
        };
        if let Some(start) = start {
            return self.named_group(current, text, start);
        }
        let mut flags = self.flags;
        let (mut negative, mut seen) = (false, false);
        let mut rest = text.split_at(2).1;
        while !rest.is_empty() {
            let (char, after) = next_char(rest)?;
            rest = after;
            match char {
                'i' => flags.fold_case = !negative,
                'm' => flags.multi_line = !negative,
                's' => flags.dot_newline = !negative,
                'U' => flags.ungreedy = !negative,
                '-' if !negative => {
                    negative = true;
                    seen = false;
                    continue;
                }
                ':' | ')' if !negative || seen => {
                    if char == ':' {
                        self.open(current, GroupKind::Plain)?;
                    }
                    self.flags = flags;
                    return Ok(rest);
                }
                _ => break,
            }
            seen = true;
        }
        Err(RegexError::new(Code::PerlOp, text.split_at(text.len() - rest.len()).0))
    }

    fn named_group(&mut self, current: &mut Group, text: &'a [u8], start: usize) -> Result<&'a [u8]> {
        let Some(end) = text.iter().position(|byte| *byte == b'>') else {
            check_utf8(text)?;
            return Err(RegexError::new(Code::NamedCapture, text));
        };
        let name = text.get(start..end).unwrap_or_default();
        check_utf8(name)?;
        let (capture, rest) = text.split_at(end + 1);
        if name.is_empty() || !name.iter().all(|b| *b == b'_' || b.is_ascii_alphanumeric()) {
            return Err(RegexError::new(Code::NamedCapture, capture));
        }
        let name = String::from_utf8_lossy(name).into_owned();
        self.open(current, GroupKind::Capture(Some(name)))?;
        Ok(rest)
    }
}

/// Reads a backslash and what belongs to it as one character. It may be a surrogate, which Go takes.
pub(super) fn escape(text: &[u8]) -> Result<(u32, &[u8])> {
    let after = text.split_at(1).1;
    if after.is_empty() {
        return Err(RegexError::new(Code::TrailingBackslash, b""));
    }
    let (char, mut rest) = next_char(after)?;
    let fault = |rest: &[u8]| RegexError::new(Code::Escape, text.split_at(text.len() - rest.len()).0);
    let code = match char {
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        'x' => return hexadecimal(rest, fault),
        '0'..='7' if char == '0' || matches!(rest.first(), Some(b'0'..=b'7')) => {
            let mut code = u32::from(char) - u32::from('0');
            for _ in 0..2 {
                let Some((digit @ b'0'..=b'7', tail)) = rest.split_first() else { break };
                code = code * 8 + u32::from(digit - b'0');
                rest = tail;
            }
            code
        }
        char if char.is_ascii() && !char.is_ascii_alphanumeric() => u32::from(char),
        _ => return Err(fault(rest)),
    };
    Ok((code, rest))
}

/// What follows `\x`: two digits, or any number in braces.
fn hexadecimal(text: &[u8], fault: impl Fn(&[u8]) -> RegexError) -> Result<(u32, &[u8])> {
    if text.is_empty() {
        return Err(fault(text));
    }
    let (first, mut rest) = next_char(text)?;
    if first != '{' {
        if rest.is_empty() {
            return Err(fault(rest));
        }
        let (second, rest) = next_char(rest)?;
        return match (first.to_digit(16), second.to_digit(16)) {
            (Some(high), Some(low)) => Ok((high * 16 + low, rest)),
            _ => Err(fault(rest)),
        };
    }
    let (mut code, mut digits) = (0u32, 0);
    while !rest.is_empty() {
        let (char, after) = next_char(rest)?;
        rest = after;
        if char == '}' {
            if digits == 0 {
                break;
            }
            return Ok((code, rest));
        }
        let Some(digit) = char.to_digit(16) else { break };
        code = code * 16 + digit;
        digits += 1;
        if code > u32::from(char::MAX) {
            break;
        }
    }
    Err(fault(rest))
}
