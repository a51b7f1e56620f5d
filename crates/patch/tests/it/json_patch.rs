//! JSON patches: what kustomize's library makes of them, and RFC 6902's own examples.

use serde_json::{Value as Json, json};
use sluice_patch::{Error, JsonPatch};

use super::{cases, node};

fn apply(mut target: Json, patch: &Json) -> Result<Json, Error> {
    JsonPatch::from_json(patch)?.apply(&mut target)?;
    Ok(target)
}

#[test]
fn applies_as_kustomize_does() {
    for case in cases(include_str!("../vectors/json_patch.jsonl")) {
        let mut target = node(case["target"].as_str().unwrap());
        let result = JsonPatch::parse(case["patch"].as_str().unwrap())
            .and_then(|patch| patch.apply_to_node(&mut target));
        match (result, case["error"].as_str()) {
            (Ok(()), None) => assert_eq!(super::json(&target), case["result"], "{case}"),
            (Err(_), Some(_)) => {}
            (result, error) => panic!("want {error:?}, got {result:?}: {case}"),
        }
    }
}

#[test]
fn the_examples_of_the_rfc() {
    let check =
        |target: Json, patch: Json, want: Json| assert_eq!(apply(target, &patch).unwrap(), want, "{patch}");
    check(
        json!({"foo": "bar"}),
        json!([{"op": "add", "path": "/baz", "value": "qux"}]),
        json!({"baz": "qux", "foo": "bar"}),
    );
    check(
        json!({"foo": ["bar", "baz"]}),
        json!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
        json!({"foo": ["bar", "qux", "baz"]}),
    );
    check(
        json!({"baz": "qux", "foo": "bar"}),
        json!([{"op": "remove", "path": "/baz"}]),
        json!({"foo": "bar"}),
    );
    check(
        json!({"foo": ["bar", "qux", "baz"]}),
        json!([{"op": "remove", "path": "/foo/1"}]),
        json!({"foo": ["bar", "baz"]}),
    );
    check(
        json!({"baz": "qux"}),
        json!([{"op": "replace", "path": "/baz", "value": "boo"}]),
        json!({"baz": "boo"}),
    );
    check(
        json!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
        json!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
        json!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}}),
    );
    check(
        json!({"foo": ["all", "grass", "cows", "eat"]}),
        json!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
        json!({"foo": ["all", "cows", "eat", "grass"]}),
    );
    check(
        json!({"baz": "qux", "foo": ["a", 2, "c"]}),
        json!([{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}]),
        json!({"baz": "qux", "foo": ["a", 2, "c"]}),
    );
    check(
        json!({"/": 9, "~1": 10}),
        json!([{"op": "test", "path": "/~01", "value": 10}]),
        json!({"/": 9, "~1": 10}),
    );
    check(
        json!({"foo": ["bar"]}),
        json!([{"op": "add", "path": "/foo/-", "value": ["x"]}]),
        json!({"foo": ["bar", ["x"]]}),
    );
    check(
        json!({"a": {"b": 1}}),
        json!([{"op": "copy", "from": "/a", "path": "/c"}]),
        json!({"a": {"b": 1}, "c": {"b": 1}}),
    );
}

#[test]
fn takes_the_liberties_of_kustomizes_library() {
    let check =
        |target: Json, patch: Json, want: Json| assert_eq!(apply(target, &patch).unwrap(), want, "{patch}");
    check(json!({}), json!([{"op": "replace", "path": "/new", "value": 1}]), json!({"new": 1}));
    check(json!({"a": [1, 2]}), json!([{"op": "remove", "path": "/a/-1"}]), json!({"a": [1]}));
    check(json!({"a": [1, 2]}), json!([{"op": "add", "path": "/a/-1", "value": 3}]), json!({"a": [1, 2, 3]}));
    check(json!({}), json!([{"op": "test", "path": "/a", "value": null}]), json!({}));
    let mut big = node("a: 9007199254740993\n");
    JsonPatch::parse("- {op: add, path: /b, value: yes}").unwrap().apply_to_node(&mut big).unwrap();
    assert_eq!(super::json(&big), json!({"a": 9_007_199_254_740_992_i64, "b": true}));
}

#[test]
fn errors_have_the_librarys_words() {
    let says = |target: Json, patch: Json, message: &str| {
        assert_eq!(apply(target, &patch).unwrap_err().to_string(), message, "{patch}");
    };
    says(
        json!({}),
        json!([{"op": "add", "path": "/a/b", "value": 1}]),
        "add operation does not apply: doc is missing path: \"/a/b\": missing value",
    );
    says(
        json!({}),
        json!([{"op": "remove", "path": "/a"}]),
        "error in remove for path: '/a': Unable to remove nonexistent key: a: missing value",
    );
    says(
        json!({"a": []}),
        json!([{"op": "replace", "path": "/a/0", "value": 1}]),
        "replace operation does not apply: doc is missing key: /a/0: missing value",
    );
    says(
        json!({"a": 1}),
        json!([{"op": "test", "path": "/a", "value": 2}]),
        "testing value /a failed: test failed",
    );
    says(json!({}), json!([{"op": "frob", "path": "/a"}]), "Unexpected kind: frob");
    says(json!({}), json!({"op": "add"}), "invalid JSON patch: it must be a list of operations");
    says(json!({}), json!([1]), "invalid JSON patch: operation 1 is not an object");
}
