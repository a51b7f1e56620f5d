//! YAML files merged as Helm merges values: mappings deeply, all else replaced.

use serde_json::{Map, Value};
use sluice_yaml::{Version, parse_bytes, to_yaml};

/// Why files could not be merged.
#[derive(Debug, thiserror::Error)]
pub(super) enum MergeError {
    /// A file is no YAML.
    #[error("cannot unmarshal YAML document: {0}")]
    Yaml(#[from] sluice_yaml::Error),
    /// A document is something else than a mapping.
    #[error("cannot unmarshal YAML document: the document at line {0} is no mapping")]
    NoMapping(u32),
}

/// The text of `below` with `above` merged over it. All documents of each file count, later ones over earlier ones.
pub(super) fn merge(below: &[u8], above: &[u8]) -> Result<String, MergeError> {
    let mut merged = load(below)?;
    merge_into(&mut merged, load(above)?);
    Ok(to_yaml(&Value::Object(merged)))
}

fn load(text: &[u8]) -> Result<Map<String, Value>, MergeError> {
    let mut all = Map::new();
    for document in parse_bytes(text)? {
        match document.root.to_json(Version::V2)? {
            Value::Object(mapping) => merge_into(&mut all, mapping),
            Value::Null => {}
            _ => return Err(MergeError::NoMapping(document.line)),
        }
    }
    Ok(all)
}

fn merge_into(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge_into(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(below: &str, above: &str) -> String {
        merge(below.as_bytes(), above.as_bytes()).unwrap()
    }

    #[test]
    fn mappings_are_merged_and_all_else_is_replaced() {
        let below = "z: 1\na: {x: 1, l: [1, 2]}\nold: {deep: true}\n";
        let above = "a: {l: [3], z: null}\nold: text\n";
        assert_eq!(merged(below, above), "a:\n  l:\n  - 3\n  x: 1\n  z: null\nold: text\nz: 1\n");
    }

    #[test]
    fn all_documents_count() {
        assert_eq!(merged("a: 1\n---\nb: 2\n---\n", "---\na: 3\n---\nc: {}\n"), "a: 3\nb: 2\nc: {}\n");
        assert_eq!(merged("", "a: 1\n"), "a: 1\n");
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        assert!(merge(b"- 1\n", b"a: 1\n").is_err());
        assert!(merge(b"a: 1\n", b"a: [\n").is_err());
    }
}
