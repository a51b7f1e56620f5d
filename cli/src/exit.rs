//! Exit codes other than that of a failure.

use std::process::ExitCode;

/// Ends the command with a code of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Exit {
    /// Nothing went wrong, but scripts are to notice what was found.
    #[error("{0}")]
    Notice(&'static str),
    /// The answer could not be found out.
    #[error("{0:#}")]
    Undecided(anyhow::Error),
}

impl Exit {
    /// The code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Notice(_) => 1,
            Self::Undecided(_) => 2,
        })
    }
}
