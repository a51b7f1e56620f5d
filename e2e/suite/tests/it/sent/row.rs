//! What stands in Git, and what is sent for it.

use serde_json::Value;

/// A manifest without name, and what is sent.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) written: Value,
    pub(super) sent: Value,
}

pub(super) fn as_it_is(name: &'static str, written: Value) -> Row {
    Row { name, sent: written.clone(), written }
}

pub(super) fn changed(name: &'static str, written: Value, sent: Value) -> Row {
    Row { name, written, sent }
}
