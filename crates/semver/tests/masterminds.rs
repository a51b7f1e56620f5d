//! Runs the vectors that were recorded from the Go library.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

use std::cmp::Ordering;
use std::path::Path;

use serde_json::Value;
use sluice_semver::{Constraints, Version};

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn cases(set: &str) -> Vec<Value> {
    let cases: Vec<Value> = read(&format!("{set}.public.jsonl"))
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect();
    assert!(cases.len() > 100, "{set}: only {} cases", cases.len());
    cases
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("{key} of {case}"))
}

#[test]
fn versions_parse_alike() {
    for case in cases("versions") {
        let input = text(&case, "version");
        let strict = Version::parse_strict(input);
        match case["strict_error"].as_str() {
            Some(error) => assert_eq!(strict.unwrap_err().to_string(), error, "strict {input:?}"),
            None => assert!(strict.is_ok(), "strict {input:?}"),
        }
        let parsed = Version::parse(input);
        if let Some(error) = case["error"].as_str() {
            assert_eq!(parsed.unwrap_err().to_string(), error, "{input:?}");
            continue;
        }
        let version = parsed.unwrap_or_else(|e| panic!("{input:?}: {e}"));
        assert_eq!(Some(version.major()), case["major"].as_u64(), "{input:?}");
        assert_eq!(Some(version.minor()), case["minor"].as_u64(), "{input:?}");
        assert_eq!(Some(version.patch()), case["patch"].as_u64(), "{input:?}");
        assert_eq!(version.prerelease(), text(&case, "pre"), "{input:?}");
        assert_eq!(version.metadata(), text(&case, "meta"), "{input:?}");
        assert_eq!(version.original(), text(&case, "original"), "{input:?}");
        assert_eq!(version.to_string(), text(&case, "string"), "{input:?}");
    }
}

#[test]
fn constraints_parse_alike() {
    for case in cases("constraints") {
        let input = text(&case, "constraint");
        match (Constraints::parse(input), case["error"].as_str()) {
            (Ok(c), None) => assert_eq!(c.to_string(), text(&case, "string"), "{input:?}"),
            (Err(e), Some(error)) => assert_eq!(e.to_string(), error, "{input:?}"),
            (Ok(c), Some(error)) => panic!("{input:?} gives {c}, Go says {error}"),
            (Err(e), None) => panic!("{input:?}: {e}"),
        }
    }
}

#[test]
fn checks_agree_and_give_the_same_reasons() {
    for case in cases("check") {
        let input = text(&case, "constraint");
        let constraint = match (Constraints::parse(input), case["error"].as_str()) {
            (Err(e), Some(error)) => {
                assert_eq!(e.to_string(), error, "{input:?}");
                continue;
            }
            (parsed, _) => parsed.unwrap_or_else(|e| panic!("{input:?}: {e}")),
        };
        let version = Version::parse(text(&case, "version")).expect("vectors hold valid versions");
        assert_eq!(Some(constraint.matches(&version)), case["match"].as_bool(), "{case}");
        let reasons: Vec<String> =
            constraint.validate(&version).err().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert_eq!(serde_json::to_value(reasons).unwrap(), case["messages"], "{case}");
        let all = constraint.including_prereleases();
        assert_eq!(Some(all.matches(&version)), case["match_include_prerelease"].as_bool(), "{case}");
    }
}

#[test]
fn every_version_of_the_universe_agrees() {
    let universe: Vec<String> = serde_json::from_str(&read("universe.json")).unwrap();
    for case in cases("matrix") {
        let constraint = Constraints::parse(text(&case, "constraint")).unwrap();
        let matching = |constraint: &Constraints| {
            let matches = |v: &&String| Version::parse(v).is_ok_and(|v| constraint.matches(&v));
            serde_json::to_value(universe.iter().filter(matches).collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(matching(&constraint), case["match"], "{}", case["constraint"]);
        let all = constraint.including_prereleases();
        assert_eq!(matching(&all), case["match_include_prerelease"], "{}", case["constraint"]);
    }
}

#[test]
fn precedence_agrees() {
    for case in cases("order") {
        let (a, b) = (Version::parse(text(&case, "a")).unwrap(), Version::parse(text(&case, "b")).unwrap());
        let wanted = match case["cmp"].as_i64() {
            Some(-1) => Ordering::Less,
            Some(0) => Ordering::Equal,
            _ => Ordering::Greater,
        };
        assert_eq!(a.cmp(&b), wanted, "{case}");
        assert_eq!(b.cmp(&a), wanted.reverse(), "{case}");
    }
}

#[test]
fn tags_need_three_parts() {
    for tag in ["v1.2.3", "1.2.3-rc.1", "01.02.03"] {
        assert!(Version::parse_tag(tag).is_ok(), "{tag}");
    }
    for tag in ["1", "v1.0", "2024", "nightly", "release-1.2.3", "1.2.3.4"] {
        assert!(Version::parse_tag(tag).is_err(), "{tag}");
    }
}
