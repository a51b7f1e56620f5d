//! What applying and pruning did: one entry for each object, in order.

use std::fmt;

use crate::object::ObjectId;

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It didn't exist (or was recreated) and was created.
    Created,
    /// It had drifted and was changed.
    Configured,
    /// It was as desired: nothing was written.
    Unchanged,
    /// Its labels or annotations exempt it.
    Skipped,
    /// It was deleted, or was gone already.
    Deleted,
    /// The attempt failed.
    Unknown,
}

impl Action {
    /// Whether the cluster was changed by applying.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Created | Self::Configured)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
        })
    }
}

/// Tells desired objects apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Of the whole object, and of all options that change what applying it does.
    pub whole: blake3::Hash,
    /// Of what of the object counts as drift: see [`content`](crate::drift::content).
    pub content: blake3::Hash,
}

/// What was seen in the cluster when a desired object was last found (or made) to be in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which object was desired.
    pub digest: Digest,
    /// The API version in which it was seen.
    pub api_version: String,
    /// The live object's resource version.
    pub resource_version: String,
    /// The live object's UID.
    pub uid: String,
    /// Who owned its fields: see [`footprint`](crate::managed_fields::footprint).
    pub footprint: blake3::Hash,
    /// What of the live object counts as drift, hashed; none if others left something on it that changes what an apply does.
    pub content: Option<blake3::Hash>,
    /// Whether it was healthy, if that was [asked](crate::Applier::judging_health).
    pub is_healthy: bool,
}

/// What became of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which object.
    pub id: ObjectId,
    /// API version within the group, the inventory's `v`.
    pub version: String,
    /// What became of it.
    pub action: Action,
    /// What the next pass may compare with instead of asking for a dry-run.
    pub applied: Option<Applied>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id.subject(), self.action)
    }
}

/// What became of a set of objects, in the order in which they were handled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangeSet {
    /// One entry for each object.
    pub entries: Vec<Change>,
}

impl ChangeSet {
    /// The rows of an apply event: what was created or configured, one a line, without a newline
    /// at the end; empty if nothing changed.
    pub fn change_log(&self) -> String {
        join(self.entries.iter().filter(|change| change.action.is_change()))
    }

    /// Whether anything was created or configured.
    pub fn has_changes(&self) -> bool {
        self.entries.iter().any(|change| change.action.is_change())
    }

    /// Appends another set.
    pub fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }
}

impl fmt::Display for ChangeSet {
    /// All rows, as in a prune event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(self.entries.iter()))
    }
}

fn join<'a>(changes: impl Iterator<Item = &'a Change>) -> String {
    changes.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
