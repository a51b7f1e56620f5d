//! Whose credentials a cloud is shown.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

/// A Kubernetes service account whose tokens a cloud trusts.
pub trait ServiceAccount: Send + Sync {
    /// Namespace and name.
    fn name(&self) -> String;

    /// Why the service account can't be used, if it can't.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The value of an annotation.
    fn annotation(&self, name: &str) -> Option<String>;

    /// A token of the service account for these audiences; none stands for the API server's own.
    fn token(&self, audiences: &[String]) -> BoxFuture<'_, Result<String, String>>;
}

/// Whose credentials a cloud is shown.
#[derive(Clone, Default)]
pub enum Identity<C> {
    /// What the process finds around itself: variables, projected tokens, the machine's metadata.
    #[default]
    Surroundings,
    /// These.
    Given(C),
    /// Those that the cloud gives for a service account's token.
    ServiceAccount(Arc<dyn ServiceAccount>),
}

impl<C> fmt::Debug for Identity<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Surroundings => "Surroundings",
            Self::Given(_) => "Given(…)",
            Self::ServiceAccount(_) => "ServiceAccount(…)",
        })
    }
}

/// A variable of the environment; an empty one counts as none.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads a small file of the process's own pod.
pub(crate) fn read_file(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|error| format!("read {path}: {error}"))
}
