//! Many objects from one: each field removed, emptied, overfilled, and given values of wrong types.

use serde_json::{Value, json};

use crate::objects::Sample;

/// Texts for any field: patterns, enumerations and formats answer them differently.
const TEXTS: [&str; 8] = ["", "10m", "1h30m", "5 minutes", "https://example.com/a", "-x-", "HEAD", "a_b"];
/// Those that each field is given while all others are right, so that rules over several fields judge them too.
const ALONE: [&str; 2] = ["", "10m"];
/// About the limits of names, labels, URLs and the like.
const LENGTHS: [usize; 9] = [53, 54, 63, 64, 200, 201, 253, 254, 2049];

/// The cases of a sample, each with a name of its own.
pub fn mutations(sample: &Sample) -> Vec<(String, Value)> {
    let mut cases = vec![("as it is".to_owned(), sample.object())];
    let mut bare = sample.object();
    bare["spec"] = sample.least.clone();
    cases.push(("with the least".to_owned(), bare));
    let mut without_spec = sample.object();
    without_spec.as_object_mut().map(|object| object.remove("spec"));
    cases.push(("without spec".to_owned(), without_spec));
    for (number, spec) in sample.variants.iter().enumerate() {
        let mut object = sample.object();
        object["spec"] = sample.least.clone();
        merge(&mut object["spec"], spec);
        cases.push((format!("variant {number}: {spec}"), object));
    }
    let mut pointers = Vec::new();
    collect(&sample.full, "/spec", &mut pointers);
    for pointer in &pointers {
        for (name, object) in field_mutations(sample, pointer) {
            cases.push((format!("{pointer} {name}"), object));
        }
    }
    // In all fields at once: the answer has a cause for each that is refused.
    for text in TEXTS {
        cases.push((format!("every text {text:?}"), with_texts(sample, &pointers, text)));
    }
    for length in LENGTHS {
        cases.push((format!("every text {length} long"), with_texts(sample, &pointers, &"a".repeat(length))));
    }
    cases
}

fn with_texts(sample: &Sample, pointers: &[String], text: &str) -> Value {
    let mut object = sample.object();
    for pointer in pointers {
        if let Some(field) = object.pointer_mut(pointer).filter(|field| field.is_string()) {
            *field = json!(text);
        }
    }
    object
}

/// The pointers of all fields below a value.
fn collect(value: &Value, pointer: &str, pointers: &mut Vec<String>) {
    pointers.push(pointer.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(field, &format!("{pointer}/{key}"), pointers);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{pointer}/{index}"), pointers);
            }
        }
        _ => {}
    }
}

fn field_mutations(sample: &Sample, pointer: &str) -> Vec<(String, Value)> {
    let object = sample.object();
    let Some(old) = object.pointer(pointer).cloned() else { return Vec::new() };
    let replaced = |value: Value| {
        let mut object = object.clone();
        if let Some(field) = object.pointer_mut(pointer) {
            *field = value;
        }
        object
    };
    let mut cases = vec![
        ("removed".to_owned(), removed(&object, pointer)),
        ("null".to_owned(), replaced(Value::Null)),
        ("a number".to_owned(), replaced(json!(7))),
        ("an empty object".to_owned(), replaced(json!({}))),
        ("an empty list".to_owned(), replaced(json!([]))),
    ];
    match &old {
        Value::String(_) => {
            for text in ALONE {
                cases.push((format!("{text:?}"), replaced(json!(text))));
            }
        }
        Value::Bool(value) => cases.push(("negated".to_owned(), replaced(json!(!value)))),
        Value::Object(_) => {
            let mut unknown = old.clone();
            unknown["unknownField"] = json!({ "a": 1 });
            cases.push(("with an unknown field".to_owned(), replaced(unknown)));
        }
        Value::Array(items) => {
            let doubled = items.iter().chain(items).cloned().collect();
            cases.push(("doubled".to_owned(), replaced(Value::Array(doubled))));
        }
        _ => {}
    }
    cases
}

fn removed(object: &Value, pointer: &str) -> Value {
    let mut object = object.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            if let Ok(index) = key.parse::<usize>() {
                items.remove(index);
            }
        }
        _ => {}
    }
    object
}

/// Adds the fields of one object to another, level by level.
fn merge(target: &mut Value, source: &Value) {
    match (target, source) {
        (Value::Object(target), Value::Object(source)) => {
            for (key, value) in source {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, source) => *target = source.clone(),
    }
}
