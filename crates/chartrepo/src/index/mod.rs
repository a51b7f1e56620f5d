//! Indexes of chart repositories.
//!
//! An index may have hundreds of thousands of entries, of which one is wanted: it is never in memory as a whole.
//! [`convert`] reads it chart by chart and writes the sorted form that is stored; [`versions`] reads the entries of
//! one chart from there.

mod convert;
mod entry;
mod find;
mod split;

pub use convert::convert;
pub use entry::Release;
pub use find::{choose, versions};

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There is nothing in it.
    #[error("empty index.yaml file")]
    Empty,
    /// It does not say what it is.
    #[error("no API version specified")]
    NoApiVersion,
    /// It is no index.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
