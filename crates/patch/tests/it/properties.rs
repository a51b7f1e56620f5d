//! What holds for every input.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sluice_patch::{JsonPatch, Schema, merge_patch, strategic};
use sluice_yaml::Node;

fn value() -> impl Strategy<Value = Json> {
    let key = prop::sample::select(vec![
        "name",
        "image",
        "env",
        "ports",
        "containerPort",
        "$patch",
        "containers",
        "spec",
        "data",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3i64..3).prop_map(Json::from),
        prop::sample::select(vec!["a", "b", "", "delete", "replace", "merge", "yes"]).prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn pod(spec: &Json) -> Json {
    json!({"apiVersion": "v1", "kind": "Pod", "spec": spec})
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn strategic_merge_never_panics(target in value(), patch in value()) {
        let _ = strategic::merge(&Node::from_json(&pod(&target)), &Node::from_json(&pod(&patch)), Schema::kustomize());
    }

    #[test]
    fn a_merged_patch_merges_again_to_the_same(target in value(), patch in value()) {
        let mut once = target;
        merge_patch::apply(&mut once, &patch);
        let mut twice = once.clone();
        merge_patch::apply(&mut twice, &patch);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn json_patches_never_panic(
        mut target in value(),
        op in prop::sample::select(vec!["add", "remove", "replace", "move", "copy", "test"]),
        path in "(/(name|env|0|1|-|-1|-9|spec|99999999999999999999|~0|~1|)){0,3}",
        from in "(/(name|env|0|1|-|-1|-9|spec)){0,3}",
        value in value(),
    ) {
        let patch = JsonPatch::from_json(&json!([{"op": op, "path": path, "from": from, "value": value}])).unwrap();
        let _ = patch.apply(&mut target);
    }

    #[test]
    fn pruning_leaves_nothing_to_prune(spec in value()) {
        let mut object = pod(&spec);
        Schema::builtin().prune_unknown(&mut object);
        prop_assert!(Schema::builtin().prune_unknown(&mut object).is_empty());
    }
}
