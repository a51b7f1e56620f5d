//! Replaces `$(NAME)` by fields of resources.

use std::collections::{BTreeMap, BTreeSet};

use sluice_yaml::{Node, Resolved, Value, Version};

use crate::accumulator::Accumulator;
use crate::error::Error;
use crate::nodes::{self, split_field_path};
use crate::resource::Resource;
use crate::shared::Changes;
use crate::transform::replacement::lookup;

/// What a variable stands for.
enum Replacement {
    /// A scalar, whose type is kept where the variable is all there is.
    Scalar { node: Node, text: String },
    /// A list or mapping: nothing is replaced by it.
    Collection,
}

/// Replaces the variables in all fields that may have them. Returns the names of those that nothing uses.
pub(crate) fn resolve_vars(accumulated: &mut Accumulator) -> Result<Vec<String>, Error> {
    let mut values = BTreeMap::new();
    for var in accumulated.vars.values() {
        let resource = accumulated.map.iter().find(|resource| resource.memory.vars.contains(&var.name));
        let described = || format!("var '{{{} {} {{{}}}}}'", var.name, var.object.gvk, var.field_path);
        let resource = resource.ok_or_else(|| {
            Error::Usage(format!("{} cannot be mapped to a field in the set of known resources", described()))
        })?;
        let value = field(resource, &var.field_path).ok_or_else(|| {
            Error::Usage(format!("field specified in {} not found in corresponding resource", described()))
        })?;
        values.insert(var.name.clone(), value);
    }
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let mut replacer = Replacer { values: &values, used: BTreeSet::new(), changes: Changes::default() };
    let config = std::rc::Rc::clone(&accumulated.config);
    for resource in accumulated.map.resources_mut() {
        for spec in &config.var_reference {
            resource.apply(spec, None, &mut |node| replacer.set(node))?;
            std::mem::take(&mut replacer.changes).apply(&mut resource.node);
        }
    }
    let used = replacer.used;
    Ok(values.into_keys().filter(|name| !used.contains(name)).collect())
}

fn field(resource: &Resource, path: &str) -> Option<Replacement> {
    let path: Vec<String> = split_field_path(path).iter().flat_map(|part| split_index(part)).collect();
    let node = lookup(&resource.node, &path).ok()??;
    if node.as_scalar().is_none() {
        return Some(Replacement::Collection);
    }
    let text = node.as_str().unwrap_or_default();
    Some(match node.resolve(Version::V3)? {
        Resolved::Int(value) => Replacement::Scalar { node: Node::int(value), text: value.to_string() },
        Resolved::Bool(value) => Replacement::Scalar { node: Node::bool(value), text: value.to_string() },
        Resolved::Float(value) => Replacement::Scalar { node: node.clone(), text: value.to_string() },
        _ => Replacement::Scalar { node: Node::string(text), text: text.to_owned() },
    })
}

/// `ports[0]` is the field `ports`, and its element 0.
fn split_index(part: &str) -> Vec<String> {
    let index = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    match index {
        Some((name, index)) if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
            [name, index].into_iter().filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
        _ => vec![part.to_owned()],
    }
}

struct Replacer<'a> {
    values: &'a BTreeMap<String, Replacement>,
    used: BTreeSet<String>,
    changes: Changes,
}

impl Replacer<'_> {
    fn set(&mut self, node: &mut Node) -> Result<(), Error> {
        if node.is_null() {
            return Ok(());
        }
        match &mut node.value {
            Value::Scalar(_) => self.set_scalar(node),
            Value::Mapping(mapping) => {
                for entry in mapping.entries_mut() {
                    if !nodes::is_string(&entry.key) {
                        let key = entry.name().unwrap_or_default();
                        return Err(Error::Usage(format!("invalid map key: value='{key}'")));
                    }
                    self.set_scalar(&mut entry.value);
                }
            }
            Value::Sequence(items) => {
                for item in items.items_mut() {
                    if !nodes::is_string(item) {
                        return Err(Error::Usage("invalid value type expect a string".to_owned()));
                    }
                    self.set_scalar(item);
                }
            }
        }
        Ok(())
    }

    fn set_scalar(&mut self, node: &mut Node) {
        if nodes::is_string(node)
            && let Some(text) = node.as_str().filter(|text| text.contains('$'))
        {
            let replaced = self.replace(text);
            *node = Node { anchor: node.anchor.take(), ..replaced };
            self.changes.note(node);
        }
    }

    /// `$(NAME)` by its value, `$$` by `$`.
    fn replace(&mut self, text: &str) -> Node {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            let after = from.get(1..).unwrap_or_default();
            out.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                out.push('$');
                rest = tail;
            } else if let Some((name, tail)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')'))
            {
                match self.values.get(name) {
                    Some(Replacement::Scalar { node, text: value }) => {
                        self.used.insert(name.to_owned());
                        if text.len() == name.len() + 3 {
                            return node.clone();
                        }
                        out.push_str(value);
                    }
                    Some(Replacement::Collection) | None => out.extend(["$(", name, ")"]),
                }
                rest = tail;
            } else {
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
        Node::string(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_in_text_and_as_a_whole() {
        let values = BTreeMap::from([
            ("PORT".to_owned(), Replacement::Scalar { node: Node::int(80), text: "80".into() }),
            ("MAP".to_owned(), Replacement::Collection),
        ]);
        let mut replacer = Replacer { values: &values, used: BTreeSet::new(), changes: Changes::default() };
        let mut shown = |text| {
            let node = replacer.replace(text);
            (nodes::is_string(&node), node.as_str().unwrap().to_owned())
        };
        assert_eq!(shown("$(PORT)"), (false, "80".into()));
        assert_eq!(shown("p$(PORT)$(PORT)"), (true, "p8080".into()));
        assert_eq!(shown("$$(PORT) $(NONE) $(MAP) $x $("), (true, "$(PORT) $(NONE) $(MAP) $x $(".into()));
    }

    #[test]
    fn indices() {
        assert_eq!(split_index("ports[0]"), ["ports", "0"]);
        assert_eq!(split_index("[1]"), ["1"]);
        assert_eq!(split_index("[name=a]"), ["[name=a]"]);
        assert_eq!(split_index("a"), ["a"]);
    }
}
