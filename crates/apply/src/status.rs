//! How far an object's controller has come with it, by the conventions of kstatus.

mod builtin;
pub mod expressions;
mod library;
mod pods;

use std::fmt;

use serde_json::Value;

pub use self::pods::{PodFailure, pod_failure};
use crate::object::Object;

/// How far an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// As its spec wants it.
    Current,
    /// On the way.
    InProgress,
    /// Stuck: it won't get there by itself.
    Failed,
    /// Being deleted.
    Terminating,
    /// It doesn't exist.
    NotFound,
    /// It can't be told.
    Unknown,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A state with what explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub state: State,
    /// What explains it, for people; may be empty.
    pub message: String,
}

impl Status {
    /// A status.
    pub fn new(state: State, message: impl Into<String>) -> Self {
        Self { state, message: message.into() }
    }

    /// As its spec wants it.
    pub fn current(message: impl Into<String>) -> Self {
        Self::new(State::Current, message)
    }

    /// On the way.
    pub fn in_progress(message: impl Into<String>) -> Self {
        Self::new(State::InProgress, message)
    }

    /// Stuck.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(State::Failed, message)
    }

    /// Whether the object is as its spec wants it.
    pub fn is_current(&self) -> bool {
        self.state == State::Current
    }
}

/// Tells the status of the kinds it knows. Readers are asked in order; the built-in rules come last.
pub trait StatusReader: Send + Sync {
    /// Whether it knows the kind.
    fn supports(&self, group: &str, kind: &str) -> bool;
    /// The status; an error (an expression that fails) makes it [`State::Unknown`].
    fn status(&self, object: &Object) -> Result<Status, String>;
}

/// The built-in rules for `batch/Job`, for a place before other readers: without one, a reader of
/// the caller that knows jobs comes first.
pub struct JobReader;

impl StatusReader for JobReader {
    fn supports(&self, group: &str, kind: &str) -> bool {
        (group, kind) == ("batch", "Job")
    }

    fn status(&self, object: &Object) -> Result<Status, String> {
        Ok(compute(object))
    }
}

/// The status of an object by the rules for its kind, or else by its conditions.
pub fn compute(object: &Object) -> Status {
    convention(object).unwrap_or_else(|| Status::current("the resource reports no readiness"))
}

/// As [`compute`]; where the conventions don't tell, by what the project says that the kind is of, if it is well known.
pub fn compute_with_library(object: &Object) -> Status {
    convention(object)
        .or_else(|| library::status(object.as_value(), object.group(), object.kind()))
        .unwrap_or_else(|| Status::current("the resource reports no readiness"))
}

/// The status by the conventions, if they tell it.
fn convention(object: &Object) -> Option<Status> {
    let value = object.as_value();
    generic(value)
        .or_else(|| Some(builtin::rule(object.group(), object.kind())?(value)))
        .or_else(|| ready_condition(value))
}

/// What holds for all kinds: deletion, an unobserved generation, and the two standard conditions.
fn generic(object: &Value) -> Option<Status> {
    if object["metadata"]["deletionTimestamp"].as_str().is_some_and(|time| !time.is_empty()) {
        return Some(Status::new(State::Terminating, terminating(object)));
    }
    let generation = object["metadata"]["generation"].as_i64();
    if let (Some(generation), Some(observed)) = (generation, object["status"]["observedGeneration"].as_i64())
        && generation != observed
    {
        return Some(Status::in_progress(format!(
            "generation is {generation}, but its controller has observed {observed}"
        )));
    }
    conditions(object).find_map(|condition| match (condition.kind, condition.status) {
        ("Reconciling", "True") => Some(Status::in_progress(condition.message)),
        ("Stalled", "True") => Some(Status::failed(condition.message)),
        _ => None,
    })
}

/// What holds an object that is being deleted: a namespace tells it in its conditions.
fn terminating(object: &Value) -> String {
    let remaining: Vec<_> = conditions(object)
        .filter(|condition| condition.status == "True" && condition.kind.ends_with("Remaining"))
        .map(|condition| condition.message)
        .collect();
    if !remaining.is_empty() {
        return format!("it is being deleted: {}", remaining.join(" "));
    }
    let finalizers =
        object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match finalizers.collect::<Vec<_>>().join(", ") {
        names if names.is_empty() => "it is being deleted".to_owned(),
        names => format!("it is being deleted, held by its finalizers [{names}]"),
    }
}

fn ready_condition(object: &Value) -> Option<Status> {
    conditions(object).filter(|condition| condition.kind == "Ready").find_map(|condition| {
        match condition.status {
            "True" => Some(Status::current(condition.message)),
            "False" | "Unknown" => Some(Status::in_progress(condition.explanation())),
            _ => None,
        }
    })
}

/// A condition's fields, empty where they are missing.
struct Condition<'a> {
    kind: &'a str,
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

impl Condition<'_> {
    /// `reason: message`, or the one of them that isn't empty.
    fn explanation(&self) -> String {
        [self.reason, self.message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

fn conditions(object: &Value) -> impl Iterator<Item = Condition<'_>> {
    object["status"]["conditions"].as_array().into_iter().flatten().map(|condition| {
        let text = |field: &str| condition[field].as_str().unwrap_or_default();
        Condition {
            kind: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
        }
    })
}

#[cfg(test)]
mod tests;
