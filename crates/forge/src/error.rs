//! What can go wrong.

/// Why there is no pull request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It can't work until somebody changes something.
    #[error("{0}")]
    Config(String),
    /// The host did not answer, or refused.
    #[error("{what}: {reason}")]
    Call {
        /// Method and address.
        what: String,
        /// What the host said, or why there was no answer.
        reason: String,
    },
}
