//! Decrypts what SOPS encrypted: files that secret generators and patches read, before the build; objects, and values
//! of Secrets, after it.

mod objects;
mod sources;

pub use objects::{Decrypted, objects};
pub use sources::{Source, decrypt, find};

use sluice_sops::Encrypted;

/// How many data keys are recovered at once: some are asked for over the network.
const CONCURRENT: usize = 8;

/// Why something can't be decrypted. The texts are Flux's; [`Error::detail`] adds what they leave out. Neither holds a
/// plain value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files can't be looked through.
    #[error("error decrypting sources: {0}")]
    Sources(String),
    /// A file can't be decrypted.
    #[error("error decrypting sources: {source}")]
    File {
        /// The file, relative to the source's root.
        file: String,
        /// Why.
        source: Box<sluice_sops::Error>,
    },
    /// An object, or a value of it, can't be decrypted.
    #[error("decryption failed for '{object}': {place}: {source}")]
    Object {
        /// The object, as kustomize names it.
        object: String,
        /// What of it.
        place: String,
        /// Why.
        source: Box<sluice_sops::Error>,
    },
}

impl Error {
    /// The file, for whom it is encrypted, and what was tried.
    pub fn detail(&self) -> Option<String> {
        let (file, source) = match self {
            Self::Sources(_) => return None,
            Self::File { file, source } => (Some(format!("in the file {file}")), source),
            Self::Object { source, .. } => (None, source),
        };
        let advice = match source.as_ref() {
            sluice_sops::Error::DataKey(error) => Some(error.advice()),
            _ => None,
        };
        let parts: Vec<String> = file.into_iter().chain(advice).collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    }
}

/// Decrypts a file in a format.
async fn plain(
    encrypted: Encrypted,
    format: sluice_sops::Format,
    keys: &impl sluice_sops::KeyService,
) -> Result<Vec<u8>, sluice_sops::Error> {
    let key = encrypted.metadata().data_key(keys).await?;
    encrypted.decrypt(&key, format)
}
