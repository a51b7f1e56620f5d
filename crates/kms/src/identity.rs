//! Whose credentials a cloud is shown.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::lock::Mutex;

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

/// What a cloud said when it was asked for credentials, and until when it holds.
type Told<T> = (Result<T, String>, Option<Instant>);

/// Credentials by what they are for: the many files of one pass ask for them once. A refusal is remembered as well, so
/// that a service that hangs does so once.
pub(crate) struct Memo<T>(Mutex<HashMap<String, Told<T>>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Memo<T> {
    /// What is known, or what the cloud says: credentials, and how long they can be used.
    pub(crate) async fn get(
        &self,
        purpose: &str,
        ask: impl Future<Output = Result<(T, Duration), String>>,
    ) -> Result<T, String> {
        // Others wait for the answer rather than ask too.
        let mut known = self.0.lock().await;
        if let Some((told, ends)) = known.get(purpose)
            && ends.is_none_or(|ends| Instant::now() < ends)
        {
            return told.clone();
        }
        let (told, ends) = match ask.await {
            Ok((credentials, left)) => (Ok(credentials), Some(Instant::now() + left.mul_f64(0.8))),
            Err(error) => (Err(error), None),
        };
        known.insert(purpose.to_owned(), (told.clone(), ends));
        told
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_cloud_is_asked_once() {
        let memo = Memo::default();
        let answer =
            |text: &str, seconds| std::future::ready(Ok((text.to_owned(), Duration::from_secs(seconds))));
        assert_eq!(memo.get("a", answer("one", 60)).await, Ok("one".to_owned()));
        assert_eq!(memo.get("a", answer("two", 60)).await, Ok("one".to_owned()));
        assert_eq!(memo.get("b", answer("two", 0)).await, Ok("two".to_owned()));
        assert_eq!(memo.get("b", answer("three", 60)).await, Ok("three".to_owned()), "the first has ended");
        let refusal = std::future::ready(Err("no".to_owned()));
        assert_eq!(memo.get("c", refusal).await, Err("no".to_owned()));
        assert_eq!(memo.get("c", answer("four", 60)).await, Err("no".to_owned()));
    }
}
