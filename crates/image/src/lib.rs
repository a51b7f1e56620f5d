//! Which image tag is the latest, and writing it to where a comment marks the place.
//!
//! - [`tags`]: which of a registry's tags count, in which order they are kept, and the revision of the list.
//! - [`policy`]: the latest of them, by version, number or alphabet.
//! - [`setters`]: edits of YAML files that change the bytes of marked scalars and nothing else.
//! - [`unmarked`]: the same where the image is told by what stands beside it.
//!
//! Data in, data out: registries, clusters and Git are for those who use this crate.

pub mod policy;
pub mod setters;
pub mod tags;
pub mod unmarked;

use std::fmt;

/// A selected image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The repository, as its user writes it.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// The digest, `sha256:<hex>`; empty when it is not pinned.
    pub digest: String,
}

impl fmt::Display for Image {
    /// `<name>:<tag>[@<digest>]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)?;
        if self.digest.is_empty() { Ok(()) } else { write!(f, "@{}", self.digest) }
    }
}
