//! What each operator means.

use std::cmp::Ordering;
use std::fmt;

use crate::constraint::{Comparator, Wildcard};
use crate::quote::quote;
use crate::version::{Version, compare_prerelease};

/// Why a version does not satisfy a comparator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    version: String,
    wanted: String,
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Prerelease,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    OtherMajor,
    OtherMajorOrMinor,
    OtherMinor,
    OtherMinorInMajorZero,
    OtherPatchInMinorZero,
}

impl Mismatch {
    pub(crate) fn is_prerelease(&self) -> bool {
        self.reason == Reason::Prerelease
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, wanted) = (quote(&self.version), quote(&self.wanted));
        let (relation, note) = match self.reason {
            Reason::Prerelease => {
                return write!(
                    f,
                    "{version} is a prerelease version and the constraint is only looking for release versions"
                );
            }
            Reason::Equal => ("is equal to", ""),
            Reason::NotEqual => ("is not equal to", ""),
            Reason::LessOrEqual => ("is less than or equal to", ""),
            Reason::GreaterOrEqual => ("is greater than or equal to", ""),
            Reason::Less => ("is less than", ""),
            Reason::Greater => ("is greater than", ""),
            Reason::OtherMajor => ("does not have same major version as", ""),
            Reason::OtherMajorOrMinor => ("does not have same major and minor version as", ""),
            Reason::OtherMinor => ("does not have same minor version as", ""),
            Reason::OtherMinorInMajorZero => (
                "does not have same minor version as",
                ". Expected minor versions to match when constraint major version is 0",
            ),
            Reason::OtherPatchInMinorZero => (
                "does not equal",
                ". Expect version and constraint to equal when major and minor versions are 0",
            ),
        };
        write!(f, "{version} {relation} {wanted}{note}")
    }
}

impl std::error::Error for Mismatch {}

impl Comparator {
    /// Checks one version; `prereleases` says whether pre-releases take part at all.
    pub(crate) fn check(&self, version: &Version, prereleases: bool) -> Result<(), Mismatch> {
        let outcome = if !prereleases && !version.prerelease().is_empty() {
            Err(Reason::Prerelease)
        } else {
            match self.operator {
                "!=" => self.not_equal(version),
                ">" => self.greater(version),
                "<" => require(*version < self.version, Reason::GreaterOrEqual),
                ">=" | "=>" => require(*version >= self.version, Reason::Less),
                "<=" | "=<" => self.at_most(version),
                "~" | "~>" => self.tilde(version),
                "^" => self.caret(version),
                _ => self.equal(version),
            }
        };
        outcome.map_err(|reason| Mismatch {
            version: version.to_string(),
            wanted: self.written.clone(),
            reason,
        })
    }

    fn not_equal(&self, version: &Version) -> Result<(), Reason> {
        let wanted = &self.version;
        let differs = match self.wildcard {
            // `!=*` excludes nothing but 0.0.0.
            Wildcard::None | Wildcard::Major => version != wanted,
            Wildcard::Minor => version.major() != wanted.major(),
            Wildcard::Patch => {
                version.major() != wanted.major()
                    || version.minor() != wanted.minor()
                    || compare_prerelease(version.prerelease(), wanted.prerelease()) != Ordering::Equal
            }
        };
        require(differs, Reason::Equal)
    }

    fn greater(&self, version: &Version) -> Result<(), Reason> {
        let wanted = &self.version;
        let greater = match (self.wildcard, version.major().cmp(&wanted.major())) {
            (Wildcard::None, _) | (Wildcard::Major, Ordering::Equal) => version > wanted,
            (_, Ordering::Greater) => true,
            (_, Ordering::Less) | (Wildcard::Minor, Ordering::Equal) => false,
            (Wildcard::Patch, Ordering::Equal) => version.minor() > wanted.minor(),
        };
        require(greater, Reason::LessOrEqual)
    }

    fn at_most(&self, version: &Version) -> Result<(), Reason> {
        let wanted = &self.version;
        let at_most = match (self.wildcard, version.major().cmp(&wanted.major())) {
            (Wildcard::None, _) => version <= wanted,
            (_, Ordering::Less) | (Wildcard::Minor, Ordering::Equal) => true,
            (_, Ordering::Greater) => false,
            (_, Ordering::Equal) => version.minor() <= wanted.minor(),
        };
        require(at_most, Reason::Greater)
    }

    fn equal(&self, version: &Version) -> Result<(), Reason> {
        match self.wildcard {
            Wildcard::None => require(*version == self.version, Reason::NotEqual),
            _ => self.tilde(version),
        }
    }

    /// `~1.2.3` is `>=1.2.3 <1.3`; `~1` is `>=1 <2`; `~0.0.0` and `~*` admit everything.
    fn tilde(&self, version: &Version) -> Result<(), Reason> {
        let wanted = &self.version;
        require(version >= wanted, Reason::Less)?;
        if numbers(wanted) == (0, 0, 0) && matches!(self.wildcard, Wildcard::None | Wildcard::Major) {
            return Ok(());
        }
        require(version.major() == wanted.major(), Reason::OtherMajor)?;
        let same_minor = self.wildcard == Wildcard::Minor || version.minor() == wanted.minor();
        require(same_minor, Reason::OtherMajorOrMinor)
    }

    /// `^1.2.3` is `>=1.2.3 <2`; below 1 the first non-zero number must stay the same.
    fn caret(&self, version: &Version) -> Result<(), Reason> {
        let wanted = &self.version;
        require(version >= wanted, Reason::Less)?;
        if wanted.major() > 0 || self.wildcard == Wildcard::Minor {
            return require(version.major() == wanted.major(), Reason::OtherMajor);
        }
        require(version.major() == 0, Reason::OtherMajor)?;
        if wanted.minor() > 0 || self.wildcard == Wildcard::Patch {
            return require(version.minor() == wanted.minor(), Reason::OtherMinorInMajorZero);
        }
        require(version.minor() == 0, Reason::OtherMinor)?;
        require(version.patch() == wanted.patch(), Reason::OtherPatchInMinorZero)
    }
}

fn require(holds: bool, otherwise: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn numbers(version: &Version) -> (u64, u64, u64) {
    (version.major(), version.minor(), version.patch())
}
