//! Parsing and ordering of versions.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Longest version text accepted, in bytes.
pub const MAX_VERSION_LEN: usize = 256;

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VersionError {
    /// The text does not have the shape of a version at all.
    #[error("invalid semantic version")]
    Invalid,
    /// The text is empty (strict parser only).
    #[error("version string empty")]
    Empty,
    /// A number holds other characters than digits (strict parser only).
    #[error("invalid characters in version")]
    InvalidCharacters,
    /// A numeric part has a leading zero where none is allowed.
    #[error("version segment starts with 0")]
    SegmentStartsWithZero,
    /// The build metadata after `+` is malformed.
    #[error("invalid metadata string")]
    InvalidMetadata,
    /// The pre-release after `-` is malformed.
    #[error("invalid prerelease string")]
    InvalidPrerelease,
    /// The text is longer than [`MAX_VERSION_LEN`].
    #[error("version string is too long (max {MAX_VERSION_LEN} bytes)")]
    TooLong,
    /// A number does not fit into 64 bits (loose parser).
    #[error("error parsing version segment: {0}")]
    Segment(Box<VersionError>),
    /// A number does not fit into 64 bits.
    #[error("strconv.ParseUint: parsing {}: value out of range", crate::quote::quote(.0))]
    OutOfRange(String),
}

/// A semantic version.
///
/// Comparison follows semver precedence: build metadata is ignored, so `1.0.0+a == 1.0.0+b`.
#[derive(Debug, Clone)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    pre: String,
    metadata: String,
    original: String,
}

impl Version {
    /// Parses a version leniently: a leading `v`, missing minor or patch, and leading zeros in the
    /// three numbers are accepted.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        if text.len() > MAX_VERSION_LEN {
            return Err(VersionError::TooLong);
        }
        let shape = Shape::read(text, |b| b.is_ascii_digit()).ok_or(VersionError::Invalid)?;
        if shape.len != text.len() {
            return Err(VersionError::Invalid);
        }
        let number = |part: Option<&str>| match part {
            Some(digits) => parse_number(digits).map_err(|e| VersionError::Segment(Box::new(e))),
            None => Ok(0),
        };
        let version = Self {
            major: number(Some(shape.major))?,
            minor: number(shape.minor)?,
            patch: number(shape.patch)?,
            pre: shape.pre.unwrap_or_default().to_owned(),
            metadata: shape.metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        };
        if !version.pre.is_empty() {
            validate_prerelease(&version.pre)?;
        }
        Ok(version)
    }

    /// Parses exactly what semver.org allows: three numbers, no leading `v`, no leading zeros.
    pub fn parse_strict(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        if text.len() > MAX_VERSION_LEN {
            return Err(VersionError::TooLong);
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VersionError::Invalid);
        };
        let (rest, metadata) = split_suffix(rest, '+');
        if let Some(metadata) = metadata {
            validate_metadata(metadata)?;
        }
        let (patch, pre) = split_suffix(rest, '-');
        if let Some(pre) = pre {
            validate_prerelease(pre)?;
        }
        for part in [major, minor, patch] {
            if !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(VersionError::InvalidCharacters);
            }
            if part.len() > 1 && part.starts_with('0') {
                return Err(VersionError::SegmentStartsWithZero);
            }
        }
        Ok(Self {
            major: parse_number(major)?,
            minor: parse_number(minor)?,
            patch: parse_number(patch)?,
            pre: pre.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// Parses a tag as Flux does: like [`Version::parse`], but the three numbers must all be there, so
    /// that a tag such as `1.0` or `2024` never takes part in a range.
    pub fn parse_tag(tag: &str) -> Result<Self, VersionError> {
        if tag.splitn(3, '.').count() < 3 {
            return Err(VersionError::Invalid);
        }
        Self::parse(tag)
    }

    /// First number.
    pub fn major(&self) -> u64 {
        self.major
    }

    /// Second number; 0 where the text had none.
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// Third number; 0 where the text had none.
    pub fn patch(&self) -> u64 {
        self.patch
    }

    /// The pre-release without its `-`, empty for a release.
    pub fn prerelease(&self) -> &str {
        &self.pre
    }

    /// The build metadata without its `+`.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The text this version was parsed from.
    pub fn original(&self) -> &str {
        &self.original
    }
}

/// The canonical form `1.2.3-pre+meta`, without a leading `v`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::parse(text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prerelease(&self.pre, &other.pre))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// The parts of a version-like text, before they are validated.
pub(crate) struct Shape<'a> {
    pub(crate) major: &'a str,
    pub(crate) minor: Option<&'a str>,
    pub(crate) patch: Option<&'a str>,
    pub(crate) pre: Option<&'a str>,
    pub(crate) metadata: Option<&'a str>,
    /// Bytes of the text that the parts cover.
    pub(crate) len: usize,
}

impl<'a> Shape<'a> {
    /// Reads the longest version-like prefix of `text`, whose numbers consist of bytes that `in_number`
    /// accepts (constraints allow wildcards there). None if there is not even a major number.
    pub(crate) fn read(text: &'a str, in_number: fn(u8) -> bool) -> Option<Self> {
        let mut at = usize::from(text.starts_with('v'));
        let major = run(text, at, in_number)?;
        at += major.len();
        let mut numbers = [None, None];
        for slot in &mut numbers {
            let Some(number) = after(text, at, b'.').and_then(|start| run(text, start, in_number)) else {
                break;
            };
            at += 1 + number.len();
            *slot = Some(number);
        }
        let pre = after(text, at, b'-').and_then(|start| identifiers(text, start));
        at += pre.map_or(0, |p| p.len() + 1);
        let metadata = after(text, at, b'+').and_then(|start| identifiers(text, start));
        at += metadata.map_or(0, |m| m.len() + 1);
        let [minor, patch] = numbers;
        Some(Self { major, minor, patch, pre, metadata, len: at })
    }
}

fn after(text: &str, at: usize, expected: u8) -> Option<usize> {
    (text.as_bytes().get(at) == Some(&expected)).then_some(at + 1)
}

/// The non-empty run of accepted bytes that starts at `start`.
fn run(text: &str, start: usize, accept: fn(u8) -> bool) -> Option<&str> {
    let len = text.as_bytes().get(start..)?.iter().take_while(|b| accept(**b)).count();
    (len > 0).then(|| text.get(start..start + len))?
}

/// Dot-separated identifiers of letters, digits and hyphens.
fn identifiers(text: &str, start: usize) -> Option<&str> {
    let accept = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let mut end = start + run(text, start, accept)?.len();
    while let Some(next) = after(text, end, b'.').and_then(|s| run(text, s, accept)) {
        end += 1 + next.len();
    }
    text.get(start..end)
}

fn split_suffix(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((head, tail)) => (head, Some(tail)),
        None => (text, None),
    }
}

fn parse_number(digits: &str) -> Result<u64, VersionError> {
    // A strict version may have an empty part ("1..2"): Go calls that invalid syntax.
    if digits.is_empty() {
        return Err(VersionError::Invalid);
    }
    digits.parse().map_err(|_| VersionError::OutOfRange(digits.to_owned()))
}

fn validate_prerelease(pre: &str) -> Result<(), VersionError> {
    for part in pre.split('.') {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(VersionError::InvalidPrerelease);
        }
        if part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(VersionError::SegmentStartsWithZero);
        }
    }
    Ok(())
}

fn validate_metadata(metadata: &str) -> Result<(), VersionError> {
    let valid = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if metadata.split('.').all(valid) { Ok(()) } else { Err(VersionError::InvalidMetadata) }
}

/// Precedence of two pre-releases; an empty one is a release and comes last.
pub(crate) fn compare_prerelease(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(l), Some(r)) => compare_identifier(l, r),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn compare_identifier(a: &str, b: &str) -> Ordering {
    // Numbers too large for 64 bits count as text, as in the Go library.
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}
