//! Sorting of rendered files.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_chart::release::{Event, sort, uninstall_order};

use crate::corpus;

#[test]
fn order_and_hooks() {
    corpus::run("release", "sort", |case| {
        let files: BTreeMap<String, String> = serde_json::from_value(case["files"].clone()).unwrap();
        let sorted = match (sort(&files), case.get("error")) {
            (Ok(sorted), None) => sorted,
            (Err(error), Some(expected)) => {
                return same_error(&error.to_string(), expected.as_str().unwrap());
            }
            (result, expected) => return Err(format!("{result:?} instead of {expected:?}")),
        };
        let hooks: Vec<Value> = sorted
            .hooks
            .iter()
            .map(|hook| {
                json!({
                    "name": hook.name, "kind": hook.kind, "path": hook.path, "manifest": hook.manifest,
                    "weight": hook.weight,
                    "events": hook.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
                    "delete_policies": hook.delete_policies.iter().map(sluice_chart::release::DeletePolicy::name).collect::<Vec<_>>(),
                })
            })
            .collect();
        check("hooks", &json!(hooks), &case["hooks"])?;
        let manifests: Vec<Value> = sorted
            .manifests
            .iter()
            .map(|manifest| json!({ "path": manifest.path, "kind": manifest.head.kind, "content": manifest.content }))
            .collect();
        check("manifests", &json!(manifests), &case["manifests"])?;
        for (event, expected) in case["exec_order"].as_object().unwrap() {
            let hooks = sorted.hooks_for(Event::parse(event).unwrap());
            let order: Vec<_> = hooks.iter().map(|hook| format!("{}/{}", hook.kind, hook.name)).collect();
            check(event, &json!(order), expected)?;
        }
        let mut manifests = sorted.manifests;
        uninstall_order(&mut manifests);
        let order: Vec<_> = manifests
            .iter()
            .map(|manifest| format!("{}/{}", manifest.head.kind, manifest.head.name))
            .collect();
        check("uninstall_order", &json!(order), &case["uninstall_order"])
    });
}

fn check(what: &str, got: &Value, expected: &Value) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got} instead of {expected}")) }
}

/// Our YAML errors name the line where Go's leave it out.
fn same_error(got: &str, expected: &str) -> Result<(), String> {
    let without_line = |text: &str| {
        let Some((before, rest)) = text.split_once("yaml: line ") else { return text.to_owned() };
        let after = rest.split_once(": ").map_or("", |(_, after)| after);
        format!("{before}yaml: {after}")
    };
    if without_line(got) == without_line(expected) {
        Ok(())
    } else {
        Err(format!("{got:?} instead of {expected:?}"))
    }
}
