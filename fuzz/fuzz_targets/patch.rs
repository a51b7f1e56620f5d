//! A target and a patch: nothing panics, and a patch that says nothing changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::texts;
use sluice_patch::{JsonPatch, Schema, merge_patch, strategic};
use sluice_yaml::{Mapping, Node, Value, Version, parse_first};

fuzz_target!(|input: &str| {
    let Some([target, patch]) = texts(input) else { return };
    let Ok(Some(target)) = parse_first(target) else { return };
    nothing(&target);
    let Ok(Some(patch_node)) = parse_first(patch) else { return };

    for schema in [Schema::kustomize(), Schema::builtin()] {
        let _ = strategic::merge(&target, &patch_node, schema);
    }
    if let (Ok(target), Ok(patch)) = (target.to_json(Version::V3), patch_node.to_json(Version::V2)) {
        let mut once = target.clone();
        merge_patch::apply(&mut once, &patch);
        let mut twice = once.clone();
        merge_patch::apply(&mut twice, &patch);
        assert_eq!(once, twice);
        let mut object = once;
        Schema::builtin().prune_unknown(&mut object);
    }
    if let Ok(patch) = JsonPatch::parse(patch) {
        let mut target = target;
        let _ = patch.apply_to_node(&mut target);
    }
});

/// What the empty patches do: at most a clean-up, once. (A null takes more than one, with kustomize too: the first
/// joins list items of equal keys, the next removes what that left without a value. And items of a list with two keys
/// that lack the first one, or have an empty one, change what stands beside them at each merge, with kustomize too; so
/// does a list of texts that has mappings among them.)
fn nothing(target: &Node) {
    let empty = Node::from(Mapping::new());
    if !has_null(target)
        && !has_keyless_items(target)
        && !has_mixed_list(target)
        && let Ok(Some(once)) = strategic::merge(target, &empty, Schema::kustomize())
        && let Ok(twice) = strategic::merge(&once, &empty, Schema::kustomize())
    {
        assert_eq!(twice.as_ref(), Some(&once));
    }
    let Ok(json) = target.to_json(Version::V3) else { return };
    let mut patched = json.clone();
    if json.is_object() {
        merge_patch::apply(&mut patched, &serde_json::json!({}));
        assert_eq!(patched, json);
    }
    if JsonPatch::default().apply(&mut patched).is_ok() {
        assert_eq!(patched, json);
    }
}

fn has_null(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => node.is_null(),
        Value::Sequence(items) => items.iter().any(has_null),
        Value::Mapping(mapping) => mapping.iter().any(|entry| has_null(&entry.value)),
    }
}

/// Whether a list with two merge keys has an item without the first, or with an empty one.
fn has_keyless_items(node: &Node) -> bool {
    const KEYS: [&str; 3] = ["port", "containerPort", "topologyKey"];
    let lacks =
        |item: &Node| KEYS.iter().all(|key| item.get(key).is_none_or(|value| value.as_str() == Some("")));
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => items.iter().any(has_keyless_items),
        Value::Mapping(mapping) => mapping.iter().any(|entry| {
            let has_keys = matches!(entry.name(), Some("ports" | "topologySpreadConstraints"));
            let items = entry.value.as_sequence().map(|items| &**items).unwrap_or_default();
            (has_keys && items.iter().any(lacks)) || has_keyless_items(&entry.value)
        }),
    }
}

/// Whether a list has both mappings and something else.
fn has_mixed_list(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => {
            let mappings = items.iter().filter(|item| item.as_mapping().is_some()).count();
            (mappings > 0 && mappings < items.len()) || items.iter().any(has_mixed_list)
        }
        Value::Mapping(mapping) => mapping.iter().any(|entry| has_mixed_list(&entry.value)),
    }
}
