//! Why an object is reconciled.

use std::{borrow::Cow, fmt};

use kube::Resource;

use crate::ObjectKey;

/// What made a reconciliation due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The object was created, or seen for the first time by this process.
    Created,
    /// `metadata.generation` changed.
    Spec,
    /// One of the request annotations (`reconcile.fluxcd.io/requestedAt` and its like) changed.
    Requested,
    /// Deletion was asked for.
    Deletion,
    /// Another object that this one depends on changed.
    Related,
    /// The interval, the retry interval or the backoff ran out.
    Due,
    /// The process is asked to end.
    Shutdown,
}

/// What made a reconciliation due, and which object it came from.
///
/// Prints as `Kind/namespace/name`, the form that messages to users name it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What happened.
    pub cause: Cause,
    /// The kind of the object that it happened to.
    pub kind: Cow<'static, str>,
    /// The object that it happened to.
    pub key: ObjectKey,
}

impl Trigger {
    /// A trigger from an object of a kind known by name.
    pub fn new(cause: Cause, kind: impl Into<Cow<'static, str>>, key: ObjectKey) -> Self {
        Self { cause, kind: kind.into(), key }
    }

    /// A trigger that comes from a change of another object.
    pub fn related<S: Resource>(object: &S, dynamic_type: &S::DynamicType) -> Self {
        Self::new(Cause::Related, S::kind(dynamic_type).into_owned(), ObjectKey::of(object))
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}
