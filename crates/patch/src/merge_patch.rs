//! JSON merge patch: RFC 7386.

use serde_json::Value as Json;

/// Applies a merge patch: objects merge, a null removes its key, everything else replaces.
pub fn apply(target: &mut Json, patch: &Json) {
    let Json::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Json::Object(serde_json::Map::new());
    }
    let Json::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            apply(target.entry(key.clone()).or_insert(Json::Null), value);
        }
    }
}
