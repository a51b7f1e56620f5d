//! What applies have left, to tell later whether it is still so.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};
use sluice_apply::{Object, ObjectId};

/// What the API server answered to applies, by object: a digest and the metadata that people set, not the objects.
#[derive(Clone, Debug, Default)]
pub struct Answers(HashMap<ObjectId, Left>);

#[derive(Clone, Debug)]
struct Left {
    body: [u8; 32],
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Answers {
    pub(super) fn note(&mut self, answer: &Object) {
        let left = Left { body: body(answer), labels: answer.labels(), annotations: answer.annotations() };
        self.0.insert(answer.id(), left);
    }

    /// Whether an object is as its apply has left it. What others have added to its metadata does not count, nor does
    /// its status: an apply would not take either away.
    pub(crate) fn is_still(&self, live: &Object) -> bool {
        let within = |part: &BTreeMap<String, String>, whole: &BTreeMap<String, String>| {
            part.iter().all(|(key, value)| whole.get(key) == Some(value))
        };
        self.0.get(&live.id()).is_some_and(|left| {
            within(&left.labels, &live.labels())
                && within(&left.annotations, &live.annotations())
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
}
