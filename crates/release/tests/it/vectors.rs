use std::path::PathBuf;

use serde_json::{Map, Value as Json};
use sluice_archive::Algorithm;
use sluice_release::record::Release;
use sluice_release::{digest, names, values};

/// A file of the shared vectors, if they lie beside this clone.
fn vectors(name: &str) -> Option<Json> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/vectors").join(name);
    let text = std::fs::read(path).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn list(json: &Json) -> &[Json] {
    json.as_array().unwrap()
}

#[test]
fn config_digests_are_those_of_go() {
    let Some(vectors) = vectors("config_digest_vectors.json") else { return };
    for vector in list(&vectors) {
        let input = values::inline(Some(&vector["input"])).unwrap();
        let digest = digest::of_values(Algorithm::Sha256, &input).to_string();
        assert_eq!(digest, vector["digest"].as_str().unwrap());
        assert!(digest::values_match(&digest, &input));
    }
}

/// The observations are turned into releases, stored, read back and observed again.
#[test]
fn snapshot_digests_are_those_of_go() {
    let Some(vectors) = vectors("snapshot_digest_vectors.json") else { return };
    for vector in list(&vectors) {
        let text = vector["json"].as_str().unwrap();
        // What is kept as text must come from text: a value would lose the order of fields.
        let metadata = between(text, "\"chartMetadata\":", ",\"config\":");
        let observed: Json = serde_json::from_str(text).unwrap();
        let hooks = &observed["hooks"];
        let chart = format!("{{\"metadata\":{metadata}}}");
        let stored = format!(
            "{{\"name\":{},\"info\":{},\"chart\":{chart},\"config\":{},\"manifest\":{},\"hooks\":{},\"version\":{},\"namespace\":{}}}",
            observed["name"],
            observed["info"],
            observed["config"],
            observed["manifest"],
            hooks,
            observed["version"],
            observed["namespace"],
        );
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, stored);
        let mut release = Release::decode(data.as_bytes()).unwrap();
        release
            .hooks
            .push(sluice_release::record::Hook { events: vec!["test".to_owned()], ..Default::default() });
        let again = Release::decode(&release.encode().unwrap()).unwrap();
        for release in [release, again] {
            let json = release.observation(observed["ociDigest"].as_str());
            assert_eq!(json, text, "{}", vector["name"]);
            let digest = digest::of_bytes(Algorithm::Sha256, json.as_bytes()).to_string();
            assert_eq!(digest, vector["digest"].as_str().unwrap());
        }
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap() + start.len();
    &text[from..from + text[from..].find(end).unwrap()]
}

#[test]
fn names_are_shortened_as_in_go() {
    let Some(vectors) = vectors("misc_vectors.json") else { return };
    for vector in list(&vectors["names"]) {
        assert_eq!(names::shorten(vector["in"].as_str().unwrap()), vector["out"].as_str().unwrap());
    }
    for vector in list(&vectors["digests"]) {
        let digest = digest::of_bytes(Algorithm::Sha256, vector["JSON"].as_str().unwrap().as_bytes());
        assert_eq!(digest.to_string(), vector["Digest"].as_str().unwrap());
    }
    assert_eq!(digest::of_values(Algorithm::Sha256, &Map::new()).hex().len(), 64);
}
