//! Field paths of replacements: `spec.containers.[name=web].image`, `spec.ports.0.port`, `spec.*.name`.

use sluice_goregex::Regex;
use sluice_yaml::{Kind, Mapping, Node, Sequence, Value};

use crate::error::Error;
use crate::nodes;

fn wrong_kind(expected: &'static str, node: &Node) -> Error {
    Error::NodeKind { expected, found: nodes::kind_name(node.kind()) }
}

/// `[name=value]`, without the brackets and apart.
fn split_condition(part: &str) -> Option<Result<(&str, &str), Error>> {
    let inner = part.strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.split_once('=').ok_or_else(|| {
        Error::Usage("list path element must contain fieldName=fieldValue for element to match".to_owned())
    }))
}

fn elements(node: &Node) -> Result<&[Node], Error> {
    match &node.value {
        Value::Sequence(items) => Ok(items),
        _ if node.is_null() => Ok(&[]),
        _ => Err(wrong_kind("SequenceNode", node)),
    }
}

fn field<'n>(node: &'n Node, name: &str) -> Result<Option<&'n Node>, Error> {
    match &node.value {
        Value::Mapping(mapping) => Ok(mapping.get(name)),
        _ if node.is_null() => Ok(None),
        _ => Err(wrong_kind("MappingNode", node)),
    }
}

/// The one node at a path.
pub(crate) fn lookup<'n>(root: &'n Node, path: &[String]) -> Result<Option<&'n Node>, Error> {
    let mut node = root;
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let next = if let Ok(index) = part.parse::<i64>() {
            let Ok(index) = usize::try_from(index) else {
                return Err(Error::Usage(format!("array index {index} cannot be negative")));
            };
            elements(node)?.get(index)
        } else if part == "-" {
            elements(node)?.last()
        } else if part == "*" {
            return Err(Error::Usage("wildcard is not supported in PathGetter".to_owned()));
        } else if let Some(condition) = split_condition(part) {
            let (name, value) = condition?;
            elements(node)?.iter().find(|item| {
                let item = if name.is_empty() { Some(*item) } else { item.get(name) };
                item.and_then(Node::as_str) == Some(value)
            })
        } else {
            field(node, part)?
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

/// The one node at a path of [`lookup`], for changing.
pub(super) fn lookup_mut<'n>(root: &'n mut Node, path: &[String]) -> Option<&'n mut Node> {
    let mut node = root;
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        node = if let Ok(index) = part.parse::<usize>() {
            node.as_sequence_mut()?.items_mut().get_mut(index)?
        } else if part == "-" {
            node.as_sequence_mut()?.items_mut().last_mut()?
        } else if let Some(Ok((name, value))) = split_condition(part) {
            node.as_sequence_mut()?.items_mut().iter_mut().find(|item| {
                let item = if name.is_empty() { Some(&**item) } else { item.get(name) };
                item.and_then(Node::as_str) == Some(value)
            })?
        } else {
            node.get_mut(part)?
        };
    }
    Some(node)
}

/// Why [`visit`] stops.
pub(super) enum Failure {
    /// The path doesn't fit the tree.
    Path(Box<Error>),
    /// The visitor refuses a field.
    Write(Box<Error>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Path(Box::new(error))
    }
}

/// What is called for each field found, and whether it was just made.
pub(super) type Visitor<'v> = &'v mut dyn FnMut(&mut Node, bool) -> Result<(), Failure>;

/// Visits all nodes at a path, in which list elements may be chosen by expression, and counts them. With `create`,
/// what is missing is made: the last part of that kind.
pub(super) fn visit(
    node: &mut Node,
    path: &[String],
    create: Option<Kind>,
    visitor: Visitor<'_>,
) -> Result<usize, Failure> {
    walk(node, path, create, false, visitor)
}

fn walk(
    node: &mut Node,
    path: &[String],
    create: Option<Kind>,
    created: bool,
    visitor: Visitor<'_>,
) -> Result<usize, Failure> {
    let Some((part, rest)) = path.split_first() else {
        visitor(node, created)?;
        return Ok(1);
    };
    if let Ok(index) = part.parse::<usize>() {
        return at_index(node, index, rest, create, visitor);
    }
    if let Some(condition) = split_condition(part) {
        let (name, pattern) = condition?;
        return matching(node, (name, pattern), rest, create, visitor);
    }
    if part == "*" {
        elements(node)?;
        let Some(items) = node.as_sequence_mut() else { return Ok(0) };
        let mut count = 0;
        for item in items.items_mut() {
            count += walk(item, rest, create, false, visitor)?;
        }
        return Ok(count);
    }
    in_field(node, part, rest, create, visitor)
}

/// The kind of what has to be made for the rest of a path.
fn kind_for(rest: &[String], create: Kind) -> Kind {
    match rest.first() {
        None => create,
        Some(part) if part.parse::<usize>().is_ok() || split_condition(part).is_some() => Kind::Sequence,
        Some(_) => Kind::Mapping,
    }
}

fn make(kind: Kind) -> Node {
    match kind {
        Kind::Scalar => Node::plain(""),
        Kind::Sequence => Sequence::default().into(),
        Kind::Mapping => Mapping::new().into(),
    }
}

fn at_index(
    node: &mut Node,
    index: usize,
    rest: &[String],
    create: Option<Kind>,
    visitor: Visitor<'_>,
) -> Result<usize, Failure> {
    let have = elements(node)?.len();
    let missing =
        || Failure::from(Error::Usage(format!("index {index} specified but only {have} elements found")));
    let Some(items) = node.as_sequence_mut() else { return Err(missing()) };
    let mut created = false;
    if let (true, Some(kind)) = (have == index, create) {
        items.items_mut().push(make(kind_for(rest, kind)));
        created = true;
    }
    match items.items_mut().get_mut(index) {
        Some(item) => walk(item, rest, create, created, visitor),
        None => Err(missing()),
    }
}

fn matching(
    node: &mut Node,
    (name, pattern): (&str, &str),
    rest: &[String],
    create: Option<Kind>,
    visitor: Visitor<'_>,
) -> Result<usize, Failure> {
    elements(node)?;
    let regex = Regex::uncached(pattern.as_bytes()).map_err(Error::Regex)?;
    let Some(items) = node.as_sequence_mut() else { return Ok(0) };
    let mut count = 0;
    for item in items.items_mut() {
        let text = if name.is_empty() { item.as_str() } else { item.get(name).and_then(Node::as_str) };
        if text.is_some_and(|text| regex.is_match(text.trim().as_bytes())) {
            count += walk(item, rest, create, false, visitor)?;
        }
    }
    if count > 0 || create.is_none() {
        return Ok(count);
    }
    let mut item = if name.is_empty() {
        Node::plain(pattern)
    } else {
        let mut mapping = Mapping::new();
        nodes::set_field(&mut mapping, name, Node::plain(pattern));
        mapping.into()
    };
    let count = walk(&mut item, rest, create, false, visitor)?;
    items.items_mut().push(item);
    Ok(count)
}

fn in_field(
    node: &mut Node,
    name: &str,
    rest: &[String],
    create: Option<Kind>,
    visitor: Visitor<'_>,
) -> Result<usize, Failure> {
    let mut created = false;
    if field(node, name)?.is_none() {
        let Some(kind) = create else { return Ok(0) };
        if node.is_null() {
            *node = Node::mapping();
        }
        if let Some(mapping) = node.as_mapping_mut() {
            nodes::set_field(mapping, name, make(kind_for(rest, kind)));
            created = true;
        }
    }
    let Some(found) = node.get_mut(name) else { return Ok(0) };
    if !rest.is_empty() && !created && found.kind() == Kind::Scalar {
        // A document within the text: only looked at. Writing into it is tried before.
        let text = found.as_str().unwrap_or_default();
        let mut document = sluice_yaml::parse_first(text).map_err(Error::from)?.unwrap_or_default();
        return walk(&mut document, rest, create, false, visitor);
    }
    walk(found, rest, create, created, visitor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::split_field_path;

    fn tree() -> Node {
        sluice_yaml::parse_first("a: [{name: x, v: 1}, {name: y, v: 2}]\nb: {c: d}").unwrap().unwrap()
    }

    fn written(path: &str, create: Option<Kind>) -> Result<(usize, String), String> {
        let mut tree = tree();
        let count = visit(&mut tree, &split_field_path(path), create, &mut |field, _| {
            *field = Node::plain("W");
            Ok(())
        });
        let json = tree.to_json(sluice_yaml::Version::V3).unwrap().to_string();
        count.map(|count| (count, json)).map_err(|failure| match failure {
            Failure::Path(error) | Failure::Write(error) => error.to_string(),
        })
    }

    #[test]
    fn looks_up_one() {
        let found = |path: &str| {
            let tree = tree();
            lookup(&tree, &split_field_path(path)).unwrap().and_then(Node::as_str).map(str::to_owned)
        };
        assert_eq!(found("a.[name=y].v").as_deref(), Some("2"));
        assert_eq!(found("a.0.v").as_deref(), Some("1"));
        assert_eq!(found("a.-.v").as_deref(), Some("2"));
        assert_eq!(found("b.c").as_deref(), Some("d"));
        assert_eq!(found("b.x.y"), None);
        assert!(lookup(&tree(), &split_field_path("a.name")).is_err());
    }

    #[test]
    fn visits_all_that_match() {
        assert_eq!(written("a.*.v", None).unwrap().0, 2);
        assert_eq!(written("a.[name=.].v", None).unwrap().0, 2);
        assert_eq!(written("a.[name=x].v", None).unwrap().1.matches('W').count(), 1);
        assert_eq!(written("b.x", None).unwrap().0, 0);
        assert!(written("a.5.v", None).is_err());
    }

    #[test]
    fn makes_what_is_missing() {
        let create = Some(Kind::Scalar);
        assert!(written("b.x.y", create).unwrap().1.contains(r#""x":{"y":"W"}"#));
        assert!(written("a.[name=z].v", create).unwrap().1.contains(r#"{"name":"z","v":"W"}"#));
        assert!(written("a.2.v", create).unwrap().1.contains(r#"{"v":"W"}"#));
    }
}
