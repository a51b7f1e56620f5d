//! What the Go controller makes of a file, compared as data: it writes the whole file anew, we only the values.

use std::path::PathBuf;

use serde_json::Value as Json;
use sluice_image::Image;
use sluice_image::setters::{Images, edit};
use sluice_yaml::Version;

fn vectors() -> Option<Json> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/vectors/setters.json");
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// The documents as data, without those that say nothing.
fn documents(text: &str) -> Option<Vec<Json>> {
    let documents = sluice_yaml::parse(text).ok()?;
    let data = documents.iter().map(|document| document.root.to_json(Version::V3));
    let data: Result<Vec<Json>, _> = data.collect();
    Some(data.ok()?.into_iter().filter(|value| !value.is_null()).collect())
}

#[test]
fn the_same_values_change() {
    let Some(vectors) = vectors() else {
        println!("skipped: the vectors are not beside this clone");
        return;
    };
    let image = |tag: &str, digest: &str| Image {
        name: "ghcr.io/x/y".into(),
        tag: tag.into(),
        digest: digest.into(),
    };
    let digest = format!("sha256:{}", "a".repeat(64));
    let mut compared = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap().replace("\\r\\n", "\r\n");
        let (name, input, output) = (text("name"), text("input"), text("output"));
        let mut images: Images = [("ns:p".to_owned(), image("1.10", ""))].into();
        if output.contains(&digest) {
            images.insert("ns:d".to_owned(), image("2.0.0", &digest));
        }
        let ours = edit(&input, &images).unwrap();
        let upstream = match name.as_str() {
            // Upstream reports lists as changed and does not write them; we do.
            "List" | "resourcelist" => input.replace("x:1", "ghcr.io/x/y:1.10"),
            // Upstream drops annotations that are its own elsewhere.
            "anno" => input.replace("x:1", "ghcr.io/x/y:1.10"),
            // Upstream leaves a file alone that it can't read; we read it line by line.
            "tab indent" => input.replace("x:1", "ghcr.io/x/y:1.10"),
            // Upstream turns a template into something else.
            "bad" => input.replace("x:1", "ghcr.io/x/y:1.10"),
            _ => output,
        };
        if name == "tab indent" || name == "bad" {
            assert_eq!(ours.text, upstream, "{name}");
        } else {
            assert_eq!(documents(&ours.text), documents(&upstream), "{name}:\n{}", ours.text);
        }
        assert_eq!(ours.text.lines().count(), input.lines().count(), "{name}");
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}
