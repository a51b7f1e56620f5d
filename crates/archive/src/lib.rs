//! Archives of sources: what goes in, how the bytes look, and how they come out again.
//!
//! - [`Writer`] makes a deterministic `tar.gz`: equal content gives equal bytes, wherever and whenever
//!   it is written.
//! - [`extract`] unpacks an archive from a stranger into a directory without following its tricks.
//! - [`Digest`] names content as `<algorithm>:<hex>`; [`Hasher`] computes it on the fly.
//! - [`ignore`] decides which files of a source belong to its archive.

pub mod ignore;

mod digest;
mod extract;
mod header;
mod order;
mod read;
mod write;

pub use digest::{Algorithm, Digest, DigestError, Hasher, Tee, UnknownAlgorithm};
pub use extract::{ExtractError, Extracted, Limits, Symlinks, extract};
pub use order::walk_order;
pub use read::{Entry, Kind, Reader};
pub use write::{Summary, WriteError, Writer};
