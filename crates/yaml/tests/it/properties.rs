//! What holds for every input.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use sluice_yaml::{Node, Version, parse, parse_bytes, parse_first, to_yaml};

/// Texts that look like YAML.
fn yaml_like() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        "b",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "-",
        " ",
        "  ",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "|",
        ">",
        "|-\n",
        "#",
        " #",
        "&x",
        "*x",
        "!",
        "!!str ",
        "? ",
        "---",
        "\n---\n",
        "...",
        "1",
        "yes",
        "\t",
        "%",
        "@",
        "\\",
        "~",
        "<<: ",
        "é",
        "\u{feff}",
        "\r\n",
        "\u{2028}",
        "%YAML 1.1\n",
        "0x",
        "2020-01-01",
        "1e9",
        "!<x>",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

fn json_value() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        "[ -~]{0,20}",
        "[a-z0-9:#'\"\\-\\n\\t {}\\[\\],&*!|>%@`~é\u{2028}😀]{0,120}",
        prop::sample::select(vec![
            "yes",
            "null",
            "",
            "~",
            "1",
            "1e3",
            "0o7",
            "2020-01-01",
            "1:30",
            "<<",
            "=",
            "- a",
            "a: b"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1_000_000i32..1_000_000).prop_map(|n| json!(f64::from(n) / 64.0)),
        text.clone().prop_map(Json::from),
    ];
    // Go writes a key `<<` bare, and so do we: it does not read back.
    let key = text.prop_filter("merge key", |key| key != "<<");
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Floats without fraction come back as whole numbers.
fn canonical(value: &Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() && number.as_f64().is_some_and(|n| n.fract() == 0.0) => {
            json!(number.as_f64().unwrap() as i64)
        }
        Json::Array(items) => items.iter().map(canonical).collect(),
        Json::Object(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.clone(), canonical(value))).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn parsing_never_panics(text in yaml_like()) {
        if let Ok(documents) = parse(&text) {
            for document in documents {
                for version in [Version::V2, Version::V3] {
                    if let Ok(json) = document.root.to_json(version) {
                        to_yaml(&json);
                    }
                }
                let mut root = document.root;
                let _ = root.expand_merges(Version::V3);
                root.strip();
            }
        }
    }

    #[test]
    fn parsing_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = parse_bytes(&bytes);
    }

    #[test]
    fn positions_lie_in_the_text(text in yaml_like()) {
        fn check(node: &Node, text: &str) {
            let span = node.position.span();
            assert!(node.position.line > 0 && text.get(span.clone()).is_some(), "{:?} in {text:?}", node.position);
            match &node.value {
                sluice_yaml::Value::Scalar(_) => {}
                sluice_yaml::Value::Sequence(items) => items.iter().for_each(|item| check(item, text)),
                sluice_yaml::Value::Mapping(mapping) => mapping.iter().for_each(|entry| {
                    check(&entry.key, text);
                    check(&entry.value, text);
                }),
            }
        }
        for document in parse(&text).unwrap_or_default() {
            check(&document.root, &text);
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same(value in json_value()) {
        let yaml = to_yaml(&value);
        let node = parse_first(&yaml).unwrap_or_else(|error| panic!("{error} in\n{yaml}")).unwrap();
        prop_assert_eq!(node.to_json(Version::V2).unwrap(), canonical(&value), "{}", yaml);
    }

    #[test]
    fn trees_of_json_hold_the_same_json(value in json_value()) {
        let node = Node::from_json(&value);
        for version in [Version::V2, Version::V3] {
            prop_assert_eq!(node.to_json(version).unwrap(), canonical(&value));
        }
    }
}
