//! Reading YAML into fields as `sigs.k8s.io/yaml` does: a number or boolean where a text is wanted becomes the text,
//! names of fields match in any case, null leaves a field alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sluice_yaml::{Error as YamlError, Node, Resolved, Value, Version};
use thiserror::Error;

use crate::gotext;

/// Why a YAML text is not what was wanted, in the words of `sigs.k8s.io/yaml`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The text is not YAML, or has no JSON equivalent.
    #[error("error converting YAML to JSON: {0}")]
    Yaml(#[from] YamlError),
    /// Something has another type than its place wants.
    #[error("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go {wanted}")]
    Type {
        /// JSON's name of the type found: `string`, `number`, `bool`, `array`, `object`.
        found: &'static str,
        /// The place and its type: `value of type map[string]interface {}`.
        wanted: String,
    },
}

impl DecodeError {
    /// The words of Go's libraries alone, whose line may be one too low: for templates, and for what others compare.
    pub fn go_text(&self) -> String {
        match self {
            Self::Yaml(error) => format!("error converting YAML to JSON: {}", error.go_text()),
            Self::Type { .. } => self.to_string(),
        }
    }
}

/// The first document of a text, with merge keys taken in; `None` when there is none or it is null.
pub(crate) fn document(bytes: &[u8]) -> Result<Option<Node>, DecodeError> {
    let text = sluice_yaml::decode(bytes)?;
    let Some(mut node) = sluice_yaml::parse_data(&text)? else { return Ok(None) };
    node.expand_merges(Version::V2)?;
    Ok(if is_null(&node) { None } else { Some(node) })
}

fn is_null(node: &Node) -> bool {
    node.as_scalar().is_some() && matches!(node.resolve(Version::V2), Some(Resolved::Null))
}

/// A place in the structure that is being read, as Go's JSON library names it in errors.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The outermost struct: `Metadata`.
    pub(crate) root: &'a str,
    /// The path of fields in it: `maintainers.name`; empty for the struct itself.
    pub(crate) path: &'a str,
}

impl Place<'_> {
    fn fault(self, node: &Node, wanted: &str) -> DecodeError {
        let wanted = if self.path.is_empty() {
            format!("value of type {wanted}")
        } else {
            format!("struct field {}.{} of type {wanted}", self.root, self.path)
        };
        DecodeError::Type { found: json_type(node), wanted }
    }
}

/// JSON's name of the type of a node.
pub(crate) fn json_type(node: &Node) -> &'static str {
    match &node.value {
        Value::Mapping(_) => "object",
        Value::Sequence(_) => "array",
        Value::Scalar(_) => match node.resolve(Version::V2) {
            Some(Resolved::Bool(_)) => "bool",
            Some(Resolved::Int(_) | Resolved::Uint(_) | Resolved::Float(_)) => "number",
            Some(Resolved::Null) => "null",
            _ => "string",
        },
    }
}

/// The text of a scalar; `None` for null.
pub(crate) fn text(node: &Node, place: Place<'_>) -> Result<Option<String>, DecodeError> {
    match node.resolve(Version::V2) {
        Some(Resolved::Null) => Ok(None),
        Some(Resolved::Bool(value)) => Ok(Some(value.to_string())),
        Some(Resolved::Int(value)) => Ok(Some(value.to_string())),
        Some(Resolved::Uint(value)) => Ok(Some(value.to_string())),
        Some(Resolved::Float(value)) => Ok(Some(gotext::float(value))),
        Some(Resolved::String(value)) => Ok(Some(value.into_owned())),
        Some(Resolved::Timestamp { text, .. }) => Ok(Some(text.to_owned())),
        Some(Resolved::Binary(bytes)) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Some(Resolved::Merge) => Ok(Some("<<".to_owned())),
        None => Err(place.fault(node, "string")),
    }
}

/// A boolean; `None` for null.
pub(crate) fn boolean(node: &Node, place: Place<'_>) -> Result<Option<bool>, DecodeError> {
    match node.resolve(Version::V2) {
        Some(Resolved::Null) => Ok(None),
        Some(Resolved::Bool(value)) => Ok(Some(value)),
        _ => Err(place.fault(node, "bool")),
    }
}

/// The fields of an object, sorted by name; `None` for null.
pub(crate) fn fields<'n>(
    node: &'n Node,
    place: Place<'_>,
    wanted: &str,
) -> Result<Option<BTreeMap<Cow<'n, str>, &'n Node>>, DecodeError> {
    if is_null(node) {
        return Ok(None);
    }
    let Some(mapping) = node.as_mapping() else { return Err(place.fault(node, wanted)) };
    let mut fields = BTreeMap::new();
    for entry in mapping {
        let name = match entry.key.resolve(Version::V2) {
            Some(Resolved::String(name)) => name,
            Some(Resolved::Bool(value)) => Cow::Borrowed(if value { "true" } else { "false" }),
            _ => Cow::Borrowed(entry.key.as_str().unwrap_or_default()),
        };
        fields.insert(name, &entry.value);
    }
    Ok(Some(fields))
}

/// The items of a list; `None` for null.
pub(crate) fn items<'n>(
    node: &'n Node,
    place: Place<'_>,
    wanted: &str,
) -> Result<Option<&'n [Node]>, DecodeError> {
    match &node.value {
        Value::Sequence(sequence) => Ok(Some(sequence)),
        _ if is_null(node) => Ok(None),
        _ => Err(place.fault(node, wanted)),
    }
}

/// A list of texts, null among them as empty ones; `None` for null.
pub(crate) fn texts(node: &Node, place: Place<'_>) -> Result<Option<Vec<String>>, DecodeError> {
    let Some(items) = items(node, place, "[]string")? else { return Ok(None) };
    items.iter().map(|item| Ok(text(item, place)?.unwrap_or_default())).collect::<Result<_, _>>().map(Some)
}

/// Names and texts, null as an empty one; `None` for null.
pub(crate) fn text_map(
    node: &Node,
    place: Place<'_>,
) -> Result<Option<BTreeMap<String, String>>, DecodeError> {
    let Some(fields) = fields(node, place, "map[string]string")? else { return Ok(None) };
    fields
        .into_iter()
        .map(|(name, value)| Ok((name.into_owned(), text(value, place)?.unwrap_or_default())))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Whether the whole node has a JSON equivalent: a bad key or number anywhere in a document spoils all of it.
pub(crate) fn check(node: &Node) -> Result<(), DecodeError> {
    node.check_json(Version::V2)?;
    Ok(())
}
