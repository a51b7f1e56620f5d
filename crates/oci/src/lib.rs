//! A client of OCI registries (distribution specification 1.1): resolve, list, pull.
//!
//! ```no_run
//! # async fn run() -> Result<(), sluice_oci::Error> {
//! use sluice_oci::{Access, Client, Keychain, Registries, Repository, Version};
//! let registries = Registries::default();
//! let repository = Repository::parse("ghcr.io/org/app", false)?;
//! let access = Access { credentials: Keychain::default().resolve(&repository), ..Access::default() };
//! let client = Client::new(&registries, repository, access)?;
//! let digest = client.resolve(&Version::Tag("1.0.0".into())).await?;
//! let image = client.image(&digest).await?;
//! if let Some(layer) = image.manifest.layers.first() {
//!     let mut file = tokio::fs::File::create("/tmp/layer").await.map_err(sluice_oci::Error::store)?;
//!     client.download(layer, &mut file).await?;
//! }
//! # Ok(()) }
//! ```
//!
//! What is learnt about registries (their scheme, how they authenticate, tokens, requests to wait) is kept in
//! [`Registries`] and shared, so that asking once more whether a tag has moved costs one `HEAD`.
//! Everything that a registry sends is bounded in size and time, and verified against its digest.

mod blob;
mod challenge;
mod client;
mod credentials;
mod digest;
mod error;
mod gofmt;
mod manifest;
mod name;
mod registries;
mod retry;
mod tags;
mod token;
mod transport;

pub use blob::Blob;
pub use client::{Access, Client, Image};
pub use credentials::{Credentials, Keychain, KeychainError};
pub use digest::InvalidDigest;
pub use error::{Diagnostic, Error, StatusError};
pub use manifest::{Descriptor, ImageIndex, ImageManifest, Manifest, Platform};
pub use name::{NameError, Reference, Repository, Version};
pub use registries::Registries;
pub use tags::Tags;
