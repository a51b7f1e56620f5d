//! What can go wrong.

use std::io;
use std::time::Duration;

/// The error of all operations. Its text holds neither credentials nor the query of a URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint, a certificate, the proxy or credentials can't be used as given.
    #[error("{0}")]
    Config(String),
    /// No answer came.
    #[error("{request}: {reason}")]
    Connect {
        /// What was asked, without its query.
        request: String,
        /// Why not.
        reason: String,
    },
    /// The store refused.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The store's own code for it, or empty.
        code: String,
        /// What the store says.
        message: String,
    },
    /// The answer makes no sense.
    #[error("unexpected answer to {request}: {reason}")]
    Answer {
        /// What was asked, without its query.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store sent more than is accepted.
    #[error("{0}")]
    TooLarge(String),
    /// No URL can be made of a key.
    #[error("the key {0:?} has parts that a URL cannot hold")]
    Key(String),
    /// The content could not be written.
    #[error("unable to write '{path}': {source}")]
    File {
        /// The file's name.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Time ran out.
    #[error("context deadline exceeded after {}s", .0.as_secs_f64().round())]
    Timeout(Duration),
}

impl Error {
    /// The store's own code, if it refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The HTTP status, if the store refused.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}
