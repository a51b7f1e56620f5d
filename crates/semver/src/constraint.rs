//! Parsing of constraints.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::matching::Mismatch;
use crate::quote::quote;
use crate::version::{Shape, Version};

/// Longest constraint text accepted, in bytes.
pub const MAX_CONSTRAINT_LEN: usize = 512;
/// Most groups, separated by `||`, that a constraint may have.
pub const MAX_CONSTRAINT_GROUPS: usize = 32;

/// Why a text is not a constraint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConstraintError {
    /// A group does not follow the grammar; holds the group as written (ranges rewritten).
    #[error("improper constraint: {}", quote(.0))]
    Improper(String),
    /// A comparator has the right shape, but its version is invalid (`1.2.3-01`, `xx`).
    #[error("constraint parser error")]
    Version,
    /// The text is longer than [`MAX_CONSTRAINT_LEN`].
    #[error("constraint string is too long (max {MAX_CONSTRAINT_LEN} bytes)")]
    TooLong,
    /// There are more than [`MAX_CONSTRAINT_GROUPS`] groups.
    #[error("too many constraint groups (max {MAX_CONSTRAINT_GROUPS})")]
    TooManyGroups,
}

/// A constraint: groups of comparators, of which one group must hold as a whole.
#[derive(Debug, Clone)]
pub struct Constraints {
    groups: Vec<Group>,
    include_prereleases: bool,
}

#[derive(Debug, Clone)]
struct Group {
    comparators: Vec<Comparator>,
    /// Whether one of the comparators names a pre-release, which admits pre-releases to the group.
    names_prerelease: bool,
}

/// One comparator such as `>=1.2`.
#[derive(Debug, Clone)]
pub(crate) struct Comparator {
    /// The operator as written: `=<` and `<=` are both kept.
    pub(crate) operator: &'static str,
    /// The version as written, wildcards included.
    pub(crate) written: String,
    /// The version with wildcards and missing parts as 0.
    pub(crate) version: Version,
    pub(crate) wildcard: Wildcard,
}

/// The first part of a comparator's version that is missing or a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wildcard {
    None,
    Major,
    Minor,
    Patch,
}

impl Constraints {
    /// Parses a constraint.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        if text.len() > MAX_CONSTRAINT_LEN {
            return Err(ConstraintError::TooLong);
        }
        let text = rewrite_ranges(text);
        if text.split("||").count() > MAX_CONSTRAINT_GROUPS {
            return Err(ConstraintError::TooManyGroups);
        }
        let groups = text.split("||").map(Group::parse).collect::<Result<_, _>>()?;
        Ok(Self { groups, include_prereleases: false })
    }

    /// Lets pre-releases match every group, not only those that name one.
    #[must_use]
    pub fn including_prereleases(mut self) -> Self {
        self.include_prereleases = true;
        self
    }

    /// Whether `version` satisfies the constraint.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            let prereleases = self.include_prereleases || group.names_prerelease;
            group.comparators.iter().all(|c| c.check(version, prereleases).is_ok())
        })
    }

    /// Like [`Constraints::matches`], with the reasons of every group that does not hold.
    pub fn validate(&self, version: &Version) -> Result<(), Vec<Mismatch>> {
        let mut reasons = Vec::new();
        for group in &self.groups {
            let prereleases = self.include_prereleases || group.names_prerelease;
            let mismatches: Vec<Mismatch> =
                group.comparators.iter().filter_map(|c| c.check(version, prereleases).err()).collect();
            if mismatches.is_empty() {
                return Ok(());
            }
            for mismatch in mismatches {
                // "only releases" is the same for every comparator: say it once.
                if !(mismatch.is_prerelease() && reasons.iter().any(Mismatch::is_prerelease)) {
                    reasons.push(mismatch);
                }
            }
        }
        Err(reasons)
    }
}

/// The normal form: comparators separated by a space, groups by ` || `.
impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, group) in self.groups.iter().enumerate() {
            if i > 0 {
                f.write_str(" || ")?;
            }
            for (k, comparator) in group.comparators.iter().enumerate() {
                let space = if k > 0 { " " } else { "" };
                write!(f, "{space}{}{}", comparator.operator, comparator.written)?;
            }
        }
        Ok(())
    }
}

impl FromStr for Constraints {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        Self::parse(text)
    }
}

impl Group {
    fn parse(text: &str) -> Result<Self, ConstraintError> {
        let improper = || ConstraintError::Improper(text.to_owned());
        let mut found = Vec::new();
        let mut rest = trim_space(text);
        loop {
            let (operator, after) = split_operator(rest);
            let after = trim_space(after);
            let shape = Shape::read(after, in_constraint_number).ok_or_else(improper)?;
            let (written, tail) = after.split_at(shape.len);
            found.push((operator, written, shape));
            let next = trim_space(tail);
            if next.is_empty() {
                break;
            }
            rest = match next.strip_prefix(',') {
                Some(next) => trim_space(next),
                None if next.len() < tail.len() => next,
                None => return Err(improper()),
            };
        }
        // The grammar of the whole group comes first, so that its error names the whole group.
        let comparators = found
            .into_iter()
            .map(|(operator, written, shape)| Comparator::new(operator, written, &shape))
            .collect::<Result<Vec<_>, _>>()?;
        let names_prerelease = comparators.iter().any(|c| !c.version.prerelease().is_empty());
        Ok(Self { comparators, names_prerelease })
    }
}

impl Comparator {
    fn new(operator: &'static str, written: &str, shape: &Shape<'_>) -> Result<Self, ConstraintError> {
        let is_wildcard = |part: &str| matches!(part, "x" | "X" | "*");
        let open = |part: Option<&str>| part.is_none_or(is_wildcard);
        let pre = shape.pre.map(|p| format!("-{p}")).unwrap_or_default();
        let (wildcard, text) = if is_wildcard(shape.major) {
            (Wildcard::Major, format!("0.0.0{pre}"))
        } else if open(shape.minor) {
            (Wildcard::Minor, format!("{}.0.0{pre}", shape.major))
        } else if open(shape.patch) {
            (Wildcard::Patch, format!("{}.{}.0{pre}", shape.major, shape.minor.unwrap_or_default()))
        } else {
            (Wildcard::None, written.to_owned())
        };
        let version = Version::parse(&text).map_err(|_| ConstraintError::Version)?;
        Ok(Self { operator, written: written.to_owned(), version, wildcard })
    }
}

/// Operators, longest first so that `>=` is not read as `>`.
const OPERATORS: [&str; 11] = ["!=", ">=", "=>", "<=", "=<", "~>", "=", ">", "<", "~", "^"];

fn split_operator(text: &str) -> (&'static str, &str) {
    OPERATORS.iter().find_map(|op| text.strip_prefix(op).map(|rest| (*op, rest))).unwrap_or(("", text))
}

/// Bytes of a number in a constraint. The Go library's character class admits `|` as well: such a number
/// is well-formed, but never a valid version.
fn in_constraint_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*' | b'|')
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0c' | '\r')
}

fn trim_space(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// Rewrites hyphen ranges: `1.2 - 3` becomes `>= 1.2, <= 3`.
fn rewrite_ranges(text: &str) -> String {
    let mut out = text.to_owned();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(range) = HyphenRange::read(rest) {
            // Each match replaces the first occurrence of its text, as the Go library does it.
            let comparators = format!(">= {}, <= {} ", range.low, range.high);
            out = out.replacen(range.matched, &comparators, 1);
            at += range.matched.len();
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    out
}

struct HyphenRange<'a> {
    matched: &'a str,
    low: &'a str,
    high: &'a str,
}

impl<'a> HyphenRange<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let start = trim_space(text);
        let (low, rest) = start.split_at(Shape::read(start, in_constraint_number)?.len);
        let hyphen = trim_space(rest);
        let after = hyphen.strip_prefix('-')?;
        let second = trim_space(after);
        if hyphen.len() == rest.len() || second.len() == after.len() {
            return None;
        }
        let (high, rest) = second.split_at(Shape::read(second, in_constraint_number)?.len);
        let matched = text.get(..text.len() - trim_space(rest).len())?;
        Some(Self { matched, low, high })
    }
}
