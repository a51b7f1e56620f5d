//! From an OpenAPI v2 document to the text that [`super::Schema`] reads.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::error::Error;

/// How deep inline types and references to aliases may nest.
const DEPTH: usize = 64;

/// How many kinds a definition may have before it is taken for one that every group shares (`DeleteOptions`).
const SHARED: usize = 8;

/// Compiles the definitions and scopes of an OpenAPI v2 document.
pub fn compile(document: &Json) -> Result<String, Error> {
    let empty = serde_json::Map::new();
    let definitions = document.get("definitions").and_then(Json::as_object).unwrap_or(&empty);
    let mut compiler = Compiler { definitions, numbers: HashMap::new(), types: Vec::new() };
    for (name, definition) in definitions {
        if is_object(definition) {
            compiler.numbers.insert(name, compiler.types.len());
            compiler.types.push((name.clone(), String::new()));
        }
    }
    for (name, definition) in definitions {
        if let Some(number) = compiler.numbers.get(name.as_str()).copied() {
            let fields = compiler.fields(definition, 0)?;
            if let Some(entry) = compiler.types.get_mut(number) {
                entry.1 = fields;
            }
        }
    }
    let scopes = scopes(document);
    let mut kinds = BTreeMap::new();
    for (name, definition) in definitions {
        let Some(number) = compiler.numbers.get(name.as_str()) else { continue };
        let all: Vec<String> = kinds_of(definition.get(KIND)).collect();
        if all.len() > SHARED {
            continue;
        }
        for kind in all {
            let scope = scopes.get(&kind).copied().unwrap_or('-');
            kinds.insert(kind, format!("{scope} {number}"));
        }
    }
    let version = document.pointer("/info/version").and_then(Json::as_str).unwrap_or("unversioned");
    let mut text = format!("# Kubernetes {version}, compiled from its OpenAPI document: do not edit.\n");
    for (kind, line) in kinds {
        let _ = writeln!(text, "kind {kind}\t{line}");
    }
    for (name, fields) in compiler.types {
        let _ = writeln!(text, "{name}\t{fields}");
    }
    Ok(text)
}

const KIND: &str = "x-kubernetes-group-version-kind";

/// `group/version kind` of each entry, which may be a list or a single object.
fn kinds_of(value: Option<&Json>) -> impl Iterator<Item = String> {
    let items: &[Json] = match value {
        Some(Json::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items.iter().filter_map(|item| {
        let text = |key: &str| item.get(key).and_then(Json::as_str);
        Some(format!("{}/{} {}", text("group").unwrap_or_default(), text("version")?, text("kind")?))
    })
}

/// `N` or `C` by kind: a kind that can be read under a namespace is namespaced.
fn scopes(document: &Json) -> HashMap<String, char> {
    let mut scopes = HashMap::new();
    let paths = document.get("paths").and_then(Json::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for kind in kinds_of(item.get("get").and_then(|get| get.get(KIND))) {
            if path.contains("namespaces/{namespace}") {
                scopes.insert(kind, 'N');
            } else {
                scopes.entry(kind).or_insert('C');
            }
        }
    }
    scopes
}

fn is_object(schema: &Json) -> bool {
    schema.get("properties").and_then(Json::as_object).is_some_and(|properties| !properties.is_empty())
}

struct Compiler<'d> {
    definitions: &'d serde_json::Map<String, Json>,
    numbers: HashMap<&'d str, usize>,
    types: Vec<(String, String)>,
}

impl<'d> Compiler<'d> {
    fn fields(&mut self, schema: &'d Json, depth: usize) -> Result<String, Error> {
        let mut words = Vec::new();
        for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            if name.contains([' ', ':', '\t', '\n']) {
                return Err(Error::Schema(format!("the field name {name:?} has a blank or a colon")));
            }
            words.push(format!("{name}:{}{}", self.shape(property, depth + 1)?, attributes(property)));
        }
        // Further fields of any name.
        if let Some(further) = further(schema) {
            let shape = self.shape(further, depth + 1)?;
            words.push(format!(":{shape}"));
        } else if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Json::Bool(true)) {
            words.push(":o".to_owned());
        }
        Ok(words.join(" "))
    }

    fn shape(&mut self, schema: &'d Json, depth: usize) -> Result<String, Error> {
        if depth > DEPTH {
            return Err(Error::Schema(format!("types nest deeper than {DEPTH} levels")));
        }
        if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return self.named(name, depth);
        }
        if is_object(schema) {
            let number = self.types.len();
            self.types.push((format!("inline-{number}"), String::new()));
            let fields = self.fields(schema, depth)?;
            if let Some(entry) = self.types.get_mut(number) {
                entry.1 = fields;
            }
            return Ok(format!("@{number}"));
        }
        if schema.get("x-kubernetes-int-or-string") == Some(&Json::Bool(true)) {
            return Ok("x".to_owned());
        }
        let format = schema.get("format").and_then(Json::as_str);
        Ok(match (schema.get("type").and_then(Json::as_str), format) {
            (Some("array"), _) => match schema.get("items") {
                Some(items) => format!("[{}", self.shape(items, depth + 1)?),
                None => "[o".to_owned(),
            },
            (Some("string"), Some("int-or-string")) => "x".to_owned(),
            (Some("string"), Some("date-time")) => "d".to_owned(),
            (Some("string"), Some("byte")) => "y".to_owned(),
            (Some("string"), _) => "s".to_owned(),
            (Some("integer"), _) => "i".to_owned(),
            (Some("number"), _) => "n".to_owned(),
            (Some("boolean"), _) => "b".to_owned(),
            _ => match further(schema) {
                Some(values) => format!("{{{}", self.shape(values, depth + 1)?),
                None => "o".to_owned(),
            },
        })
    }

    fn named(&mut self, name: &str, depth: usize) -> Result<String, Error> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(format!("@{number}"));
        }
        if name == "io.k8s.apimachinery.pkg.api.resource.Quantity" {
            return Ok("q".to_owned());
        }
        match self.definitions.get(name) {
            Some(definition) => self.shape(definition, depth + 1),
            None => Ok(format!(">{name}")),
        }
    }
}

/// The schema of fields beyond the named ones, if they have one.
fn further(schema: &Json) -> Option<&Json> {
    schema.get("additionalProperties").filter(|further| further.is_object())
}

/// Strategy, keys and list type of a field, as its shape's marks.
pub(super) fn attributes(property: &Json) -> String {
    let text = |key: &str| property.get(key).and_then(Json::as_str);
    let mut words = String::new();
    if let Some(strategy) = text("x-kubernetes-patch-strategy") {
        words.push('!');
        words.push_str(match strategy {
            "merge" => "m",
            "replace" => "r",
            "retainKeys" => "k",
            "merge,retainKeys" => "mk",
            other => other,
        });
    }
    if let Some(key) = text("x-kubernetes-patch-merge-key") {
        words.push('=');
        words.push_str(key);
    }
    let keys: Vec<&str> = property
        .get("x-kubernetes-list-map-keys")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    if !keys.is_empty() {
        words.push('~');
        words.push_str(&keys.join("+"));
    }
    match text("x-kubernetes-list-type") {
        Some("atomic") => words.push_str("^a"),
        Some("set") => words.push_str("^s"),
        Some("map") => words.push_str("^m"),
        _ => {}
    }
    words
}
