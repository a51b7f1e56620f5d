//! Keys that decrypt the data keys of SOPS, and the cloud identities that some of them need.
//!
//! A [`Keyring`] holds what a decryption Secret brings and knows how to ask the services that files name: age and OpenPGP
//! are computed here, Amazon's KMS, Azure's Key Vault, Google's KMS and the transit engine of Vault and OpenBao are asked
//! over their published REST interfaces. [`cluster`], [`registry`] and [`git`] make credentials for clusters, registries
//! and Git servers of the same clouds, [`storage`] for their object stores.
//!
//! Which credentials a cloud gets is said by an [`Identity`]: given ones, those of the process's surroundings, or a
//! Kubernetes service account's, exchanged for the cloud's.
//!
//! All requests are bounded in time and size. Endpoints can be moved by the variables that the vendors' own tools read.

mod age;
pub mod aws;
pub mod azure;
pub mod cluster;
mod entry;
pub mod gcp;
pub mod git;
mod http;
mod identity;
mod jwt;
mod keyring;
mod pgp;
pub mod registry;
pub mod storage;
mod vault;

pub use identity::{Identity, ServiceAccount};
pub use jwt::service_account as service_account_of;
pub use keyring::{ImportError, Keyring};
pub use vault::{Vault, VaultLogin};
