//! What kustomize makes of unusual patches. Expectations are outputs of the real program.

use std::path::Path;

use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Options, build};

use crate::{built, config};

fn patched(patch: &str) -> Result<String, sluice_kustomize::Error> {
    let kustomization = "resources: [r.yaml]\npatches: [{path: p.yaml, target: {name: r}}]\n";
    let files = Memory::new()
        .with("/d/kustomization.yaml", kustomization)
        .with("/d/r.yaml", config("r") + "data: {a: b}\n")
        .with("/d/p.yaml", patch);
    built(&files, "/d")
}

#[test]
fn a_patch_that_replaces_the_whole_object_changes_nothing() {
    let patch = "$patch: replace\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: r}\ndata: {c: d}\n";
    assert_eq!(
        patched(patch).unwrap(),
        "apiVersion: v1\ndata:\n  a: b\nkind: ConfigMap\nmetadata:\n  name: r\n"
    );
}

#[test]
fn what_begins_like_json_must_be_json() {
    assert!(patched(r#"[{"op": "add", "path": "/data/c", "value": "d"}]"#).unwrap().contains("  c: d\n"));
    assert!(patched("- {op: add, path: /data/c, value: d}\n").unwrap().contains("  c: d\n"));
    assert!(patched("[{op: add, path: /data/c, value: d}]\n").is_err());
}

#[test]
fn indented_lines_of_folded_texts_get_an_empty_line_before_them() {
    let files = Memory::new().with("/d/kustomization.yaml", "resources: [r.yaml]\n").with(
        "/d/r.yaml",
        config("r") + "data:\n  f: >-\n    a(\n      b\n    )\n  l: |-\n    a(\n      b\n    )\n",
    );
    let text = build(&files, Path::new("/d"), &Options::default()).unwrap().to_yaml().unwrap();
    assert_eq!(
        text,
        "apiVersion: v1\ndata:\n  f: |-\n    a(\n\n      b\n    )\n  l: |-\n    a(\n      b\n    )\nkind: ConfigMap\nmetadata:\n  name: r\n"
    );
}
