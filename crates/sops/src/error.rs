//! What can be wrong with an encrypted file.

use crate::datakey::DataKeyError;
use crate::format::Format;

/// Why a file can't be decrypted. No message holds a plain value or a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not what its format says, or its metadata can't be used.
    #[error("failed to load encrypted {format} data: {cause}")]
    Load {
        /// The format that was expected.
        format: Format,
        /// What is wrong.
        cause: String,
    },
    /// No data key.
    #[error("cannot get sops data key: {0}")]
    DataKey(#[from] DataKeyError),
    /// A value can't be decrypted.
    #[error("error decrypting sops tree: Error walking tree: {cause} (at '{path}')")]
    Tree {
        /// Where the value is: keys, joined by dots.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The plain tree can't be written in the format that was asked for.
    #[error("failed to emit encrypted {from} file as decrypted {to}: {cause}")]
    Emit {
        /// The format of the encrypted file.
        from: Format,
        /// The format that was asked for.
        to: Format,
        /// What is wrong.
        cause: String,
    },
}
