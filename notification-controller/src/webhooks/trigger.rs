//! Asks for the reconciliation of objects, by an annotation.

use std::{sync::LazyLock, time::Instant};

use jiff::Timestamp;
use kube::{
    Client,
    api::{ListParams, Patch, PatchParams},
    core::{DynamicObject, PartialObjectMeta},
};
use serde_json::{Value, json};
use sluice_apis::{meta::REQUESTED_AT_ANNOTATION, notification::CrossNamespaceObjectReference};
use sluice_runtime::ObjectKey;

use super::filter::FilterError;
use crate::objects;

/// Objects per page of a list.
const PAGE: u32 = 500;

/// When this process first asked: Go's times tell how long ago that was.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Why an object could not be triggered.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// Flags forbid other namespaces.
    #[error("cross-namespace references are not allowed")]
    CrossNamespace,
    /// Nobody knows the API version of the kind.
    #[error("apiVersion must be specified for kind \"{0}\"")]
    ApiVersion(String),
    /// All objects of a kind, or none?
    #[error("matchLabels field not set when using wildcard '*' as name")]
    NoLabels,
    /// An object cannot be read, or some cannot be listed.
    #[error("unable to read {kind} \"{object}\": {source}")]
    Read {
        /// The kind.
        kind: String,
        /// Namespace and name.
        object: ObjectKey,
        /// Why.
        source: kube::Error,
    },
    /// An object cannot be changed.
    #[error("failed to annotate {kind} \"{object}\": {source}")]
    Annotate {
        /// The kind.
        kind: String,
        /// Namespace and name.
        object: ObjectKey,
        /// Why.
        source: kube::Error,
    },
    /// The filter failed.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

/// Triggers objects.
pub struct Triggers {
    client: Client,
    same_namespace_only: bool,
}

impl Triggers {
    pub fn new(client: Client, same_namespace_only: bool) -> Self {
        LazyLock::force(&BEGAN);
        Self { client, same_namespace_only }
    }

    /// Triggers the objects that a Receiver refers to and that are accepted.
    pub async fn trigger(
        &self,
        reference: &CrossNamespaceObjectReference,
        receiver: &ObjectKey,
        accepts: impl Fn(&Value) -> Result<bool, FilterError>,
    ) -> Result<(), TriggerError> {
        let namespace = match reference.namespace.as_deref().filter(|name| !name.is_empty()) {
            Some(other) if self.same_namespace_only && other != &*receiver.namespace => {
                return Err(TriggerError::CrossNamespace);
            }
            Some(namespace) => namespace,
            None => &receiver.namespace,
        };
        let kind = reference.kind.as_str();
        let given = reference.api_version.as_deref().filter(|version| !version.is_empty());
        let api_version = given
            .or_else(|| objects::default_api_version(kind))
            .ok_or_else(|| TriggerError::ApiVersion(kind.to_owned()))?;
        let api = objects::api(&self.client, api_version, kind, namespace);
        let read = |source| TriggerError::Read {
            kind: kind.to_owned(),
            object: ObjectKey::new(namespace, reference.name.as_str()),
            source,
        };
        let found = if reference.name == "*" {
            let labels = reference.match_labels.as_ref().ok_or(TriggerError::NoLabels)?;
            let mut params = ListParams::default().labels(&objects::selector(labels)).limit(PAGE);
            let mut found = Vec::new();
            // What no object can have matches none; the API server would call it an error.
            while objects::are_valid_labels(labels) {
                let page = api.list_metadata(&params).await.map_err(read)?;
                found.extend(page.items);
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => params = params.continue_token(&token),
                    None => break,
                }
            }
            found
        } else {
            vec![api.get_metadata(&reference.name).await.map_err(read)?]
        };
        if found.is_empty() {
            tracing::error!(receiver = %receiver, kind, namespace, labels = ?reference.match_labels, "no resources found with matching labels");
        }
        for object in found {
            let key = ObjectKey::new(namespace, object.metadata.name.clone().unwrap_or_default());
            if !accepts(&as_json(&object, api_version, kind))? {
                tracing::debug!(receiver = %receiver, kind, object = %key, "not annotated because the filter says no");
                continue;
            }
            let patch = json!({"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: now()}}});
            let params = PatchParams {
                field_manager: Some("notification-controller".to_owned()),
                ..PatchParams::default()
            };
            let annotated = api.patch_metadata(&key.name, &params, &Patch::Merge(&patch)).await;
            annotated.map_err(|source| TriggerError::Annotate {
                kind: kind.to_owned(),
                object: key.clone(),
                source,
            })?;
            tracing::info!(receiver = %receiver, kind, object = %key, "resource annotated");
        }
        Ok(())
    }
}

/// An object as filters see it.
fn as_json(object: &PartialObjectMeta<DynamicObject>, api_version: &str, kind: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": object.metadata})
}

/// Now, as Go prints times.
fn now() -> String {
    print(Timestamp::now(), BEGAN.elapsed().as_secs_f64())
}

fn print(time: Timestamp, running: f64) -> String {
    let seconds = time.strftime("%Y-%m-%d %H:%M:%S");
    let fraction = format!("{:09}", time.subsec_nanosecond());
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{seconds}{point}{fraction} +0000 UTC m=+{running:.9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_like_gos() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            print(time("2024-01-01T00:00:00.123Z"), 1.0),
            "2024-01-01 00:00:00.123 +0000 UTC m=+1.000000000"
        );
        assert_eq!(print(time("2024-01-01T01:02:03Z"), 0.5), "2024-01-01 01:02:03 +0000 UTC m=+0.500000000");
    }
}
