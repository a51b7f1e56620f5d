//! Writing an object's changes back, in the order that others rely on.
//!
//! Conditions go first, guarded by the resource version; a conflict is resolved by merging the conditions that
//! the controller owns into the newest state. Metadata follows, guarded as well, so that a finalizer that somebody
//! else adds meanwhile is not lost. The other status fields come last. Nothing is sent that did not change.

mod conditions;
mod diff;
mod send;

pub(crate) use self::diff::status_at_once;
pub use self::diff::{Step, plan};
pub(crate) use self::send::{Patcher, Sent};

/// Why changes could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The object is gone, or another one has its name.
    #[error("the object no longer exists")]
    Gone,
    /// Somebody else kept changing the object.
    #[error("{step} could not be written: the object kept changing meanwhile")]
    Conflict {
        /// What was to be written.
        step: &'static str,
    },
    /// The API server refused, or could not be reached.
    #[error("{step} could not be written: {source}")]
    Api {
        /// What was to be written.
        step: &'static str,
        /// The API server's answer.
        source: kube::Error,
    },
    /// The object does not survive a round trip through JSON.
    #[error("the object could not be converted: {0}")]
    Convert(#[from] serde_json::Error),
}
