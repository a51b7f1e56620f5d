//! Files that SOPS encrypted.
//!
//! A file is a tree of values with a block of metadata: who can decrypt the file's data key, and which values that key
//! encrypts. [`Encrypted::parse`] reads both, [`Metadata::data_key`] recovers the key with whatever implements
//! [`KeyService`], and [`Encrypted::decrypt`] makes the plain tree, which is written byte for byte as SOPS writes it.
//!
//! As Flux does, the message authentication code over the whole file is not compared: Kubernetes tools add labels and
//! annotations to encrypted objects, and each value is authenticated by itself, with its place in the tree. A value that
//! was tampered with, or moved, is an error.
//!
//! Nothing here asks a network or reads a file, and no error holds a plain value.

mod cipher;
mod datakey;
mod decrypt;
mod error;
mod format;
mod keys;
mod metadata;
mod rule;
mod shamir;
mod store;
mod tree;

pub use datakey::{DataKey, DataKeyError, GroupOutcome, KeyFailure, KeyService};
pub use decrypt::{Encrypted, decrypt_object, is_encrypted_object};
pub use error::Error;
pub use format::Format;
pub use keys::{KeyGroup, MasterKey, Recipient};
pub use metadata::Metadata;
pub use rule::Rule;
pub use shamir::{ShamirError, combine};
pub use tree::{Comment, Entry, Item, Value};

/// The largest encrypted file that is read, in bytes: that of Flux.
pub const MAX_FILE: usize = 5 << 20;
