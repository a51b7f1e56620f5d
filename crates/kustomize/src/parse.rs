//! From the text of a manifest to resources.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_yaml::{Kind, Node, Value, Version};

use crate::error::Error;
use crate::nodes;
use crate::resource::Resource;

/// The objects of a file, lists taken apart. `file` is its name in errors.
pub(crate) fn resources(bytes: &[u8], file: &str) -> Result<Vec<Resource>, Error> {
    let malformed = |source| Error::MalformedYaml { file: file.to_owned(), source: Box::new(source) };
    let text = sluice_yaml::decode(bytes).map_err(malformed)?.replace("\r\n", "\n");
    let documents = split(&text)?;
    let single = documents.len() == 1;
    let mut nodes = VecDeque::new();
    for document in &documents {
        let parsed = sluice_yaml::parse_first(document.text);
        let parsed = parsed.map_err(|error| malformed(shift(error, document.line - 1)))?;
        let Some(mut node) = parsed.filter(|node| !node.is_null()) else { continue };
        node.expand_merges(Version::V3).map_err(|error| malformed(shift(error, document.line - 1)))?;
        let line = document.line + node.position.line.max(1) - 1;
        if single && let Some(items) = wrapped(&node) {
            let start = line - node.position.line;
            nodes.extend(items.into_iter().map(|item| {
                let line = start + item.position.line;
                (item, line)
            }));
        } else {
            nodes.push_back((node, line));
        }
    }
    expand(nodes, file)
}

/// The objects among trees, lists taken apart; with each tree the line where it stands.
pub(crate) fn expand(mut nodes: VecDeque<(Node, u32)>, file: &str) -> Result<Vec<Resource>, Error> {
    nodes.retain(|(node, _)| !nodes::is_empty(node));
    nodes.iter().try_for_each(|(node, line)| check(node, *line))?;
    let file: Arc<str> = file.into();
    let mut resources = Vec::with_capacity(nodes.len());
    while let Some((node, line)) = nodes.pop_front() {
        match list_items(&node)? {
            None => {
                let mut resource = Resource { source: Some(Arc::clone(&file)), ..Resource::new(node) };
                resource.adopt_notes();
                resources.push(resource);
            }
            Some(items) => {
                for item in items.into_iter().filter(|item| !nodes::is_empty(item)) {
                    check(&item, line)?;
                    nodes.push_back((item, line));
                }
            }
        }
    }
    Ok(resources)
}

struct Piece<'t> {
    text: &'t str,
    line: u32,
}

/// Splits at lines that start with `---`. Only white space and comments may follow on such a line.
fn split(text: &str) -> Result<Vec<Piece<'_>>, Error> {
    let mut pieces = Vec::new();
    let (mut start, mut line) = (0, 1);
    let (mut search, mut searched_line) = (0, 1);
    while let Some(found) = text.get(search..).and_then(|rest| rest.find("\n---")).map(|at| at + search) {
        searched_line += newlines(text.get(search..found).unwrap_or_default());
        let after = found + 4;
        let Some(end) = text.get(after..).and_then(|rest| rest.find('\n')).map(|at| at + after) else {
            break;
        };
        let trailing = text.get(after..end).unwrap_or_default().trim();
        if !trailing.is_empty() && !trailing.starts_with('#') {
            let separator = text.get(found..end).unwrap_or_default().trim().to_owned();
            return Err(Error::DocumentSeparator { separator, line: searched_line + 1 });
        }
        // The line break before the separator belongs to the document, as its last one.
        pieces.push(Piece { text: text.get(start..=found).unwrap_or_default(), line });
        start = end + 1;
        search = start;
        searched_line += 2;
        line = searched_line;
    }
    let rest = text.get(start..).unwrap_or_default();
    if !text.is_empty() {
        pieces.push(Piece { text: rest, line });
    }
    Ok(pieces)
}

fn newlines(text: &str) -> u32 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u32
}

/// Moves an error from the line within its document to the line within the file.
fn shift(mut error: sluice_yaml::Error, lines: u32) -> sluice_yaml::Error {
    use sluice_yaml::Error as E;
    match &mut error {
        E::Syntax { position, .. }
        | E::Encoding { position, .. }
        | E::Limit { position, .. }
        | E::InvalidKey { position, .. }
        | E::Decode { position, .. }
        | E::Merge { position }
        | E::Unsupported { position, .. } => position.line += lines,
        E::DuplicateKey { position, first, .. } => {
            position.line += lines;
            first.line += lines;
        }
    }
    error
}

/// The items of a file that is one `List`: they are taken as they are. (Of a mapping its keys and values are, none of
/// which is an object.)
fn wrapped(node: &Node) -> Option<Vec<Node>> {
    let kind = node.get("kind").map(nodes::text)?;
    if kind != "List" && kind != "ResourceList" {
        return None;
    }
    match node.get("items").map(|items| &items.value) {
        Some(Value::Sequence(items)) => Some(items.to_vec()),
        Some(Value::Mapping(mapping)) => {
            Some(mapping.iter().flat_map(|entry| [entry.key.clone(), entry.value.clone()]).collect())
        }
        Some(Value::Scalar(_)) => Some(Vec::new()),
        None => node.get("functionConfig").map(|_| Vec::new()),
    }
}

/// The items of an object whose kind ends in `List`: they are copied through JSON.
fn list_items(node: &Node) -> Result<Option<Vec<Node>>, Error> {
    let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
    if !kind.ends_with("List") || node.get("items").is_none() {
        return Ok(None);
    }
    let json = node
        .to_json(Version::V3)
        .map_err(|source| Error::Yaml(source).within(format!("trouble expanding list of {kind}")))?;
    match json.get("items") {
        Some(serde_json::Value::Array(items)) => {
            let mut copies: Vec<Node> = items.iter().map(Node::from_json).collect();
            // A list within a list opens up like a file of its own.
            let flat = copies.iter().flat_map(|item| match wrapped(item) {
                Some(inner) => inner,
                None => vec![item.clone()],
            });
            copies = flat.collect();
            Ok(Some(copies))
        }
        None | Some(serde_json::Value::Null) => Ok(Some(Vec::new())),
        Some(_) => {
            let found = node.get("items").map_or("nothing", |items| match items.kind() {
                Kind::Scalar => "a scalar",
                Kind::Sequence => "a list",
                Kind::Mapping => "a mapping",
            });
            Err(Error::ListItems { kind: kind.to_owned(), found })
        }
    }
}

/// An object needs a kind and, unless it is a list, a name.
pub(crate) fn check(node: &Node, line: u32) -> Result<(), Error> {
    let field = |name| node.get(name).map(nodes::text).unwrap_or_default();
    let kind = field("kind");
    let has = |name| node.get(name).is_some_and(|node| !nodes::is_empty(node));
    let metadata = node.get("metadata").filter(|node| !nodes::is_empty(node));
    let known = metadata.is_some_and(|metadata| {
        ["name", "namespace", "labels", "annotations"]
            .iter()
            .any(|name| metadata.get(name).is_some_and(|node| !nodes::is_empty(node)))
    });
    if !has("apiVersion") && !has("kind") && !known {
        return Err(Error::NotAnObject { missing: "missing Resource metadata".to_owned(), line });
    }
    let name = metadata.and_then(|metadata| metadata.get("name")).map(nodes::text).unwrap_or_default();
    if kind.is_empty() {
        let missing = format!("missing kind in object {}", go_meta(node));
        return Err(Error::NotAnObject { missing, line });
    }
    if name.is_empty() && !kind.ends_with("List") {
        let missing = format!("missing metadata.name in object {}", go_meta(node));
        return Err(Error::NotAnObject { missing, line });
    }
    Ok(())
}

/// The metadata of an object as Go prints kustomize's struct for it.
fn go_meta(node: &Node) -> String {
    let field = |path: &[&str]| node.at(path).map(nodes::text).unwrap_or_default();
    let map = |name| {
        let entries = nodes::string_map(node.at(&["metadata", name]));
        entries.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(" ")
    };
    format!(
        "{{{{{} {}}} {{{{{} {}}} map[{}] map[{}]}}}}",
        field(&["apiVersion"]),
        field(&["kind"]),
        field(&["metadata", "name"]),
        field(&["metadata", "namespace"]),
        map("labels"),
        map("annotations"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let resources = resources(text.as_bytes(), "f.yaml").unwrap();
        resources.iter().map(|resource| resource.name().to_owned()).collect()
    }

    const OBJECT: &str = "{kind: A, metadata: {name: NAME}}\n";

    #[test]
    fn splits_documents_and_skips_empty_ones() {
        let text =
            format!("# head\n---\n{}--- # note\n---\n\n---\r\n{}", OBJECT, OBJECT.replace("NAME", "b"));
        assert_eq!(names(&text), ["NAME", "b"]);
        assert_eq!(names(""), [""; 0]);
        assert_eq!(names("# nothing\n"), [""; 0]);
    }

    #[test]
    fn opens_lists() {
        assert_eq!(names("{kind: List, items: [{kind: A, metadata: {name: a}}]}"), ["a"]);
        let mixed =
            "{kind: AList, items: [{kind: A, metadata: {name: a}}]}\n---\n{kind: A, metadata: {name: b}}\n";
        assert_eq!(names(mixed), ["b", "a"]);
        assert_eq!(names("{kind: AList, metadata: {name: l}}"), ["l"]);
        assert_eq!(names("{kind: List, items: null}"), [""; 0]);
        let error = resources(b"{kind: List, items: {a: b}}", "f.yaml").unwrap_err();
        assert!(error.to_string().starts_with("missing Resource metadata"), "{error}");
    }

    #[test]
    fn errors_name_the_line_in_the_file() {
        let error = resources(b"{kind: A, metadata: {name: a}}\n---\n{kind: A}\n", "f.yaml").unwrap_err();
        assert_eq!(error.to_string(), "missing metadata.name in object {{ A} {{ } map[] map[]}}");
        assert!(error.detail().unwrap_or_default().contains("line 3"), "{:?}", error.detail());
        let error = resources(b"a: b\n---\na: b\n--- x\nb: c\n", "f.yaml").unwrap_err();
        assert_eq!(error.to_string(), "invalid document separator: --- x (line 4)");
        let error = resources(b"{kind: A, metadata: {name: a}}\n---\na: b\n\tc: d\n", "f.yaml").unwrap_err();
        assert!(
            error.is_malformed_yaml() && error.to_string().contains("MalformedYAMLError: yaml: line 2: ")
        );
        assert!(error.detail().unwrap_or_default().contains("line 4"), "{:?}", error.detail());
    }
}
