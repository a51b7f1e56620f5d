//! What Go's libraries made of the same inputs: see `tests/vectors/README.md`.

use serde_json::Value as Json;
use sluice_yaml::{JsonOptions, Limits, Node, Version, documents, parse_first, to_yaml};

/// Where we differ on purpose, with the reason.
const DIFFERENT: [(&str, &str); 2] = [
    ("[]: v\n", "go-yaml reads an empty list and drops the rest; we say that a list is no key"),
    ("{}: v\n", "go-yaml reads an empty mapping and drops the rest; we say that a mapping is no key"),
];

fn cases(text: &'static str) -> impl Iterator<Item = Json> {
    text.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap())
}

/// Equal up to the last bit of floats, which `serde_json` does not always read exactly.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            (x - y).abs() <= x.abs() * 4e-16
        }
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

fn first(text: &str, strict: bool) -> Result<Json, sluice_yaml::Error> {
    let root = parse_first(text)?.unwrap_or_else(Node::null);
    root.to_json_with(JsonOptions { version: Version::V2, strict, rewritten: false })
}

#[test]
fn writes_what_sigs_yaml_marshals() {
    let mut count = 0;
    for case in cases(include_str!("../vectors/emit.jsonl")) {
        assert_eq!(to_yaml(&case["json"]), case["yaml"].as_str().unwrap(), "{}", case["json"]);
        count += 1;
    }
    assert!(count > 1000, "only {count} cases");
}

#[test]
fn reads_what_sigs_yaml_reads() {
    for case in cases(include_str!("../vectors/parse.jsonl")) {
        let text = case["yaml"].as_str().unwrap();
        if DIFFERENT.iter().any(|(input, _)| *input == text) {
            continue;
        }
        match (first(text, false), case.get("v2")) {
            (Ok(got), Some(want)) => {
                assert!(same(&got, want), "{text:?}: want {want}, got {got}");
                assert_eq!(first(text, true).is_ok(), case.get("strict").is_none(), "strict: {text:?}");
            }
            (Ok(got), None) => panic!("{text:?}: want error {}, got {got}", case["v2_error"]),
            (Err(error), Some(want)) => panic!("{text:?}: want {want}, got error {error}"),
            (Err(_), None) => {}
        }
    }
}

/// Templates pass the texts of errors on, so these are Go's to the letter.
#[test]
fn errors_have_the_text_of_go_yaml() {
    let (mut same, mut all) = (0, 0);
    for case in cases(include_str!("../vectors/parse.jsonl")) {
        let (text, Some(want)) = (case["yaml"].as_str().unwrap(), case["v2_error"].as_str()) else {
            continue;
        };
        let Err(error) = first(text, false) else { continue };
        all += 1;
        if want == error.go_text() {
            same += 1;
        } else {
            println!("{text:?}: {} instead of {want}", error.go_text());
        }
    }
    println!("{same} of {all}");
    // A text with two faults may be refused for the other one: Go's scanner runs ahead of its parser.
    assert!(all > 300 && same * 100 >= all * 98, "{same} of {all}");
}

#[test]
fn reads_the_documents_that_go_yaml_v3_reads() {
    for case in cases(include_str!("../vectors/parse.jsonl")) {
        let text = case["yaml"].as_str().unwrap();
        let mut got = Vec::new();
        let mut error = None;
        for document in documents(text, Limits::default()) {
            match document.and_then(|document| document.root.to_json(Version::V3)) {
                Ok(json) => got.push(json),
                Err(found) => {
                    error = Some(found);
                    break;
                }
            }
        }
        let want = &case["v3"];
        match (&error, case.get("v3_error").is_some()) {
            // Go reads a null key at the root as no entry at all; we say so instead of losing it.
            (Some(sluice_yaml::Error::InvalidKey { key, .. }), false) if key == "null" => {}
            (Some(error), false) => panic!("{text:?}: want {want}, got error {error}"),
            (None, true) => panic!("{text:?}: want an error, got {got:?}"),
            (None, false) => {
                assert!(same(&Json::Array(got.clone()), want), "{text:?}: want {want}, got {got:?}");
            }
            (Some(_), true) => {}
        }
    }
}

/// Go's parser takes the token away that ends an empty key, and stumbles over what follows.
#[test]
fn a_key_of_nothing_in_a_list() {
    for (text, want) in [
        ("[ ? ]", "yaml: line 1: did not find expected ',' or ']'"),
        ("[ ?, a ]", "yaml: did not find expected ',' or ']'"),
        ("[ ? : a ]", "yaml: did not find expected ',' or ']'"),
    ] {
        assert_eq!(first(text, false).unwrap_err().go_text(), want, "{text}");
    }
}
