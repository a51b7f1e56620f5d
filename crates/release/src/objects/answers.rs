//! What applies have left, to tell later whether it is still so.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use sluice_apply::{Object, ObjectId, managed_fields};

use super::FIELD_MANAGER;

/// How long an answer stands for the object itself.
const FRESH: Duration = Duration::from_secs(1);

/// What the API server answered to applies, by object: a digest and the metadata that people set, not the objects.
#[derive(Clone, Debug, Default)]
pub struct Answers(HashMap<ObjectId, Left>);

#[derive(Clone, Debug)]
struct Left {
    at: Instant,
    body: [u8; 32],
    labels: Pairs,
    annotations: Pairs,
}

/// Labels or annotations.
#[derive(Clone, Debug)]
struct Pairs {
    all: BTreeMap<String, String>,
    /// Those that only others have set, such as the number of a Deployment's rollout: they may change.
    foreign: Vec<String>,
}

impl Pairs {
    fn of(all: BTreeMap<String, String>, managed_as: &str, answer: &Object) -> Self {
        let path = ["f:metadata".to_owned(), managed_as.to_owned()];
        let entries = managed_fields::entries(answer.as_value());
        let (own, others): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry.manager() == FIELD_MANAGER);
        let is_among = |entries: &[&managed_fields::Entry], key: &str| {
            let element = format!("f:{key}");
            entries.iter().any(|entry| entry.fields().elements_below(&path).contains(element.as_str()))
        };
        let is_foreign = |key: &&String| is_among(&others, key) && !is_among(&own, key);
        let foreign = all.keys().filter(is_foreign).cloned().collect();
        Self { all, foreign }
    }

    fn within(&self, whole: &BTreeMap<String, String>) -> bool {
        let mut counted = self.all.iter().filter(|(key, _)| !self.foreign.contains(key));
        counted.all(|(key, value)| whole.get(key) == Some(value))
    }
}

impl Answers {
    pub(super) fn note(&mut self, answer: &Object) {
        let left = Left {
            at: Instant::now(),
            body: body(answer),
            labels: Pairs::of(answer.labels(), "f:labels", answer),
            annotations: Pairs::of(answer.annotations(), "f:annotations", answer),
        };
        self.0.insert(answer.id(), left);
    }

    /// Labels and annotations of an object that was answered so short a time ago that reading it would tell nothing new.
    pub(crate) fn fresh(&self, id: &ObjectId) -> Option<[&BTreeMap<String, String>; 2]> {
        let left = self.0.get(id).filter(|left| left.at.elapsed() < FRESH)?;
        Some([&left.labels.all, &left.annotations.all])
    }

    /// Whether an object is as its apply has left it. What others have added to its metadata does not count, nor does
    /// its status: an apply would not take either away.
    pub(crate) fn is_still(&self, live: &Object) -> bool {
        self.0.get(&live.id()).is_some_and(|left| {
            left.labels.within(&live.labels())
                && left.annotations.within(&live.annotations())
                && left.body == body(live)
        })
    }
}

/// A digest of all but metadata and status.
fn body(object: &Object) -> [u8; 32] {
    let mut digest = Sha256::new();
    let fields = object.as_value().as_object().into_iter().flatten();
    for (field, value) in fields.filter(|(field, _)| !matches!(field.as_str(), "metadata" | "status")) {
        // The name ends where JSON begins. Nothing can fail: the digest takes all, and JSON can always be written.
        digest.update(field);
        let _ = serde_json::to_writer(&mut digest, value);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn object(change: impl FnOnce(&mut Json)) -> Object {
        let mut value = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b", "labels": {"x": "1"}, "resourceVersion": "1"},
            "spec": {"replicas": 1},
        });
        change(&mut value);
        Object::new(value).unwrap()
    }

    #[test]
    fn only_what_an_apply_would_change_counts() {
        let mut answers = Answers::default();
        assert!(!answers.is_still(&object(|_| {})));
        answers.note(&object(|_| {}));
        let is_still = |change: fn(&mut Json)| answers.is_still(&object(change));
        assert!(is_still(|_| {}));
        assert!(is_still(|o| o["status"] = json!({"replicas": 1})));
        assert!(is_still(
            |o| o["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "1"})
        ));
        assert!(is_still(|o| o["metadata"]["resourceVersion"] = "2".into()));
        assert!(!is_still(|o| o["metadata"]["labels"]["x"] = "2".into()));
        assert!(!is_still(|o| o["metadata"]["labels"] = json!({})));
        assert!(!is_still(|o| o["metadata"]["name"] = "c".into()));
        assert!(!is_still(|o| o["spec"]["replicas"] = 2.into()));
        assert!(!is_still(|o| o["spec"]["paused"] = true.into()));
    }

    #[test]
    fn what_others_have_set_may_change() {
        let entry = |manager: &str, fields: Json| {
            json!({"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:annotations": fields}}})
        };
        let with = |revision: &str, own: &str| {
            let annotations =
                json!({"deployment.kubernetes.io/revision": revision, "own": own, "nobody": own});
            let managed = json!([
                entry(
                    "kube-controller-manager",
                    json!({"f:deployment.kubernetes.io/revision": {}, "f:own": {}})
                ),
                entry(FIELD_MANAGER, json!({"f:own": {}})),
            ]);
            object(|o| {
                o["metadata"]["annotations"] = annotations;
                o["metadata"]["managedFields"] = managed;
            })
        };
        let mut answers = Answers::default();
        answers.note(&with("1", "a"));
        assert!(answers.is_still(&with("2", "a")));
        assert!(!answers.is_still(&with("1", "b")));
    }

    #[test]
    fn an_answer_of_a_moment_ago_stands_for_the_object() {
        let mut answers = Answers::default();
        let object = object(|_| {});
        assert!(answers.fresh(&object.id()).is_none());
        answers.note(&object);
        let [labels, annotations] = answers.fresh(&object.id()).unwrap();
        assert_eq!(labels["x"], "1");
        assert!(annotations.is_empty());
        if let Some(left) = answers.0.get_mut(&object.id()) {
            left.at = left.at.checked_sub(FRESH).unwrap();
        }
        assert!(answers.fresh(&object.id()).is_none());
    }
}
