//! Corners that differ between readings of the documentation. Expectations are what the real program printed.

use std::path::Path;

use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Dialect, Options, build};

use crate::{built, config};

fn with_resource(kustomization: &str, resource: &str) -> Memory {
    Memory::new().with("/d/kustomization.yaml", kustomization).with("/d/r.yaml", resource)
}

#[test]
fn a_list_without_items_is_an_object() {
    let files = with_resource("resources: [r.yaml]\n", "apiVersion: v1\nkind: List\n");
    assert_eq!(built(&files, "/d").unwrap(), "apiVersion: v1\nkind: List\nmetadata: {}\n");
}

#[test]
fn items_that_are_a_mapping_are_no_objects() {
    let files = with_resource("resources: [r.yaml]\n", "apiVersion: v1\nkind: List\nitems: {a: b}\n");
    let error = built(&files, "/d").unwrap_err().to_string();
    assert!(error.contains("accumulating resources from 'r.yaml': missing Resource metadata"), "{error}");
}

#[test]
fn a_manifest_is_no_definition() {
    let files = with_resource("resources: [r.yaml]\ncrds: [r.yaml]\n", &config("r"));
    let error = built(&files, "/d").unwrap_err().to_string();
    assert!(error.contains("unable to parse open API definition from 'r.yaml'"), "{error}");
}

#[test]
fn the_next_release_leaves_admission_policies_out_of_namespaces() {
    let policy = |kind: &str| {
        format!("apiVersion: admissionregistration.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: p\n")
    };
    for (dialect, kind, namespace) in [
        (Dialect::Latest, "ValidatingAdmissionPolicy", ""),
        (Dialect::Latest, "ValidatingAdmissionPolicyBinding", ""),
        (Dialect::Latest, "MutatingAdmissionPolicy", "  namespace: q\n"),
        (Dialect::V5_8_1, "ValidatingAdmissionPolicy", "  namespace: q\n"),
    ] {
        let files = with_resource("resources: [r.yaml]\nnamespace: q\n", &policy(kind));
        let options = Options { dialect, ..Options::default() };
        let text = build(&files, Path::new("/d"), &options).unwrap().to_yaml().unwrap();
        assert_eq!(text, policy(kind) + namespace);
    }
}

#[test]
fn lines_in_yaml_errors_are_those_of_go_and_the_right_ones_follow() {
    let files = with_resource("resources: [r.yaml]\n", &(config("r") + "data:\n  a: [b\n"));
    let error = built(&files, "/d").unwrap_err();
    let words = "MalformedYAMLError: yaml: line 5: did not find expected ',' or ']' in File: r.yaml";
    assert!(error.to_string().ends_with(words), "{error}");
    let detail = error.detail().unwrap();
    assert!(detail.contains("line 7") && detail.contains("the list that starts at line 6"), "{detail}");
}

#[test]
fn keys_that_a_patch_adds_are_written_as_it_writes_them() {
    let patched = |key: &str| {
        let kustomization = "resources: [r.yaml]\npatches: [{path: p.yaml}]\n";
        let patch = format!("{}data: {{{key}: b}}\n", config("r"));
        built(&with_resource(kustomization, &config("r")).with("/d/p.yaml", patch), "/d")
    };
    assert_eq!(
        patched("\"9110\"").unwrap(),
        "apiVersion: v1\ndata:\n  \"9110\": b\nkind: ConfigMap\nmetadata:\n  name: r\n"
    );
    // A number is no key of JSON.
    assert!(patched("9110").is_err());
}

#[test]
fn former_ids_in_annotations_count() {
    let resource = "apiVersion: v1
kind: ConfigMap
metadata:
  name: new
  annotations:
    internal.config.kubernetes.io/previousNames: old
    internal.config.kubernetes.io/previousKinds: Thing
    internal.config.kubernetes.io/previousNamespaces: default
data: {a: b}
";
    let replacement = "replacements: [{source: {kind: Thing, name: old, fieldPath: data.a}, targets: [{select: {name: new}, fieldPaths: [data.c], options: {create: true}}]}]\n";
    let files = with_resource(&format!("resources: [r.yaml]\n{replacement}"), resource);
    let text = built(&files, "/d").unwrap();
    assert_eq!(text, "apiVersion: v1\ndata:\n  a: b\n  c: b\nkind: ConfigMap\nmetadata:\n  name: new\n");
}
