//! The hash that ends the names of generated ConfigMaps and Secrets.

use std::fmt::Write;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sluice_yaml::{Kind, Node};

use crate::error::Error;
use crate::resource::Resource;

/// The ten characters for a resource's present content.
pub(crate) fn name_hash(resource: &Resource) -> Result<String, Error> {
    let kind = resource.kind();
    let content = match kind {
        "ConfigMap" => content(resource, kind, "binaryData")?,
        "Secret" => {
            let mut content = content(resource, kind, "stringData")?;
            content.insert("type".to_owned(), field(&resource.node, "type")?);
            content
        }
        _ => match resource.to_json()? {
            Value::Object(map) => map,
            other => Map::from_iter([("value".to_owned(), other)]),
        },
    };
    Ok(encode(&go_json(&Value::Object(content))))
}

fn content(resource: &Resource, kind: &str, optional: &str) -> Result<Map<String, Value>, Error> {
    let mut content = Map::new();
    content.insert("kind".to_owned(), json!(kind));
    // kustomize looks for a field of the name "metadata/name", and finds none.
    content.insert("name".to_owned(), json!(""));
    content.insert("data".to_owned(), field(&resource.node, "data")?);
    let optional_value = field(&resource.node, optional)?;
    if optional_value.is_object() {
        content.insert(optional.to_owned(), optional_value);
    }
    Ok(content)
}

fn field(node: &Node, name: &str) -> Result<Value, Error> {
    Ok(match node.get(name) {
        None => json!(""),
        Some(node) if node.kind() == Kind::Scalar => json!(node.as_str().unwrap_or_default()),
        Some(node) => node.to_json_rewritten()?,
    })
}

/// JSON as Go's encoding/json writes it: safe within HTML and JavaScript.
fn go_json(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => _ = write!(out, "\\u{:04x}", u32::from(c)),
            other => out.push(other),
        }
    }
    out
}

/// The start of the SHA-256 digest, without characters that make words or look alike.
fn encode(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let digits = digest.iter().take(5).flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .map(|c| match c {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(yaml: &str) -> String {
        name_hash(&Resource::new(sluice_yaml::parse_first(yaml).unwrap().unwrap())).unwrap()
    }

    // The expectations are those of kustomize's own tests of its hasher.
    #[test]
    fn same_as_kustomize() {
        assert_eq!(hash("{apiVersion: v1, kind: ConfigMap}"), "6ct58987ht");
        assert_eq!(hash("{apiVersion: v1, kind: ConfigMap, data: {one: ''}}"), "9g67k2htb6");
        assert_eq!(hash("{kind: ConfigMap, data: {two: 2, one: '', three: 3}}"), "7757f9kkct");
        assert_eq!(hash("{kind: ConfigMap, data: {one: ''}, binaryData: {two: ''}}"), "698h7c7t9m");
        assert_eq!(hash("{apiVersion: v1, kind: Secret, type: my-type}"), "5gmgkf8578");
        assert_eq!(hash("{kind: Secret, type: my-type, data: {two: 2, one: '', three: 3}}"), "4gf75c7476");
    }
}
