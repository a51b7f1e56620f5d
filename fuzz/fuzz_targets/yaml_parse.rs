//! Reading and writing YAML: nothing panics, and what is written reads back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_yaml::{JsonOptions, Node, Value, Version, decode, parse, parse_first, to_yaml};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = decode(data) else { return };
    let first = parse_first(&text);
    let Ok(documents) = parse(&text) else { return };
    assert_eq!(first.unwrap_or_default(), documents.first().map(|document| document.root.clone()));
    for document in documents {
        positions(&document.root, &text);
        for version in [Version::V2, Version::V3] {
            let strict = document.root.to_json_with(JsonOptions { version, strict: true, rewritten: false });
            let Ok(json) = document.root.to_json(version) else {
                assert!(strict.is_err());
                continue;
            };
            let once = to_yaml(&json);
            // Go writes a key `<<` bare, so that it reads back as a merge.
            if once.contains("<<:") {
                continue;
            }
            let read = parse_first(&once).unwrap_or_else(|error| panic!("{error} in\n{once}")).unwrap_or_default();
            let again = read.to_json(Version::V2).unwrap_or_else(|error| panic!("{error} in\n{once}"));
            assert_eq!(to_yaml(&again), once);
        }
        let mut root = document.root;
        let _ = root.expand_merges(Version::V3);
        root.strip();
    }
});

/// Every node stands in the text.
fn positions(node: &Node, text: &str) {
    assert!(node.position.line > 0 && text.get(node.position.span()).is_some(), "{:?}", node.position);
    match &node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter().for_each(|item| positions(item, text)),
        Value::Mapping(mapping) => mapping.iter().for_each(|entry| {
            positions(&entry.key, text);
            positions(&entry.value, text);
        }),
    }
}
