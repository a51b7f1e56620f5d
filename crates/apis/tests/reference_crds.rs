//! The generated definitions against Flux's own: everything but the descriptions must be equal.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where the reference definitions are, next to the repository; they are not part of it.
fn reference_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/crds")
}

#[test]
fn generated_definitions_equal_the_reference() {
    let directory = reference_directory();
    let Ok(files) = std::fs::read_dir(&directory) else {
        eprintln!("skipped: no reference CRDs in {}", directory.display());
        return;
    };
    let mut reference = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let definition: Value = serde_saphyr::from_str(&text).unwrap();
        reference.insert(definition["metadata"]["name"].as_str().unwrap().to_owned(), definition);
    }
    let generated: BTreeMap<String, Value> = sluice_apis::crd::all()
        .unwrap()
        .into_iter()
        .map(|definition| {
            (definition.metadata.name.clone().unwrap(), serde_json::to_value(definition).unwrap())
        })
        .collect();

    let mut differences = Vec::new();
    for (name, expected) in &mut reference {
        let Some(actual) = generated.get(name) else {
            differences.push(format!("{name}: not generated"));
            continue;
        };
        let mut actual = actual.clone();
        without_older_versions(name, &mut actual);
        without_additions(name, &mut actual);
        normalize(expected);
        normalize(&mut actual);
        compare(name, expected, &actual, &mut differences);
    }
    differences.extend(
        generated
            .keys()
            .filter(|name| !reference.contains_key(*name))
            .map(|name| format!("{name}: not in the reference")),
    );
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// What our definitions have and Flux's don't: optional fields, none of which changes what others mean. This list is
/// the whole of it.
const ADDITIONS: &[(&str, &str)] = &[
    ("imagepolicies.image.toolkit.fluxcd.io", "spec.policy.minAge"),
    ("imageupdateautomations.image.toolkit.fluxcd.io", "spec.git.push.pullRequest"),
    ("imageupdateautomations.image.toolkit.fluxcd.io", "spec.update.unmarked"),
    ("imageupdateautomations.image.toolkit.fluxcd.io", "spec.update.valuesFiles"),
    ("imageupdateautomations.image.toolkit.fluxcd.io", "status.pullRequests"),
];

/// Takes the additions away; each must be there, and none may be required.
fn without_additions(name: &str, definition: &mut Value) {
    for (_, path) in ADDITIONS.iter().filter(|(of, _)| *of == name) {
        let mut parts: Vec<&str> = path.split('.').collect();
        let field = parts.pop().unwrap();
        let pointer: String = parts.iter().flat_map(|part| ["/properties/", part]).collect();
        let parent = definition.pointer_mut(&format!("/spec/versions/0/schema/openAPIV3Schema{pointer}"));
        let parent = parent.unwrap_or_else(|| panic!("{name}: no parent of {path}"));
        let required = parent["required"].as_array().cloned().unwrap_or_default();
        assert!(!required.contains(&Value::from(field)), "{name}: {path} is required");
        let removed = parent["properties"].as_object_mut().unwrap().remove(field);
        assert!(removed.is_some(), "{name}: {path} is not there");
    }
}

/// Takes versions away that Flux no longer serves. They are like the stored one, so that no conversion is needed.
fn without_older_versions(name: &str, definition: &mut Value) {
    let versions = definition["spec"]["versions"].as_array_mut().unwrap();
    let older = versions.split_off(1);
    assert_eq!(!older.is_empty(), name.ends_with(".image.toolkit.fluxcd.io"), "{name}");
    for version in older {
        assert_eq!(version["name"], "v1beta2", "{name}");
        assert_eq!((&version["served"], &version["storage"]), (&true.into(), &false.into()), "{name}");
        assert_eq!(version["schema"], versions[0]["schema"], "{name}");
        assert_eq!(version["subresources"], versions[0]["subresources"], "{name}");
    }
}

/// Drops what may differ: prose, the name of the generating tool, and the order of required fields.
fn normalize(value: &mut Value) {
    if let Some(annotations) = value.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove("controller-gen.kubebuilder.io/version");
        if annotations.is_empty()
            && let Some(metadata) = value["metadata"].as_object_mut()
        {
            metadata.remove("annotations");
        }
    }
    let Some(versions) = value.pointer_mut("/spec/versions").and_then(Value::as_array_mut) else { return };
    for version in versions {
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
            normalize_schema(schema);
        }
    }
}

fn normalize_schema(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    fields.remove("description");
    if let Some(required) = fields.get_mut("required").and_then(Value::as_array_mut) {
        required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(normalize_schema);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(nested) = fields.get_mut(key) {
            normalize_schema(nested);
        }
    }
}

fn compare(path: &str, expected: &Value, actual: &Value, differences: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                match actual.get(key) {
                    Some(other) => compare(&format!("{path}.{key}"), value, other, differences),
                    None => differences.push(format!("{path}.{key}: missing, expected {value}")),
                }
            }
            for (key, value) in actual {
                if !expected.contains_key(key) {
                    differences.push(format!("{path}.{key}: not expected: {value}"));
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (a, b)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{path}[{index}]"), a, b, differences);
            }
        }
        // Defaults come as floats from one side and integers from the other.
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => differences.push(format!("{path}: expected {a}, got {b}")),
    }
}
