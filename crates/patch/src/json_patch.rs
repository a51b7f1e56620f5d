//! JSON patch: RFC 6902, with the liberties of the library that kustomize uses.
//!
//! Beyond the RFC: `replace` of a missing key sets it, an array index may be negative (`-1` is the last item; to
//! `add`, the place behind it), a missing key reads as null to `test`, `copy` and `move`.

use serde_json::Value as Json;
use sluice_yaml::{Node, Version};

use crate::error::Error;

/// One operation.
#[derive(Clone, Debug, PartialEq)]
struct Operation {
    op: String,
    path: Option<String>,
    from: Option<String>,
    value: Option<Json>,
}

/// A list of operations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonPatch {
    operations: Vec<Operation>,
}

impl JsonPatch {
    /// Reads a patch written as JSON or as YAML 1.1 (of which only the first document counts).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let node = sluice_yaml::parse_first(text)?.unwrap_or_else(Node::null);
        Self::from_json(&node.to_json(Version::V2)?)
    }

    /// Reads a patch: a list of objects, or null for none.
    pub fn from_json(value: &Json) -> Result<Self, Error> {
        let items: &[Json] = match value {
            Json::Null => &[],
            Json::Array(items) => items,
            _ => return Err(Error::Patch("it must be a list of operations".to_owned())),
        };
        let operations =
            items.iter().enumerate().map(|(index, item)| operation(index, item)).collect::<Result<_, _>>()?;
        Ok(Self { operations })
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Applies the operations in order. After an error the document is in no useful state.
    pub fn apply(&self, document: &mut Json) -> Result<(), Error> {
        self.operations.iter().try_for_each(|operation| apply(document, operation))
    }

    /// Applies the operations to a tree. The result has neither comments nor styles, and its numbers have the
    /// precision of 64-bit floats, as kustomize's have.
    pub fn apply_to_node(&self, node: &mut Node) -> Result<(), Error> {
        let mut json = node.to_json_rewritten()?;
        self.apply(&mut json)?;
        if !json.is_object() {
            return Err(Error::Patch("it replaces the object by something else".to_owned()));
        }
        as_floats(&mut json);
        *node = Node::from_json(&json);
        Ok(())
    }
}

/// Gives whole numbers the precision of floats.
fn as_floats(value: &mut Json) {
    const EXACT: u64 = 1 << 53;
    match value {
        Json::Number(number) => {
            let exact = number.as_i64().is_some_and(|value| value.unsigned_abs() <= EXACT);
            if !exact && let Some(float) = number.as_f64().and_then(serde_json::Number::from_f64) {
                *number = float;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(as_floats),
        Json::Object(map) => map.values_mut().for_each(as_floats),
        _ => {}
    }
}

fn operation(index: usize, item: &Json) -> Result<Operation, Error> {
    let fault = |what: &str| Error::Patch(format!("operation {} {what}", index + 1));
    let map = item.as_object().ok_or_else(|| fault("is not an object"))?;
    let text = |key: &str| match map.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(fault(&format!("has a {key} that is not a string"))),
    };
    let op = text("op")?.unwrap_or_else(|| "unknown".to_owned());
    Ok(Operation { op, path: text("path")?, from: text("from")?, value: map.get("value").cloned() })
}

fn apply(document: &mut Json, operation: &Operation) -> Result<(), Error> {
    let value = || operation.value.clone().unwrap_or(Json::Null);
    match operation.op.as_str() {
        "add" => {
            let path = required("add", "path", operation.path.as_ref())?;
            let (parent, key) = find(document, path).ok_or_else(|| missing("add", "path", path))?;
            add(parent, &key, value()).map_err(|cause| failed("add", path, cause))
        }
        "remove" => {
            let path = required("remove", "path", operation.path.as_ref())?;
            let (parent, key) = find(document, path).ok_or_else(|| missing("remove", "path", path))?;
            remove(parent, &key).map(drop).map_err(|cause| failed("remove", path, cause))
        }
        "replace" => replace(document, required("replace", "path", operation.path.as_ref())?, value()),
        "move" => {
            let from = required("move", "from", operation.from.as_ref())?;
            let (parent, key) = find(document, from).ok_or_else(|| missing("move", "from path", from))?;
            let moved = remove(parent, &key).map_err(|cause| failed("move", &key, cause))?;
            let path = required("move", "path", operation.path.as_ref())?;
            let (parent, key) =
                find(document, path).ok_or_else(|| missing("move", "destination path", path))?;
            add(parent, &key, moved).map_err(|cause| failed("move", path, cause))
        }
        "copy" => {
            let from = required("copy", "from", operation.from.as_ref())?;
            let (parent, key) = find(document, from).ok_or_else(|| missing("copy", "from path", from))?;
            let copied = get(parent, &key)
                .map_err(|cause| failed("copy", from, cause))?
                .cloned()
                .unwrap_or(Json::Null);
            let path = required("copy", "path", operation.path.as_ref())?;
            let (parent, key) =
                find(document, path).ok_or_else(|| missing("copy", "destination path", path))?;
            add(parent, &key, copied).map_err(|cause| failed("copy", path, cause))
        }
        "test" => test(document, required("test", "path", operation.path.as_ref())?, &value()),
        other => Err(Error::Operation(other.to_owned())),
    }
}

fn required<'p>(
    operation: &'static str,
    field: &'static str,
    value: Option<&'p String>,
) -> Result<&'p str, Error> {
    value.map(String::as_str).ok_or(Error::Incomplete { operation, field })
}

fn missing(operation: &'static str, what: &'static str, path: &str) -> Error {
    let quoted = matches!(operation, "add" | "remove");
    Error::Missing { operation, what, path: if quoted { format!("\"{path}\"") } else { path.to_owned() } }
}

fn failed(operation: &'static str, path: &str, cause: String) -> Error {
    Error::Apply { operation, path: path.to_owned(), cause }
}

fn replace(document: &mut Json, path: &str, value: Json) -> Result<(), Error> {
    if path.is_empty() {
        if !(value.is_object() || value.is_array()) {
            return Err(failed(
                "replace",
                path,
                "replace operation value must be object or array".to_owned(),
            ));
        }
        *document = value;
        return Ok(());
    }
    let (parent, key) = find(document, path).ok_or_else(|| missing("replace", "path", path))?;
    match parent {
        Json::Object(map) => {
            map.insert(key, value);
        }
        Json::Array(items) => {
            let index = index(&key, items.len()).map_err(|_| missing("replace", "key", path))?;
            match items.get_mut(index) {
                Some(item) => *item = value,
                None => return Err(missing("replace", "key", path)),
            }
        }
        _ => return Err(missing("replace", "path", path)),
    }
    Ok(())
}

fn test(document: &mut Json, path: &str, value: &Json) -> Result<(), Error> {
    let failed_test = || Error::Test { path: path.to_owned() };
    if path.is_empty() {
        return if document == value { Ok(()) } else { Err(failed_test()) };
    }
    let (parent, key) = find(document, path).ok_or_else(|| missing("test", "path", path))?;
    let found = get(parent, &key).map_err(|cause| failed("test", path, cause))?;
    if found.unwrap_or(&Json::Null) == value { Ok(()) } else { Err(failed_test()) }
}

/// The container that a JSON pointer's last part is in, and that part.
fn find<'d>(document: &'d mut Json, path: &str) -> Option<(&'d mut Json, String)> {
    let mut parts = path.split('/');
    parts.next()?;
    let mut parts: Vec<String> = parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let key = parts.pop()?;
    let mut parent = document;
    for part in parts {
        parent = match parent {
            Json::Object(map) => map.get_mut(&part)?,
            Json::Array(items) => {
                let index = index(&part, items.len()).ok()?;
                items.get_mut(index)?
            }
            _ => return None,
        };
    }
    matches!(parent, Json::Object(_) | Json::Array(_)).then_some((parent, key))
}

/// The place that an index names among `length`; negative ones count from the end. It may be behind the end.
fn index(key: &str, length: usize) -> Result<usize, String> {
    let number: i64 = key.parse().map_err(|_| format!("value was not a proper array index: '{key}'"))?;
    let invalid = || format!("Unable to access invalid index: {number}: invalid index referenced");
    if number >= 0 {
        return usize::try_from(number).map_err(|_| invalid());
    }
    let back = usize::try_from(number.unsigned_abs()).map_err(|_| invalid())?;
    length.checked_sub(back).ok_or_else(invalid)
}

fn within(key: &str, length: usize) -> Result<usize, String> {
    let place = index(key, length)?;
    if place < length {
        Ok(place)
    } else {
        Err(format!("Unable to access invalid index: {key}: invalid index referenced"))
    }
}

fn get<'d>(parent: &'d Json, key: &str) -> Result<Option<&'d Json>, String> {
    match parent {
        Json::Object(map) => Ok(map.get(key)),
        Json::Array(items) => Ok(items.get(within(key, items.len())?)),
        _ => Ok(None),
    }
}

fn add(parent: &mut Json, key: &str, value: Json) -> Result<(), String> {
    match parent {
        Json::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        Json::Array(items) if key == "-" => items.push(value),
        Json::Array(items) => {
            let place = within(key, items.len() + 1)?;
            items.insert(place, value);
        }
        _ => {}
    }
    Ok(())
}

fn remove(parent: &mut Json, key: &str) -> Result<Json, String> {
    match parent {
        Json::Object(map) => {
            map.remove(key).ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value"))
        }
        Json::Array(items) => {
            let place = within(key, items.len())?;
            Ok(items.remove(place))
        }
        _ => Ok(Json::Null),
    }
}
