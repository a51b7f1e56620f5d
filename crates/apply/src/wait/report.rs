//! How a wait's failure reads.

use std::fmt;

use serde_json::Value;

use crate::{
    object::{Object, ObjectId},
    status::State,
};

/// How many objects a message explains, and how long each explanation may be.
const DETAILS: usize = 5;
const DETAIL_LENGTH: usize = 300;

/// An object that isn't ready. Displays as `Kind/ns/name status: 'State'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Which object.
    pub id: ObjectId,
    /// Its last status; nothing if it was never read.
    pub state: Option<State>,
    /// Why the status can't be told.
    pub error: Option<String>,
    /// What explains the state, such as the pod's own reason.
    pub detail: String,
}

impl Pending {
    pub(super) fn add_detail(&mut self, detail: &str) {
        if !self.detail.is_empty() {
            self.detail.push_str(", ");
        }
        self.detail.push_str(detail);
    }
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.id.subject();
        match (self.state, &self.error) {
            (None, _) => write!(f, "can't determine status for {subject}"),
            (Some(state), None) => write!(f, "{subject} status: '{state}'"),
            (Some(state), Some(error)) => write!(f, "{subject} status: '{state}': {error}"),
        }
    }
}

/// Why a wait failed. Displays the objects in brackets; [`WaitError::detail`] explains their states.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// Time was up.
    #[error("timeout waiting for: {}", list(.0))]
    Timeout(Vec<Pending>),
    /// Objects have failed for good.
    #[error("failed early due to stalled resources: {}", list(.0))]
    Failed(Vec<Pending>),
    /// No object can be found without its namespace, however long the wait.
    #[error("resource {} {} is namespace scoped, but namespace is not set", .0.kind, .0.name)]
    NoNamespace(ObjectId),
}

impl WaitError {
    /// What explains the states of the first objects, where anything does: a pod's own reason, what is missing.
    pub fn detail(&self) -> Option<String> {
        let (Self::Timeout(pending) | Self::Failed(pending)) = self else { return None };
        let details: Vec<_> = pending
            .iter()
            .filter(|pending| !pending.detail.is_empty() && pending.state != Some(State::NotFound))
            .take(DETAILS)
            .map(|pending| format!("{}: {}", pending.id.subject(), shorten(&pending.detail)))
            .collect();
        (!details.is_empty()).then(|| details.join("; "))
    }
}

fn list(pending: &[Pending]) -> String {
    let objects: Vec<_> = pending.iter().map(ToString::to_string).collect();
    format!("[{}]", objects.join(", "))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(DETAIL_LENGTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An object that wasn't gone in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} termination timeout: {cause}", id.subject())]
pub struct TerminationTimeout {
    /// Which object.
    pub id: ObjectId,
    /// Why the wait ended.
    pub cause: String,
    /// What keeps it, as far as can be told.
    pub detail: Option<String>,
}

/// Whether the object's controller has seen its newest spec; until then its pods are those of an older one.
pub(super) fn is_observed(object: &Object) -> bool {
    let object = object.as_value();
    object["status"]["observedGeneration"].as_i64() >= object["metadata"]["generation"].as_i64()
}

/// The label selector of a controller of pods, in the form of a query.
pub(super) fn pod_selector(object: &Object) -> Option<String> {
    let selector = &object.as_value()["spec"]["selector"];
    let mut parts = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str()?));
    }
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str()?;
        let values: Vec<_> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let values = values.join(",");
        parts.push(match expression["operator"].as_str()? {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    // An empty selector would be every pod of the namespace.
    (!parts.is_empty()).then(|| parts.join(","))
}

/// The label that tells the pods of one template of a deployment from those of another.
pub(super) const TEMPLATE_LABEL: &str = "pod-template-hash";

/// The template label of the newest of a deployment's replica sets: the one of its current revision.
pub(super) fn newest_template<'s>(deployment: &Object, sets: &'s [Value]) -> Option<&'s str> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let uid = deployment.as_value()["metadata"]["uid"].as_str()?;
    let is_own = |set: &&Value| {
        let owners = set["metadata"]["ownerReferences"].as_array();
        owners.into_iter().flatten().any(|owner| owner["uid"] == uid)
    };
    let revision = |set: &&Value| {
        let text = set["metadata"]["annotations"][REVISION].as_str();
        text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
    };
    let newest = sets.iter().filter(is_own).max_by_key(revision)?;
    newest["metadata"]["labels"][TEMPLATE_LABEL].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pending(name: &str, state: Option<State>, error: Option<&str>, detail: &str) -> Pending {
        let id = ObjectId {
            namespace: "ns".into(),
            name: name.into(),
            group: "apps".into(),
            kind: "Deployment".into(),
        };
        Pending { id, state, error: error.map(ToOwned::to_owned), detail: detail.into() }
    }

    #[test]
    fn texts() {
        let timeout = WaitError::Timeout(vec![
            pending("a", Some(State::InProgress), None, "0 of 1 replicas are ready"),
            pending("b", Some(State::Unknown), Some("no such key: x"), ""),
            pending("c", None, None, ""),
            pending("d", Some(State::NotFound), None, "gone"),
        ]);
        assert_eq!(
            timeout.to_string(),
            "timeout waiting for: [Deployment/ns/a status: 'InProgress', \
             Deployment/ns/b status: 'Unknown': no such key: x, \
             can't determine status for Deployment/ns/c, Deployment/ns/d status: 'NotFound']"
        );
        assert_eq!(timeout.detail().unwrap(), "Deployment/ns/a: 0 of 1 replicas are ready");
        let failed = WaitError::Failed(vec![pending("a", Some(State::Failed), None, "")]);
        let text = "failed early due to stalled resources: [Deployment/ns/a status: 'Failed']";
        assert_eq!((failed.to_string().as_str(), failed.detail()), (text, None));
    }

    #[test]
    fn selectors() {
        let selector = |selector| {
            pod_selector(&Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"selector": selector}})).unwrap())
        };
        assert_eq!(selector(json!({"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "t", "operator": "NotIn", "values": ["x", "y"]}, {"key": "z", "operator": "DoesNotExist"}]})).unwrap(), "app=a,t notin (x,y),!z");
        assert_eq!(selector(json!({})), None);
    }

    #[test]
    fn a_spec_counts_as_seen_when_its_generation_is() {
        let deployment = |status: Value| {
            Object::new(
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "generation": 2}, "status": status}),
            )
            .unwrap()
        };
        assert!(is_observed(&deployment(json!({"observedGeneration": 2}))));
        assert!(!is_observed(&deployment(json!({"observedGeneration": 1}))));
        assert!(!is_observed(&deployment(json!({}))));
    }

    #[test]
    fn the_newest_replica_set_of_a_deployment() {
        let deployment = Object::new(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "uid": "u"}}),
        )
        .unwrap();
        let set = |owner: &str, revision: &str, hash: &str| {
            json!({"metadata": {
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "labels": {"pod-template-hash": hash},
                "ownerReferences": [{"uid": owner}],
            }})
        };
        let sets = [set("u", "9", "old"), set("u", "10", "new"), set("other", "11", "foreign")];
        assert_eq!(newest_template(&deployment, &sets), Some("new"));
        assert_eq!(newest_template(&deployment, &sets[2..]), None);
    }
}
