//! From the tree to JSON values and back.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Number, Value as Json};

use crate::emit::reread_folded;
use crate::error::Error;
use crate::go_text;
use crate::merge::{is_merge, merged};
use crate::node::{Entry, Mapping, Node, ScalarStyle, Value};
use crate::position::Position;
use crate::resolve::{Resolved, Version, tag};

/// How to turn a tree into JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonOptions {
    /// Whose rules for scalars, keys and duplicates.
    pub version: Version,
    /// Whether a key that stands twice in a mapping is an error for [`Version::V2`] too. ([`Version::V3`] never
    /// takes it.)
    pub strict: bool,
    /// Whether the tree is written and read by go-yaml v3 on the way, styles kept, which changes some folded texts.
    pub rewritten: bool,
}

impl Node {
    /// The tree as a JSON value, as Go's library of that version decodes it: merge keys taken in, scalars resolved,
    /// whole floats (`1.0`) as whole numbers. For [`Version::V2`] the last of duplicate keys wins.
    pub fn to_json(&self, version: Version) -> Result<Json, Error> {
        self.to_json_with(JsonOptions { version, strict: false, rewritten: false })
    }

    /// The tree as kustomize's library makes JSON of it: it writes the tree as YAML, styles kept, and decodes that.
    pub fn to_json_rewritten(&self) -> Result<Json, Error> {
        self.to_json_with(JsonOptions { version: Version::V3, strict: false, rewritten: true })
    }

    /// As [`Node::to_json`], with options.
    pub fn to_json_with(&self, options: JsonOptions) -> Result<Json, Error> {
        convert(self, options, true, false)
    }

    /// Whether [`Node::to_json`] would succeed, merge keys being taken in already.
    pub fn check_json(&self, version: Version) -> Result<(), Error> {
        match &self.value {
            Value::Scalar(_) => match resolve(self, version)? {
                Some(Resolved::Float(value)) => float(value, self.position).map(drop),
                _ => Ok(()),
            },
            Value::Sequence(items) => items.iter().try_for_each(|item| item.check_json(version)),
            Value::Mapping(mapping) => mapping.iter().try_for_each(|entry| {
                key(entry, version, false)?;
                entry.value.check_json(version)
            }),
        }
    }

    /// The tree of a JSON value: texts become strings whatever they look like.
    pub fn from_json(value: &Json) -> Self {
        match value {
            Json::Null => Self::null(),
            Json::Bool(value) => Self::bool(*value),
            Json::Number(number) => Self::plain(&number_text(number)),
            Json::String(text) => Self::string(text),
            Json::Array(items) => Self {
                value: Value::Sequence(items.iter().map(Self::from_json).collect()),
                ..Self::default()
            },
            Json::Object(map) => {
                let mapping: Mapping =
                    map.iter().map(|(key, value)| Entry::new(key, Self::from_json(value))).collect();
                mapping.into()
            }
        }
    }
}

/// A JSON number as Go's YAML encoder writes it after reading it from JSON text.
pub(crate) fn number_text(number: &Number) -> String {
    if let Some(value) = number.as_i64() {
        return value.to_string();
    }
    if let Some(value) = number.as_u64() {
        return value.to_string();
    }
    match number.as_f64() {
        // JSON text has such a number without fraction, so that it is read back as a whole one.
        Some(value) if value.fract() == 0.0 && value.abs() < 18_446_744_073_709_551_616.0 => {
            let text = format!("{}", value + 0.0);
            if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
                if text == "-0" { "0".to_owned() } else { text }
            } else {
                crate::number::format_float(value)
            }
        }
        Some(value) => crate::number::format_float(value),
        None => number.to_string(),
    }
}

/// A JSON number as Go writes a float: a whole one below 1e21 without fraction or exponent, its shortest digits
/// filled up with zeros.
fn float(value: f64, position: Position) -> Result<Json, Error> {
    if value.fract() == 0.0 && value.abs() < 1e21 && !(value == 0.0 && value.is_sign_negative()) {
        let text = format!("{value}");
        let number =
            text.parse::<i64>().map(Number::from).ok().or_else(|| text.parse::<u64>().map(Number::from).ok());
        if let Some(number) = number {
            return Ok(Json::Number(number));
        }
    }
    Number::from_f64(value).map(Json::Number).ok_or(Error::Unsupported {
        value: if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        },
        position,
    })
}

pub(crate) fn resolve(node: &Node, version: Version) -> Result<Option<Resolved<'_>>, Error> {
    let Some(scalar) = node.as_scalar() else { return Ok(None) };
    version.resolve(scalar, node.tag.as_deref()).map(Some).map_err(|mismatch| Error::Decode {
        kind: mismatch.kind,
        text: scalar.text.chars().take(60).collect(),
        wanted: mismatch.wanted,
        position: node.position,
    })
}

/// `flow`: the node is part of a flow collection.
fn convert(node: &Node, options: JsonOptions, root: bool, flow: bool) -> Result<Json, Error> {
    match &node.value {
        Value::Scalar(_) => match resolve(node, options.version)? {
            Some(Resolved::String(text)) if options.rewritten && is_folded(node) => {
                Ok(Json::String(reread_folded(&text).into_owned()))
            }
            // Nothing can't be written inside of brackets: it becomes quotes.
            Some(Resolved::Null) if options.rewritten && flow && is_empty(node) => {
                Ok(Json::String(String::new()))
            }
            Some(resolved) => scalar(resolved, options.version, node.position),
            None => Ok(Json::Null),
        },
        Value::Sequence(sequence) => sequence
            .iter()
            .map(|item| convert(item, options, false, flow || sequence.flow))
            .collect::<Result<_, _>>()
            .map(Json::Array),
        Value::Mapping(mapping) => object(mapping, options, root, flow || mapping.flow).map(Json::Object),
    }
}

fn is_empty(node: &Node) -> bool {
    node.tag.is_none() && node.as_str() == Some("")
}

fn is_folded(node: &Node) -> bool {
    node.as_scalar().is_some_and(|scalar| scalar.style == ScalarStyle::Folded)
}

fn scalar(resolved: Resolved<'_>, version: Version, position: Position) -> Result<Json, Error> {
    Ok(match resolved {
        Resolved::Null => Json::Null,
        Resolved::Bool(value) => Json::Bool(value),
        Resolved::Int(value) => Json::from(value),
        Resolved::Uint(value) => Json::from(value),
        Resolved::Float(value) => float(value, position)?,
        Resolved::String(text) => Json::String(text.into_owned()),
        Resolved::Timestamp { text, .. } if version == Version::V2 => Json::String(text.to_owned()),
        Resolved::Timestamp { rfc3339, .. } => Json::String(rfc3339),
        Resolved::Binary(bytes) => Json::String(String::from_utf8_lossy(&bytes).into_owned()),
        Resolved::Merge => Json::String("<<".to_owned()),
    })
}

fn object(
    mapping: &Mapping,
    options: JsonOptions,
    root: bool,
    flow: bool,
) -> Result<Map<String, Json>, Error> {
    let mapping: Cow<'_, Mapping> = if mapping.iter().any(|entry| is_merge(&entry.key)) {
        Cow::Owned(merged(mapping, options.version, options.strict)?)
    } else {
        Cow::Borrowed(mapping)
    };
    let mut object = Map::new();
    let reject_duplicates = options.strict || options.version == Version::V3;
    let mut seen: HashMap<String, Position> = HashMap::new();
    for entry in mapping.iter() {
        let key = key(entry, options.version, root)?.into_owned();
        if reject_duplicates && let Some(first) = seen.insert(key.clone(), entry.key.position) {
            return Err(Error::DuplicateKey { key, position: entry.key.position, first });
        }
        object.insert(key, convert(&entry.value, options, false, flow)?);
    }
    Ok(object)
}

fn key(entry: &Entry, version: Version, root: bool) -> Result<Cow<'_, str>, Error> {
    let node = &entry.key;
    let invalid = |key: String| Error::InvalidKey {
        key,
        go: go_text::invalid_key(node, &entry.value),
        position: node.position,
    };
    let Some(resolved) = resolve(node, version)? else {
        return Err(invalid(format!("a {}", node.kind().name())));
    };
    let text = node.as_str().unwrap_or_default();
    match (resolved, version) {
        (Resolved::String(text), _) => Ok(text),
        (Resolved::Binary(bytes), _) => Ok(String::from_utf8_lossy(&bytes).into_owned().into()),
        (Resolved::Merge, _) => Ok(text.into()),
        (Resolved::Timestamp { text, .. }, Version::V2) => Ok(text.into()),
        (Resolved::Bool(value), Version::V2) => Ok(value.to_string().into()),
        (Resolved::Int(value), Version::V2) => Ok(value.to_string().into()),
        // sigs.k8s.io/yaml writes such keys with the precision of 32 bits.
        (Resolved::Float(value), Version::V2) => Ok(crate::number::format_float32(value).into()),
        // The top of a manifest is decoded into a map with text keys, which takes any scalar as it is written.
        (resolved, Version::V3) if root && resolved.tag() != tag::NULL => Ok(text.into()),
        (Resolved::Null, _) => Err(invalid("null".to_owned())),
        _ => Err(invalid(text.to_owned())),
    }
}
