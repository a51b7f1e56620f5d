//! Vectors recorded from Go.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sluice_archive::ignore::{Matcher, Pattern};
use sluice_archive::{Algorithm, Digest};

use crate::{Entry, archive, data, gunzip};

#[test]
fn tar_bytes_are_those_of_go() {
    let cases: Vec<Value> = serde_json::from_str(&data("tar.json")).unwrap();
    assert!(cases.len() > 20);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let contents: Vec<(Vec<u8>, &Value, Vec<u8>)> = case["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| {
                let path = match e["path_b64"].as_str() {
                    Some(encoded) => STANDARD.decode(encoded).unwrap(),
                    None => e["path"].as_str().unwrap().as_bytes().to_vec(),
                };
                let content = match e["fill"].as_u64() {
                    Some(n) => vec![b'z'; n as usize],
                    None => e["text"].as_str().unwrap_or_default().as_bytes().to_vec(),
                };
                (path, e, content)
            })
            .collect();
        let entries: Vec<Entry<'_>> = contents
            .iter()
            .map(|(path, e, content)| Entry {
                path,
                executable: e["exec"] == true,
                content: (e["dir"] != true).then_some(content.as_slice()),
            })
            .collect();
        let (bytes, _) = archive(&entries, Algorithm::Sha256);
        let tar = gunzip(&bytes);
        assert_eq!(Some(tar.len() as u64), case["tar_size"].as_u64(), "{name}");
        let digest = Digest::of(Algorithm::Sha256, tar.as_slice()).unwrap();
        assert_eq!(Some(digest.hex().as_str()), case["tar_sha256"].as_str(), "{name}");
    }
}

#[test]
fn the_gzip_header_names_no_system_and_no_time() {
    let (bytes, _) = archive(&[], Algorithm::Sha256);
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

#[test]
fn ignore_patterns_match_as_in_go_git() {
    let mut excluded = 0;
    for line in data("ignore.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let domain = strings(&case["domain"]);
        let patterns = strings(&case["lines"]).iter().map(|l| Pattern::parse(l, &domain)).collect();
        let is_dir = case["dir"] == true;
        let wanted = case["excluded"] == true;
        assert_eq!(Matcher::new(patterns).excludes(&strings(&case["path"]), is_dir), wanted, "{line}");
        excluded += usize::from(wanted);
    }
    assert!(excluded > 500, "{excluded} cases exclude");
}

#[test]
fn wildcards_match_as_in_go() {
    let mut matching = 0;
    for line in data("glob.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (pattern, name) = (case["pattern"].as_str().unwrap(), case["name"].as_str().unwrap());
        // Only a whole pattern without meaning of its own to the layer above is a plain wildcard.
        if pattern.starts_with('!') || pattern.ends_with(' ') || name.is_empty() {
            continue;
        }
        let matcher = Matcher::new(vec![Pattern::parse(pattern, &[])]);
        let wanted = case["match"] == true;
        assert_eq!(matcher.excludes(&[name], true), wanted, "{line}");
        matching += usize::from(wanted);
    }
    assert!(matching > 80, "{matching} cases match");
}
