//! Waiting for objects by watching them.

use std::{fmt::Debug, time::Duration};

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use kube::{Api, Resource, runtime::watcher};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Long enough for a machine under load.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// Watches an object until the predicate holds, and returns the object then; `None` stands for an
/// object that does not exist. Fails with the last state seen when the time is over.
pub async fn wait_for<K>(
    api: &Api<K>,
    name: &str,
    timeout: Duration,
    mut predicate: impl FnMut(Option<&K>) -> bool,
) -> Result<Option<K>>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    let mut last: Option<K> = None;
    let mut trouble = None;
    let watch = async {
        let mut stream = watcher::watch_object(api.clone(), name).boxed();
        while let Some(item) = stream.next().await {
            match item {
                Ok(object) => {
                    let done = predicate(object.as_ref());
                    last = object;
                    if done {
                        return true;
                    }
                }
                // The watch goes on after an error, for example while a CRD is not served yet.
                Err(error) => {
                    trouble = Some(error.to_string());
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        false
    };
    // Boxed, because the types of some objects are large.
    if tokio::time::timeout(timeout, Box::pin(watch)).await.unwrap_or(false) {
        return Ok(last);
    }
    let seen = match &last {
        Some(object) => serde_json::to_string_pretty(object)?,
        None => "it does not exist".to_owned(),
    };
    let trouble = trouble.map(|error| format!("\nlast error of the watch: {error}")).unwrap_or_default();
    bail!("{name} did not become what the test waits for within {timeout:?}; last seen:\n{seen}{trouble}")
}

/// Waits until the object says `Ready=True` for its current generation, and returns it.
pub async fn wait_ready<K>(api: &Api<K>, name: &str, timeout: Duration) -> Result<K>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    let ready = |object: Option<&K>| {
        object.and_then(|object| serde_json::to_value(object).ok()).is_some_and(|object| {
            let current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            current && condition(&object, "Ready").is_some_and(|ready| ready["status"] == "True")
        })
    };
    wait_for(api, name, timeout, ready).await?.context("a ready object exists")
}

/// Waits until the object does not exist.
pub async fn wait_gone<K>(api: &Api<K>, name: &str, timeout: Duration) -> Result<()>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned + Send + 'static,
{
    wait_for(api, name, timeout, |object| object.is_none()).await.map(|_| ())
}

/// The condition of a type in an object's status.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.get("status")?.get("conditions")?.as_array()?.iter().find(|condition| condition["type"] == kind)
}
