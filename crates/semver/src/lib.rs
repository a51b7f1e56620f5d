//! Versions and constraints as Go's Masterminds/semver v3 understands them.
//!
//! Flux, Helm and their users write ranges in this library's dialect, which differs from npm's and
//! Cargo's: `||` separates groups, a comma or a space joins comparators, `1.2 - 3` is a range, missing
//! parts are wildcards, and pre-releases take part only in a group that names one.
//!
//! ```text
//! let range = Constraints::parse(">=1.2 <2 || ^3.0.0-0")?;
//! let tag = Version::parse("v1.4.2")?;
//! assert!(range.matches(&tag));
//! ```

mod constraint;
mod matching;
mod quote;
mod version;

pub use constraint::{ConstraintError, Constraints, MAX_CONSTRAINT_GROUPS, MAX_CONSTRAINT_LEN};
pub use matching::Mismatch;
pub use version::{MAX_VERSION_LEN, Version, VersionError};
