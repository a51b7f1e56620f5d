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

#[test]
fn errors_are_told_in_its_words() {
    let type_of = |kind: &str, field: &str, wanted: &str| {
        format!(
            "invalid Kustomization: json: cannot unmarshal {kind} into Go struct field {field} of type {wanted}"
        )
    };
    let way = "accumulating resources: accumulation err='accumulating resources from 'a/b': open /d/a/b: no such file or \
               directory': must build at directory: not a valid directory: evalsymlink failure on '/d/a/b' : lstat /d/a: no \
               such file or directory";
    for (kustomization, words) in [
        ("apiVersion: 1", type_of("number", "Kustomization.TypeMeta.apiVersion", "string")),
        ("configMapGenerator: x", type_of("string", "Kustomization.configMapGenerator", "[]types.ConfigMapArgs")),
        (
            "secretGenerator: [{literals: x}]",
            type_of("string", "SecretArgs.secretGenerator.GeneratorArgs.KvPairSources.literals", "[]string"),
        ),
        ("patches: [{target: {kind: 1}}]", type_of("number", "Selector.patches.target.ResId.Gvk.kind", "string")),
        (
            "replacements: [{targets: {a: b}}]",
            type_of("object", "ReplacementField.replacements.Replacement.targets", "[]*types.TargetSelector"),
        ),
        ("resources: [a/b]", way.to_owned()),
        (
            "configMapGenerator: [{name: a, envs: [f, g]}]",
            "loading KV pairs: env source files: [f g]: open /d/f: no such file or directory".to_owned(),
        ),
        (
            "resources: [r.yaml]\nvars: [{name: A, objref: {kind: Pod, name: b, apiVersion: v1}}]",
            "var '{A Pod.v1.[noGrp] {metadata.name}}' cannot be mapped to a field in the set of known resources"
                .to_owned(),
        ),
        (
            "resources: [r.yaml]\nreplacements: [{source: {kind: X, options: {delimiter: /}}, targets: [{select: {kind: Z}}]}]",
            "nothing selected by X.[noVer].[noGrp]/[noName].[noNs]:/(0), create=false".to_owned(),
        ),
        (
            "resources: [r.yaml]\nreplacements: [{source: {kind: X}, targets: []}]",
            "replacements must specify a source and at least one target".to_owned(),
        ),
        (
            "resources: [r.yaml]\nreplacements: [{path: none.yaml}]",
            "trouble configuring builtin ReplacementTransformer with config: `\nReplacements:\n- path: none.yaml\n`: open \
             /d/none.yaml: no such file or directory"
                .to_owned(),
        ),
        (
            "resources: [r.yaml]\ntransformers: [t.yaml]",
            "plugin PatchTransformer.builtin.[noGrp]/t.[noNs] fails configuration: must specify one of patch and path \
             in\napiVersion: builtin\nkind: PatchTransformer\nmetadata:\n  name: t\n"
                .to_owned(),
        ),
    ] {
        let plugin = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\n";
        let files = with_resource(kustomization, &config("r")).with("/d/t.yaml", plugin);
        assert_eq!(built(&files, "/d").unwrap_err().to_string(), words, "{kustomization}");
    }
}
