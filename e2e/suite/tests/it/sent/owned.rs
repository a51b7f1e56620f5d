//! What a manager owns, by the API server's own record, against what it sent.

use anyhow::{Context, Result, bail, ensure};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::{Map, Value};

/// The fields that the controller owns: it is one manager, by apply.
pub(super) fn fields(object: &DynamicObject) -> Result<&Value> {
    let mut own = object.managed_fields().iter().filter(|entry| {
        entry.manager.as_deref() == Some("kustomize-controller")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    let entry = own.next().context("the controller owns nothing")?;
    ensure!(own.next().is_none(), "the controller is two managers");
    ensure!(entry.operation.as_deref() == Some("Apply"), "{:?}", entry.operation);
    Ok(&entry.fields_v1.as_ref().context("no fields")?.0)
}

/// What everybody has, and nobody owns.
const IDENTITY: [&str; 4] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];

/// Fields sent are owned, and fields owned were sent.
pub(super) fn compare(sent: &Value, owned: &Value, path: &str) -> Result<()> {
    let owned = owned.as_object().context("fields are an object")?;
    // A leaf, or what is replaced as a whole.
    if owned.keys().all(|key| key == ".") {
        return Ok(());
    }
    match sent {
        Value::Object(fields) => compare_fields(fields, owned, path),
        Value::Array(items) => compare_items(items, owned, path),
        scalar => bail!("{path}: owned below {scalar}"),
    }
}

fn compare_fields(sent: &Map<String, Value>, owned: &Map<String, Value>, path: &str) -> Result<()> {
    for key in owned.keys().filter_map(|key| key.strip_prefix("f:")) {
        ensure!(sent.contains_key(key), "{path}/{key} is owned and was not sent");
    }
    for (key, value) in sent.iter().filter(|(_, value)| !value.is_null()) {
        let path = format!("{path}/{key}");
        match owned.get(&format!("f:{key}")) {
            Some(owned) => compare(value, owned, &path)?,
            None => ensure!(
                IDENTITY.contains(&path.as_str()) || path == "/metadata",
                "{path} was sent and is not owned"
            ),
        }
    }
    Ok(())
}

/// Items are owned by key (`k:{…}`) or by value (`v:…`).
fn compare_items(sent: &[Value], owned: &Map<String, Value>, path: &str) -> Result<()> {
    let keys: Vec<_> = owned.iter().filter(|(key, _)| *key != ".").collect();
    ensure!(keys.len() == sent.len(), "{path}: {} items sent, {} owned", sent.len(), keys.len());
    for (key, fields) in keys {
        let (is_key, text) = match (key.strip_prefix("k:"), key.strip_prefix("v:")) {
            (Some(text), _) => (true, text),
            (_, Some(text)) => (false, text),
            _ => bail!("{path}: owned by {key}"),
        };
        let wanted: Value = serde_json::from_str(text)?;
        let is_it = |item: &&Value| {
            if is_key {
                wanted.as_object().is_some_and(|keys| keys.iter().all(|(key, value)| item[key] == *value))
            } else {
                **item == wanted
            }
        };
        let item =
            sent.iter().find(is_it).with_context(|| format!("{path}: {key} is owned and was not sent"))?;
        if is_key {
            compare(item, fields, &format!("{path}[{text}]"))?;
        }
    }
    Ok(())
}
