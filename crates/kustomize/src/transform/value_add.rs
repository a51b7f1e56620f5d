//! Adds a value to fields or to parts of paths in fields.

use serde_json::Value as Json;
use sluice_yaml::Node;

use super::{Namespace, Subjects, Transformer};
use crate::Dialect;
use crate::error::Error;
use crate::kustomization::decode::{At, Decode, DecodeError, Fields};
use crate::kustomization::{Selector, SelectorRegex};
use crate::loader::Loader;
use crate::nodes::{self, split_path};
use crate::resmap::ResMap;

/// The configuration of a `ValueAddTransformer`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ValueAddArgs {
    value: String,
    targets: Vec<Target>,
    target_file_path: String,
}

#[derive(Clone, Debug, Default)]
struct Target {
    selector: Option<Selector>,
    field_path: String,
    file_path_position: i64,
}

impl Fields for ValueAddArgs {
    const TYPE: &'static str = "ValueAddTransformer";
    const FIELDS: &'static [&'static str] = &["value", "targets", "targetFilePath"];
    fn set(&mut self, field: &str, value: &Json, at: &At) -> Result<(), DecodeError> {
        match field {
            "value" => self.value = Decode::decode(value, at)?,
            "targets" => self.targets = Decode::decode(value, at)?,
            _ => self.target_file_path = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

impl Fields for Target {
    const TYPE: &'static str = "Target";
    const FIELDS: &'static [&'static str] = &["selector", "fieldPath", "filePathPosition"];
    fn set(&mut self, field: &str, value: &Json, at: &At) -> Result<(), DecodeError> {
        match field {
            "selector" => self.selector = Decode::decode(value, at)?,
            "fieldPath" => self.field_path = Decode::decode(value, at)?,
            _ => self.file_path_position = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// Adds a value to fields.
pub(crate) struct ValueAdd {
    value: String,
    targets: Vec<(Option<SelectorRegex>, Target)>,
    dialect: Dialect,
}

impl ValueAdd {
    pub(crate) fn new(mut args: ValueAddArgs, loader: &Loader<'_>) -> Result<Self, Error> {
        let mut value = args.value.trim().to_owned();
        if value.is_empty() {
            value = loader.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
        }
        if !args.target_file_path.is_empty() {
            let content = loader.load(&args.target_file_path)?;
            let text = sluice_yaml::decode(&content)?;
            let json =
                sluice_yaml::parse_first(&text)?.unwrap_or_default().to_json(sluice_yaml::Version::V2)?;
            let file = ValueAddArgs::decode(&json, &At::top(false, loader.context.options.dialect))?;
            args.targets.extend(file.targets);
        }
        if args.targets.is_empty() {
            return Err(Error::Usage("must specify at least one target".to_owned()));
        }
        let mut targets = Vec::new();
        for target in args.targets {
            if target.field_path.is_empty() {
                return Err(Error::Usage("fieldPath cannot be empty".to_owned()));
            }
            if target.file_path_position < 0 {
                let position = target.file_path_position;
                return Err(Error::Usage(format!(
                    "value of FilePathPosition ({position}) cannot be negative"
                )));
            }
            targets.push((target.selector.as_ref().map(SelectorRegex::new).transpose()?, target));
        }
        Ok(Self { value, targets, dialect: loader.context.options.dialect })
    }

    fn set(&self, node: &mut Node, target: &Target) -> Result<(), Error> {
        let field = create(node, &split_path(&target.field_path, '/'))?;
        let new = match usize::try_from(target.file_path_position) {
            Ok(position @ 1..) => insert_part(field.as_str().unwrap_or_default(), position - 1, &self.value),
            _ => self.value.clone(),
        };
        field.set_text(&new);
        Ok(())
    }
}

/// The scalar at a path, made if it is missing.
fn create<'n>(node: &'n mut Node, path: &[String]) -> Result<&'n mut Node, Error> {
    let Some((name, rest)) = path.split_first() else {
        let found = nodes::kind_name(node.kind());
        return if node.as_str().is_some() {
            Ok(node)
        } else {
            Err(Error::NodeKind { expected: "ScalarNode", found })
        };
    };
    let found = nodes::kind_name(node.kind());
    let next = if let Ok(index) = name.parse::<usize>() {
        node.as_sequence_mut().and_then(|items| items.items_mut().get_mut(index))
    } else if let Some((key, value)) =
        name.strip_prefix('[').and_then(|n| n.strip_suffix(']')?.split_once('='))
    {
        node.as_sequence_mut().and_then(|items| {
            items.items_mut().iter_mut().find(|i| i.get(key).and_then(Node::as_str) == Some(value))
        })
    } else {
        node.as_mapping_mut().and_then(|mapping| {
            if !mapping.contains_key(name) {
                let made = if rest.is_empty() { Node::plain("") } else { Node::mapping() };
                nodes::set_field(mapping, name, made);
            }
            mapping.get_mut(name)
        })
    };
    create(next.ok_or(Error::NodeKind { expected: "MappingNode", found })?, rest)
}

/// Puts a part into a file path, before the part at a position. A leading slash stays in front.
fn insert_part(path: &str, position: usize, part: &str) -> String {
    let mut parts: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    let mut position = position.min(parts.len());
    if parts.first() == Some(&"") && position < parts.len() {
        position += 1;
    }
    parts.insert(position, part);
    parts.join("/")
}

impl Transformer for ValueAdd {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        for (selector, target) in &self.targets {
            for resource in map.resources_mut() {
                if selector.as_ref().is_some_and(|selector| !selector.matches(resource)) {
                    continue;
                }
                if target.field_path == "metadata/namespace" {
                    let namespace = Namespace {
                        name: self.value.clone(),
                        specs: Vec::new(),
                        unset_only: false,
                        subjects: Subjects::Default,
                        dialect: self.dialect,
                    };
                    namespace.set(resource)?;
                } else {
                    self.set(&mut resource.node, target)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_paths() {
        assert_eq!(insert_part("/a/b", 0, "x"), "/x/a/b");
        assert_eq!(insert_part("/a/b", 1, "x"), "/a/x/b");
        assert_eq!(insert_part("a/b", 0, "x"), "x/a/b");
        assert_eq!(insert_part("a/b", 9, "x"), "a/b/x");
    }
}
