//! Who owns which fields: `metadata.managedFields`, and taking the fields of others over.

mod set;

use serde_json::{Map, Value};

pub use self::set::FieldSet;

/// The operation by which a manager came to own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Managers whose fields are taken over: those whose name starts with the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagerPattern {
    /// What the manager's name starts with.
    pub prefix: String,
    /// By which operation.
    pub operation: Operation,
}

/// The managers that a deployer takes over from: kubectl in all its forms, what applied before
/// field owners existed, itself before it used server-side apply, and those the operator names.
pub fn takeover_patterns(field_manager: &str, overridden: &[String]) -> Vec<ManagerPattern> {
    let pattern = |prefix: &str, operation| ManagerPattern { prefix: prefix.to_owned(), operation };
    let mut patterns = vec![
        pattern("kubectl", Operation::Apply),
        pattern("kubectl", Operation::Update),
        pattern("before-first-apply", Operation::Update),
        pattern(field_manager, Operation::Update),
    ];
    for prefix in overridden {
        patterns.push(pattern(prefix, Operation::Apply));
        patterns.push(pattern(prefix, Operation::Update));
    }
    patterns
}

/// One entry of `managedFields`; what this crate doesn't read is kept as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry(Map<String, Value>);

impl Entry {
    fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The manager's name.
    pub fn manager(&self) -> &str {
        self.text("manager")
    }

    /// Whether the fields were applied, and not written through a subresource.
    pub fn is_main_apply(&self) -> bool {
        self.is(Operation::Apply)
    }

    /// The fields; empty if they can't be read.
    pub fn fields(&self) -> FieldSet {
        self.0.get("fieldsV1").map(FieldSet::from_json).unwrap_or_default()
    }

    fn is(&self, operation: Operation) -> bool {
        self.text("operation") == operation.as_str() && self.text("subresource").is_empty()
    }

    fn matches(&self, patterns: &[ManagerPattern]) -> bool {
        patterns
            .iter()
            .any(|pattern| self.is(pattern.operation) && self.manager().starts_with(&pattern.prefix))
    }
}

/// The entries of an object.
pub fn entries(object: &Value) -> Vec<Entry> {
    let Some(Value::Array(entries)) = object.pointer("/metadata/managedFields") else { return Vec::new() };
    entries.iter().filter_map(|entry| entry.as_object().cloned().map(Entry)).collect()
}

/// A hash of what shows whether others touched what a manager applied: the UID, the manager's applied fields (the API
/// server takes those away that somebody else changes) and whatever managers own that it takes over from. What others
/// add, and statuses, leave it as it is.
pub fn footprint(metadata: &Value, field_manager: &str, patterns: &[ManagerPattern]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(metadata["uid"].as_str().unwrap_or_default());
    for entry in metadata["managedFields"].as_array().into_iter().flatten() {
        let text = |field: &str| entry[field].as_str().unwrap_or_default();
        if !text("subresource").is_empty() {
            continue;
        }
        let (manager, operation) = (text("manager"), text("operation"));
        let is_own = manager == field_manager && operation == Operation::Apply.as_str();
        let is_taken = patterns
            .iter()
            .any(|pattern| pattern.operation.as_str() == operation && manager.starts_with(&pattern.prefix));
        if is_taken {
            [manager, operation, text("time")].into_iter().for_each(&mut add);
        }
        if is_own || is_taken {
            add(&entry["fieldsV1"].to_string());
        }
    }
    hasher.finalize()
}

/// Merges the fields of all managers that match the patterns into the manager's own applied
/// fields, so that its next apply removes those that it doesn't want. The first match becomes
/// that entry if there is none yet. Nothing if no manager matches.
pub fn take_over(entries: &[Entry], patterns: &[ManagerPattern], field_manager: &str) -> Option<Value> {
    let is_own = |entry: &Entry| entry.manager() == field_manager && entry.is_main_apply();
    let mut own = entries.iter().rfind(|entry| is_own(entry)).cloned();
    let mut kept = Vec::with_capacity(entries.len());
    let mut taken = false;
    for entry in entries {
        if own.as_ref() == Some(entry) || is_own(entry) {
            continue;
        }
        if !entry.matches(patterns) {
            kept.push(Value::Object(entry.0.clone()));
            continue;
        }
        taken = true;
        if let Some(own) = &mut own {
            let union = own.fields().union(&entry.fields());
            own.0.insert("fieldsV1".to_owned(), union.to_json());
        } else {
            let mut first = entry.clone();
            first.0.insert("manager".to_owned(), field_manager.into());
            first.0.insert("operation".to_owned(), Operation::Apply.as_str().into());
            own = Some(first);
        }
    }
    if !taken {
        return None;
    }
    kept.extend(own.map(|own| Value::Object(own.0)));
    Some(Value::Array(kept))
}

/// All entries moved to an API version; nothing if they are all there already.
pub fn migrate(entries: &[Entry], api_version: &str) -> Option<Value> {
    if entries.iter().all(|entry| entry.text("apiVersion") == api_version) {
        return None;
    }
    let moved = entries.iter().cloned().map(|mut entry| {
        entry.0.insert("apiVersion".to_owned(), api_version.into());
        Value::Object(entry.0)
    });
    Some(Value::Array(moved.collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, subresource: &str, fields: &Value) -> Value {
        let mut entry = json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields,
        });
        if !subresource.is_empty() {
            entry["subresource"] = subresource.into();
        }
        entry
    }

    fn object(entries: &[Value]) -> Vec<Entry> {
        super::entries(&json!({"metadata": {"managedFields": entries}}))
    }

    fn take_over(entries: &[Value]) -> Option<Value> {
        let patterns = takeover_patterns("kustomize-controller", &["team".to_owned()]);
        super::take_over(&object(entries), &patterns, "kustomize-controller")
    }

    #[test]
    fn matching_managers_are_merged_into_the_applied_fields() {
        let own = entry("kustomize-controller", "Apply", "", &json!({"f:data": {"f:a": {}}}));
        let helm = entry("helm", "Update", "", &json!({"f:data": {"f:h": {}}}));
        let status = entry("kubectl-edit", "Update", "status", &json!({"f:status": {}}));
        for (manager, operation) in [
            ("kubectl-edit", "Update"),
            ("kubectl-client-side-apply", "Update"),
            ("kubectl", "Apply"),
            ("before-first-apply", "Update"),
            ("kustomize-controller", "Update"),
            ("team-a", "Apply"),
            ("team-a", "Update"),
        ] {
            let other = entry(manager, operation, "", &json!({"f:data": {"f:b": {}}}));
            let merged =
                entry("kustomize-controller", "Apply", "", &json!({"f:data": {"f:a": {}, "f:b": {}}}));
            assert_eq!(
                take_over(&[own.clone(), helm.clone(), other, status.clone()]),
                Some(json!([helm, status, merged])),
                "{manager} {operation}"
            );
        }
        for (manager, operation) in
            [("before-first-apply", "Apply"), ("helm", "Apply"), ("my-kubectl", "Update")]
        {
            let other = entry(manager, operation, "", &json!({"f:data": {"f:b": {}}}));
            assert_eq!(
                take_over(&[own.clone(), helm.clone(), other, status.clone()]),
                None,
                "{manager} {operation}"
            );
        }
    }

    #[test]
    fn the_first_match_becomes_the_applied_entry() {
        let create = entry("kubectl-create", "Update", "", &json!({"f:data": {".": {}, "f:a": {}}}));
        let edit = entry("kubectl-edit", "Update", "", &json!({"f:data": {"f:b": {}}}));
        let merged =
            entry("kustomize-controller", "Apply", "", &json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}}));
        assert_eq!(take_over(&[create, edit]), Some(json!([merged])));
        assert_eq!(take_over(&[]), None);
    }

    #[test]
    fn migration_rewrites_every_entry() {
        let entries =
            object(&[entry("a", "Apply", "", &json!({})), entry("b", "Update", "status", &json!({}))]);
        assert_eq!(migrate(&entries, "v1"), None);
        let moved = migrate(&entries, "v2").unwrap();
        assert!(moved.as_array().unwrap().iter().all(|entry| entry["apiVersion"] == "v2"));
    }
}
