//! Looking at objects, and waiting for many of them at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Result, bail};
use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    api::DynamicObject,
    runtime::watcher::{self, Event},
};
use serde_json::Value;

/// A field by its JSON pointer; `null` where there is none.
pub fn field<'a>(object: &'a DynamicObject, pointer: &str) -> &'a Value {
    object.data.pointer(pointer).unwrap_or(&Value::Null)
}

/// A condition; `null` where there is none.
fn condition<'a>(object: &'a DynamicObject, kind: &str) -> &'a Value {
    let conditions = field(object, "/status/conditions").as_array();
    conditions
        .and_then(|conditions| conditions.iter().find(|condition| condition["type"] == kind))
        .unwrap_or(&Value::Null)
}

/// The status of the Ready condition; empty where there is none.
pub fn ready(object: &DynamicObject) -> &str {
    condition(object, "Ready")["status"].as_str().unwrap_or_default()
}

/// The reason of a condition.
pub fn reason<'a>(object: &'a DynamicObject, kind: &str) -> &'a str {
    condition(object, kind)["reason"].as_str().unwrap_or_default()
}

/// The message of a condition.
pub fn message<'a>(object: &'a DynamicObject, kind: &str) -> &'a str {
    condition(object, kind)["message"].as_str().unwrap_or_default()
}

/// Whether the object is ready in its current generation.
pub fn is_ready(object: &DynamicObject) -> bool {
    ready(object) == "True"
        && field(object, "/status/observedGeneration").as_i64() == object.metadata.generation
}

/// The revision that a Kustomization has applied, or that a source has stored.
pub fn revision(object: &DynamicObject) -> &str {
    let applied = field(object, "/status/lastAppliedRevision").as_str();
    applied.or_else(|| field(object, "/status/artifact/revision").as_str()).unwrap_or_default()
}

/// The ids of a Kustomization's inventory.
pub fn entries(object: &DynamicObject) -> BTreeSet<String> {
    let entries = field(object, "/status/inventory/entries").as_array().into_iter().flatten();
    entries.filter_map(|entry| Some(entry["id"].as_str()?.to_owned())).collect()
}

/// Watches all objects of a namespace until the predicate holds for them, by name.
pub async fn wait_all(
    api: &Api<DynamicObject>,
    timeout: Duration,
    what: &str,
    predicate: impl Fn(&BTreeMap<String, DynamicObject>) -> bool,
) -> Result<BTreeMap<String, DynamicObject>> {
    let mut known = BTreeMap::new();
    let watch = async {
        let mut stream = watcher::watcher(api.clone(), watcher::Config::default()).boxed();
        let mut is_complete = false;
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Init) => known.clear(),
                Ok(Event::InitDone) => is_complete = true,
                Ok(Event::InitApply(object) | Event::Apply(object)) => {
                    known.insert(object.name_any(), object);
                }
                Ok(Event::Delete(object)) => {
                    known.remove(&object.name_any());
                }
                // The stream tries again by itself.
                Err(_) => {}
            }
            if is_complete && predicate(&known) {
                return;
            }
        }
    };
    if tokio::time::timeout(timeout, Box::pin(watch)).await.is_ok() {
        return Ok(known);
    }
    let states: Vec<String> = known
        .values()
        .map(|object| {
            let (name, revision) = (object.name_any(), revision(object));
            format!(
                "{name}: {} {} {revision}: {}",
                ready(object),
                reason(object, "Ready"),
                message(object, "Ready")
            )
        })
        .collect();
    bail!("not within {timeout:?}: {what}; last seen:\n{}", states.join("\n"))
}
