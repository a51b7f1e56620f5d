//! Reading and writing `status.conditions` by the rules of Flux: pure functions on an object in memory.

mod summary;

pub use summary::{Summary, summarize};

use std::cmp::Ordering;
use std::fmt;

use crate::k8s::{Condition, Time};
use crate::meta::condition_types::{READY, RECONCILING, STALLED};
use crate::meta::now;

/// The longest message of a condition in bytes; the CRD refuses longer ones.
const MAX_MESSAGE_BYTES: usize = 32768;

/// An object with conditions in its status.
///
/// The setters create the status when there is none.
pub trait ConditionedObject: kube::Resource<DynamicType = ()> {
    /// `status.conditions`.
    fn conditions(&self) -> &[Condition];
    /// `status.conditions`, to be changed through the functions of this module.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// `metadata.generation`: the API server raises it when the spec changes.
    fn generation(&self) -> i64 {
        self.meta().generation.unwrap_or_default()
    }
    /// `status.observedGeneration`: -1 on a new object of most kinds, 0 when there is none.
    fn observed_generation(&self) -> i64;
    /// Sets `status.observedGeneration`.
    fn set_observed_generation(&mut self, generation: i64);
    /// `status.lastHandledReconcileAt`: the last value seen of the annotation that asks for a reconciliation.
    fn last_handled_reconcile_at(&self) -> Option<&str>;
    /// Sets `status.lastHandledReconcileAt`.
    fn set_last_handled_reconcile_at(&mut self, token: &str);
}

/// An object whose reconciliation can be suspended and that produces or applies at an interval.
pub trait Suspendable {
    /// `spec.suspend`.
    fn suspended(&self) -> bool;
}

/// The status of a condition.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ConditionStatus {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// Not known, or on its way.
    Unknown,
}

impl ConditionStatus {
    /// The word as it stands in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The condition of this type.
pub fn get<'a, T: ConditionedObject>(object: &'a T, type_: &str) -> Option<&'a Condition> {
    object.conditions().iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition is there with status True.
pub fn is_true<T: ConditionedObject>(object: &T, type_: &str) -> bool {
    has_status(object, type_, ConditionStatus::True)
}

/// Whether the condition is there with status False.
pub fn is_false<T: ConditionedObject>(object: &T, type_: &str) -> bool {
    has_status(object, type_, ConditionStatus::False)
}

/// Whether the condition is absent or has status Unknown.
pub fn is_unknown<T: ConditionedObject>(object: &T, type_: &str) -> bool {
    get(object, type_).is_none_or(|condition| condition.status == ConditionStatus::Unknown.as_str())
}

/// Whether Ready is True.
pub fn is_ready<T: ConditionedObject>(object: &T) -> bool {
    is_true(object, READY)
}

/// Whether the object is stalled.
pub fn is_stalled<T: ConditionedObject>(object: &T) -> bool {
    is_true(object, STALLED)
}

/// Whether work is going on.
pub fn is_reconciling<T: ConditionedObject>(object: &T) -> bool {
    is_true(object, RECONCILING)
}

/// The reason of the condition.
pub fn reason<'a, T: ConditionedObject>(object: &'a T, type_: &str) -> Option<&'a str> {
    get(object, type_).map(|condition| condition.reason.as_str())
}

/// The message of the condition.
pub fn message<'a, T: ConditionedObject>(object: &'a T, type_: &str) -> Option<&'a str> {
    get(object, type_).map(|condition| condition.message.as_str())
}

/// Sets a condition, stamped with the object's generation. Its transition time changes when status, reason or message
/// do.
pub fn set<T: ConditionedObject>(
    object: &mut T,
    type_: &str,
    status: ConditionStatus,
    reason: &str,
    message: impl Into<String>,
) {
    set_at(object, type_, status, reason, message, now());
}

/// As [`set`], with the time given.
pub fn set_at<T: ConditionedObject>(
    object: &mut T,
    type_: &str,
    status: ConditionStatus,
    reason: &str,
    message: impl Into<String>,
    at: Time,
) {
    let generation = object.generation();
    let condition = Condition {
        type_: type_.to_owned(),
        status: status.as_str().to_owned(),
        reason: reason.to_owned(),
        message: trim_message(message.into()),
        observed_generation: Some(generation),
        last_transition_time: at,
    };
    put(object.conditions_mut(), condition);
}

/// Puts a condition in its place in a list, keeping the old transition time when nothing visible changes.
pub fn put(conditions: &mut Vec<Condition>, mut condition: Condition) {
    match conditions.iter_mut().find(|old| old.type_ == condition.type_) {
        Some(old) => {
            let same = old.status == condition.status
                && old.reason == condition.reason
                && old.message == condition.message;
            if same {
                condition.last_transition_time = old.last_transition_time.clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
    conditions.sort_by(order);
}

/// Ready comes first, the others by type.
fn order(a: &Condition, b: &Condition) -> Ordering {
    (a.type_ != READY, &a.type_).cmp(&(b.type_ != READY, &b.type_))
}

/// Sets a condition to True.
pub fn mark_true<T: ConditionedObject>(
    object: &mut T,
    type_: &str,
    reason: &str,
    message: impl Into<String>,
) {
    set(object, type_, ConditionStatus::True, reason, message);
}

/// Sets a condition to False.
pub fn mark_false<T: ConditionedObject>(
    object: &mut T,
    type_: &str,
    reason: &str,
    message: impl Into<String>,
) {
    set(object, type_, ConditionStatus::False, reason, message);
}

/// Sets a condition to Unknown.
pub fn mark_unknown<T: ConditionedObject>(
    object: &mut T,
    type_: &str,
    reason: &str,
    message: impl Into<String>,
) {
    set(object, type_, ConditionStatus::Unknown, reason, message);
}

/// Says that work is going on; the object is no longer stalled.
pub fn mark_reconciling<T: ConditionedObject>(object: &mut T, reason: &str, message: impl Into<String>) {
    delete(object, STALLED);
    mark_true(object, RECONCILING, reason, message);
}

/// Says that no progress is possible; the object is no longer reconciling.
pub fn mark_stalled<T: ConditionedObject>(object: &mut T, reason: &str, message: impl Into<String>) {
    delete(object, RECONCILING);
    mark_true(object, STALLED, reason, message);
}

/// Removes a condition.
pub fn delete<T: ConditionedObject>(object: &mut T, type_: &str) {
    // Through the shared reference first: an object without status does not get one for nothing.
    if get(object, type_).is_some() {
        object.conditions_mut().retain(|condition| condition.type_ != type_);
    }
}

fn has_status<T: ConditionedObject>(object: &T, type_: &str, status: ConditionStatus) -> bool {
    get(object, type_).is_some_and(|condition| condition.status == status.as_str())
}

/// Cuts a message that the CRD would refuse, at a character boundary, and marks the cut.
fn trim_message(mut message: String) -> String {
    const MARK: &str = "...";
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES - MARK.len()));
        message.push_str(MARK);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kustomize::v1::Kustomization;

    fn at(second: i64) -> Time {
        Time(jiff::Timestamp::from_second(second).unwrap())
    }

    fn object() -> Kustomization {
        let mut object = Kustomization::new("app", crate::kustomize::v1::KustomizationSpec::default());
        object.metadata.generation = Some(3);
        object
    }

    #[test]
    fn an_empty_request_leaves_nothing_behind() {
        let mut object = object();
        object.set_last_handled_reconcile_at("now");
        assert_eq!(object.last_handled_reconcile_at(), Some("now"));
        // Go leaves out what is empty.
        object.set_last_handled_reconcile_at("");
        assert_eq!(object.last_handled_reconcile_at(), None);
    }

    #[test]
    fn time_moves_only_when_something_visible_changes() {
        let mut object = object();
        set_at(&mut object, READY, ConditionStatus::True, "Succeeded", "ok", at(10));
        object.metadata.generation = Some(4);
        set_at(&mut object, READY, ConditionStatus::True, "Succeeded", "ok", at(20));
        let ready = get(&object, READY).unwrap();
        assert_eq!(ready.last_transition_time, at(10));
        assert_eq!(ready.observed_generation, Some(4));
        set_at(&mut object, READY, ConditionStatus::True, "Succeeded", "again", at(30));
        assert_eq!(get(&object, READY).unwrap().last_transition_time, at(30));
    }

    #[test]
    fn ready_comes_first() {
        let mut object = object();
        for type_ in ["Stalled", "Healthy", "Ready", "ArtifactInStorage"] {
            mark_true(&mut object, type_, "Succeeded", "");
        }
        let types: Vec<_> = object.conditions().iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, ["Ready", "ArtifactInStorage", "Healthy", "Stalled"]);
    }

    #[test]
    fn reconciling_and_stalled_exclude_each_other() {
        let mut object = object();
        mark_stalled(&mut object, "InvalidURL", "no host");
        mark_reconciling(&mut object, "Progressing", "working");
        assert!(is_reconciling(&object) && get(&object, STALLED).is_none());
        mark_stalled(&mut object, "InvalidURL", "no host");
        assert!(is_stalled(&object) && get(&object, RECONCILING).is_none());
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let mut object = object();
        mark_false(&mut object, READY, "Failed", "é".repeat(20_000));
        let message = message(&object, READY).unwrap();
        assert!(message.len() <= MAX_MESSAGE_BYTES && message.len() > MAX_MESSAGE_BYTES - 5);
        assert!(message.ends_with("é..."));
    }

    #[test]
    fn deleting_nothing_creates_no_status() {
        let mut object = object();
        delete(&mut object, READY);
        assert!(object.status.is_none());
    }
}
