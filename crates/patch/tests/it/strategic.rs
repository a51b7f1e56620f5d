//! Strategic merge: what kyaml makes of the same input, and each rule by itself.

use serde_json::json;
use sluice_patch::{Error, Schema, strategic};
use sluice_yaml::Node;

use super::{cases, json, node};

fn merge(target: &str, patch: &str) -> Result<Option<Node>, Error> {
    strategic::merge(&node(target), &node(patch), Schema::kustomize())
}

fn merged(target: &str, patch: &str) -> serde_json::Value {
    json(&merge(target, patch).unwrap().unwrap())
}

fn pod(spec: &str) -> String {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect::<Vec<_>>().concat();
    format!("apiVersion: v1\nkind: Pod\nspec:\n{indented}")
}

#[test]
fn merges_as_kyaml_does() {
    let mut count = 0;
    for case in cases(include_str!("../vectors/strategic.jsonl")) {
        let (target, patch) = (case["target"].as_str().unwrap(), case["patch"].as_str().unwrap());
        let got = merge(target, patch).map(|node| node.map(|node| node.to_json(sluice_yaml::Version::V3)));
        match (got, case["error"].as_str()) {
            (Err(_) | Ok(Some(Err(_))), Some(_)) => {}
            (Ok(None), None) => assert_eq!(case["deleted"], true, "{target}---\n{patch}"),
            (Ok(Some(Ok(got))), None) => assert_eq!(got, case["result"], "{target}---\n{patch}"),
            (got, want) => panic!("want {want:?}, got {got:?}: {target}---\n{patch}"),
        }
        count += 1;
    }
    assert!(count > 190, "only {count} cases");
}

#[test]
fn items_pair_by_key_and_the_patchs_come_first() {
    let result = merged(
        &pod("containers:\n- {name: a, image: a:1}\n- {name: b, image: b:1}"),
        &pod("containers:\n- {name: c, image: c:1}\n- {name: b, image: b:2}"),
    );
    let want =
        json!([{"name": "c", "image": "c:1"}, {"name": "b", "image": "b:2"}, {"name": "a", "image": "a:1"}]);
    assert_eq!(result["spec"]["containers"], want);
}

#[test]
fn ports_pair_by_number_and_protocol_and_keep_their_order() {
    let ports = |list: &str| pod(&format!("containers:\n- name: a\n  ports: {list}"));
    let result = merged(
        &ports("[{containerPort: 80, protocol: TCP, name: x}, {containerPort: 80, protocol: UDP}]"),
        &ports("[{containerPort: 80, protocol: UDP, name: y}, {containerPort: 81, protocol: UDP}]"),
    );
    let want = json!([
        {"containerPort": 81, "protocol": "UDP"},
        {"containerPort": 80, "protocol": "TCP", "name": "x"},
        {"containerPort": 80, "protocol": "UDP", "name": "y"},
    ]);
    assert_eq!(result["spec"]["containers"][0]["ports"], want);
}

/// What `kustomize build` (5.8.1) prints after one and after two patches that say nothing.
#[test]
fn a_port_with_an_empty_number_takes_the_place_of_all() {
    let service = "apiVersion: v1\nkind: Service\n";
    let target = format!("{service}spec:\n  ports:\n  - port: 8080\n  - port: 443\n  - port: ''\n");
    let once = merge(&target, service).unwrap().unwrap();
    assert_eq!(json(&once)["spec"]["ports"], json!([{"port": ""}, {"port": ""}]));
    let twice = strategic::merge(&once, &node(service), Schema::kustomize()).unwrap().unwrap();
    assert_eq!(json(&twice)["spec"]["ports"], json!([{"port": ""}]));
}

/// As with `kustomize build` (5.8.1).
#[test]
fn a_name_that_is_a_bare_tag_is_none() {
    let target = pod("imagePullSecrets:\n- name: b\n- name: !");
    let result = merged(&target, "apiVersion: v1\nkind: Pod\n");
    assert_eq!(result["spec"]["imagePullSecrets"], json!([{"name": "b"}]));
}

#[test]
fn nulls_and_directives_delete_and_replace() {
    let target = pod(
        "containers:\n- {name: a, image: a:1}\n- {name: b, image: b:1}\nnodeSelector: {x: y}\nhostname: h",
    );
    let spec = |patch: &str| merged(&target, &pod(patch))["spec"].clone();
    assert_eq!(spec("hostname: null")["hostname"], json!(null));
    assert_eq!(spec("nodeSelector: null")["nodeSelector"], json!(null));
    assert_eq!(spec("nodeSelector: {$patch: delete}")["nodeSelector"], json!(null));
    assert_eq!(spec("nodeSelector: {$patch: replace, z: w}")["nodeSelector"], json!({"z": "w"}));
    assert_eq!(
        spec("containers: [{name: a, $patch: delete}]")["containers"],
        json!([{"name": "b", "image": "b:1"}])
    );
    assert_eq!(spec("containers: [{$patch: replace}, {name: c}]")["containers"], json!([{"name": "c"}]));
    assert_eq!(spec("containers: [{$patch: delete}]")["containers"], json!(null));
    assert_eq!(spec("containers: []")["containers"].as_array().map(Vec::len), Some(2));
    assert!(merge(&target, "apiVersion: v1\nkind: Pod\n$patch: delete\n").unwrap().is_none());
    let error = merge(&target, &pod("nodeSelector: {$patch: remove}")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown patch strategy 'remove' at spec.nodeSelector: use delete, merge or replace"
    );
}

#[test]
fn server_side_directives_mean_nothing() {
    let result = merged(
        &pod("containers: [{name: a}]"),
        &pod("$setElementOrder/containers: [{name: a}]\n$retainKeys: [x]"),
    );
    assert_eq!(result["spec"]["$setElementOrder/containers"], json!([{"name": "a"}]));
    assert_eq!(result["spec"]["$retainKeys"], json!(["x"]));
}

#[test]
fn lists_without_keys_and_of_custom_resources_are_replaced() {
    let result =
        merged(&pod("containers: [{name: a, args: [x, y]}]"), &pod("containers: [{name: a, args: [z]}]"));
    assert_eq!(result["spec"]["containers"][0]["args"], json!(["z"]));
    let custom = |list: &str| format!("apiVersion: example.com/v1\nkind: Thing\ncontainers: {list}\n");
    let result = merged(&custom("[{name: a, image: x}]"), &custom("[{name: a}]"));
    assert_eq!(result["containers"], json!([{"name": "a"}]));
    let declared = custom(
        "[{name: b}] # {\"type\": \"array\", \"x-kubernetes-patch-strategy\": \"merge\", \"x-kubernetes-patch-merge-key\": \"name\"}",
    );
    let result = merged(&custom("[{name: a}]"), &declared);
    assert_eq!(result["containers"], json!([{"name": "b"}, {"name": "a"}]));
}

#[test]
fn a_number_takes_the_quotes_of_the_text_it_replaces() {
    let map = |value: &str| format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: {value}\n");
    assert_eq!(merged(&map("\"1\""), &map("2"))["data"]["a"], json!("2"));
    assert_eq!(merged(&map("1"), &map("\"2\""))["data"]["a"], json!("2"));
    assert_eq!(merged(&map("1"), &map("2"))["data"]["a"], json!(2));
}

#[test]
fn kinds_that_do_not_fit_are_named_with_path_and_line_and_no_value() {
    let error = merge(&pod("containers: [{name: a}]"), &pod("hostname: h\ncontainers: {secret: hunter2}"))
        .unwrap_err();
    let want = "wrong node kind: expected SequenceNode but got MappingNode at spec.containers (line 5)";
    assert_eq!(error.to_string(), want);
}
