//! Field specs: which fields of which kinds a transformer changes.

use serde_json::Value;
use sluice_yaml::{Kind, Node, Sequence, Value as NodeValue};

use crate::error::Error;
use crate::ids::Gvk;
use crate::kustomization::decode::{At, Decode, DecodeError, Fields};
use crate::nodes::split_path;

/// A field of the resources of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSpec {
    /// Which resources; empty parts match anything.
    pub gvk: Gvk,
    /// Field names joined by slashes; lists are entered without being named, or named with `[]`.
    pub path: String,
    /// Whether to make the field where it is missing.
    pub create: bool,
}

impl Fields for FieldSpec {
    const TYPE: &'static str = "FieldSpec";
    const FIELDS: &'static [&'static str] = &["group", "version", "kind", "path", "create"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "path" => self.path = Decode::decode(value, at)?,
            "create" => self.create = Decode::decode(value, at)?,
            other => crate::kustomization::set_gvk(&mut self.gvk, other, value, at)?,
        }
        Ok(())
    }
    fn embedded(field: &str) -> &'static str {
        if matches!(field, "group" | "version" | "kind") { "Gvk" } else { "" }
    }
}

/// Adds a spec unless the list has the same field for it already. Two specs that differ in `create` only conflict.
pub(crate) fn merge_one(specs: &mut Vec<FieldSpec>, incoming: FieldSpec) -> Result<(), Error> {
    let same = |have: &FieldSpec| have.gvk.is_selected_by(&incoming.gvk) && have.path == incoming.path;
    match specs.iter().find(|have| same(have)) {
        Some(have) if have.create != incoming.create => {
            Err(Error::ConflictingFieldSpecs { path: incoming.path })
        }
        Some(_) => Ok(()),
        None => {
            specs.push(incoming);
            Ok(())
        }
    }
}

/// [`merge_one`] for each.
pub(crate) fn merge_all(specs: &mut Vec<FieldSpec>, incoming: &[FieldSpec]) -> Result<(), Error> {
    incoming.iter().try_for_each(|spec| merge_one(specs, spec.clone()))
}

/// What is called for each field found.
pub(crate) type Setter<'s> = &'s mut dyn FnMut(&mut Node) -> Result<(), Error>;

/// Calls `set` for each field of the tree that the spec names. `create` is the kind of field to make where the
/// spec asks for it. The spec's kind must match already.
pub(crate) fn visit(
    root: &mut Node,
    spec: &FieldSpec,
    create: Option<Kind>,
    set: Setter<'_>,
) -> Result<(), Error> {
    let path = split_path(&spec.path, '/');
    enter(root, &path, create.filter(|_| spec.create), set)
}

fn enter(node: &mut Node, path: &[String], create: Option<Kind>, set: Setter<'_>) -> Result<(), Error> {
    let Some((first, rest)) = path.split_first() else { return set(node) };
    if node.is_null() {
        return Ok(());
    }
    // Looking before changing keeps trees shared where there is nothing to change.
    if create.is_none() && !reaches(node, path) {
        return Ok(());
    }
    match &mut node.value {
        NodeValue::Sequence(items) => items
            .items_mut()
            .iter_mut()
            .try_for_each(|item| enter(item, path, create, set))
            .map_err(|source| source.within(format!("visit traversal on path: [{}]", path.join(" ")))),
        NodeValue::Scalar(_) => Err(Error::NotTraversable),
        NodeValue::Mapping(mapping) => {
            let (name, is_sequence) =
                first.strip_suffix("[]").map_or((first.as_str(), false), |name| (name, true));
            if name.is_empty() {
                return Err(Error::EmptyFieldName);
            }
            let wanted = if is_sequence {
                Some(Kind::Sequence)
            } else {
                create.map(|kind| if rest.is_empty() { kind } else { Kind::Mapping })
            };
            if !mapping.contains_key(name) {
                let Some(kind) = wanted.filter(|_| create.is_some() && !is_sequence) else { return Ok(()) };
                crate::nodes::set_field(mapping, name, empty(kind));
            }
            let Some(field) = mapping.get_mut(name) else { return Ok(()) };
            match wanted {
                Some(Kind::Scalar) | None => {}
                Some(kind) if field.is_null() => *field = empty(kind),
                Some(_) => {}
            }
            enter(field, rest, create, set)
        }
    }
}

fn empty(kind: Kind) -> Node {
    match kind {
        Kind::Scalar => Node::plain(""),
        Kind::Sequence => Sequence::default().into(),
        Kind::Mapping => Node::mapping(),
    }
}

/// Whether something is at the path, or in the way of it.
fn reaches(node: &Node, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    match &node.value {
        NodeValue::Sequence(items) => items.iter().any(|item| reaches(item, path)),
        NodeValue::Scalar(_) => !node.is_null(),
        NodeValue::Mapping(mapping) => {
            let name = first.strip_suffix("[]").unwrap_or(first);
            name.is_empty()
                || mapping
                    .get(name)
                    .is_some_and(|field| reaches(field, rest) || (first != name && field.is_null()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(yaml: &str, path: &str, create: bool) -> Result<String, Error> {
        let mut node = sluice_yaml::parse_first(yaml).unwrap().unwrap();
        let spec = FieldSpec { path: path.into(), create, ..FieldSpec::default() };
        visit(&mut node, &spec, Some(Kind::Scalar), &mut |field| {
            field.set_text("X");
            Ok(())
        })?;
        Ok(node.to_json(sluice_yaml::Version::V3).unwrap().to_string())
    }

    #[test]
    fn enters_lists_with_and_without_brackets() {
        for path in ["a/b", "a[]/b"] {
            let seen = visited("a: [{b: 1}, {c: 2}]", path, false).unwrap();
            assert_eq!(seen, r#"{"a":[{"b":"X"},{"c":2}]}"#, "{path}");
        }
    }

    #[test]
    fn creates_only_when_asked() {
        assert_eq!(visited("a: {}", "a/b/c", false).unwrap(), r#"{"a":{}}"#);
        assert_eq!(visited("a: {}", "a/b/c", true).unwrap(), r#"{"a":{"b":{"c":"X"}}}"#);
        assert_eq!(visited("a:", "a/b", true).unwrap(), r#"{"a":{"b":"X"}}"#);
    }

    #[test]
    fn a_scalar_in_the_way_is_an_error() {
        assert!(visited("a: text", "a/b", false).is_err());
        assert_eq!(visited("a: null", "a/b", false).unwrap(), r#"{"a":null}"#);
    }
}
