//! Every function that templates may call, against recordings of Helm.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sluice_chart::load::parse_values;
use sluice_chart::{Capabilities, KubeVersion, LoadOptions, ReleaseInfo, RenderOptions, load, templates};

use crate::{corpus, known};

#[test]
fn functions() {
    let Some(directory) = corpus::directory() else { return };
    let fixture = read_files(&fs::read(directory.join("helm/sprig/fixture_chart.json")).unwrap());
    corpus::run("sprig", "cases", |case| {
        let name = case["name"].as_str().unwrap();
        known::judge(&format!("sprig/{name}"), check(&fixture, case))
    });
}

/// Files by path, their content in base 64.
fn read_files(json: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let files: BTreeMap<String, String> = serde_json::from_slice(json).unwrap();
    files.into_iter().map(|(path, content)| (path, STANDARD.decode(content).unwrap())).collect()
}

fn check(fixture: &BTreeMap<String, Vec<u8>>, case: &Value) -> Result<(), String> {
    let mut files = fixture.clone();
    files.insert("templates/t.yaml".to_owned(), case["template"].as_str().unwrap().into());
    for (path, content) in case["files"].as_object().into_iter().flatten() {
        files.insert(path.clone(), content.as_str().unwrap().into());
    }
    let values = case["values"].as_str().unwrap_or_default();
    let rendered = render(&files, values);
    let rendered = match (rendered, case["error"].as_str()) {
        (Err(error), Some(want)) => {
            let shown: String = error.chars().take(want.chars().count()).collect();
            return corpus::same_text("error", &shown, want);
        }
        (Ok(_), Some(want)) => return Err(format!("no error instead of {want}")),
        (Err(error), None) => return Err(error),
        (Ok(rendered), None) => rendered,
    };
    let get = |path: &str| rendered.get(&format!("fx/{path}")).map(String::as_str).unwrap_or_default();
    corpus::same_text("t.yaml", get("templates/t.yaml"), case["want"].as_str().unwrap_or_default())?;
    for (path, want) in case["want_files"].as_object().into_iter().flatten() {
        let path = path.strip_prefix("fx/").unwrap_or(path);
        corpus::same_text(path, get(path), want.as_str().unwrap())?;
    }
    Ok(())
}

/// The output of all templates of a chart made of these files.
pub(crate) fn render(
    files: &BTreeMap<String, Vec<u8>>,
    values: &str,
) -> Result<BTreeMap<String, String>, String> {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, content).unwrap();
    }
    let chart = load(folder.path(), &LoadOptions::default()).map_err(|error| error.to_string())?.chart;
    let values = parse_values(values.as_bytes()).map_err(|error| error.to_string())?;
    let mut options = RenderOptions::new(ReleaseInfo {
        name: "rel".into(),
        namespace: "ns".into(),
        revision: 1,
        is_upgrade: false,
    });
    options.capabilities =
        Capabilities { kube_version: KubeVersion::parse("v1.36.0").unwrap(), ..Capabilities::default() };
    templates(chart, &values, &options).map(|templates| templates.files).map_err(|error| error.to_string())
}

/// What Helm 4.2.4 gives: `String` belongs to the pointer, and a function gets a copy.
#[test]
fn the_version_of_kubernetes() {
    for (template, want) in [
        ("{{ .Capabilities.KubeVersion }}", "v1.36.0"),
        ("{{ $x := .Capabilities.KubeVersion }}{{ $x }}", "v1.36.0"),
        ("{{ or .Capabilities.KubeVersion 1 }}", "v1.36.0"),
        ("{{ quote .Capabilities.KubeVersion }}", "\"{v1.36.0 v1.36.0 1 36}\""),
        ("{{ print .Capabilities.KubeVersion }}", "{v1.36.0 v1.36.0 1 36}"),
        ("{{ list .Capabilities.KubeVersion }}", "[{v1.36.0 v1.36.0 1 36}]"),
        ("{{ default 1 .Capabilities.KubeVersion }}", "{v1.36.0 v1.36.0 1 36}"),
        (
            "{{ printf \"%+v\" .Capabilities.KubeVersion }}",
            "{Version:v1.36.0 normalizedVersion:v1.36.0 Major:1 Minor:36}",
        ),
        (
            "{{ .Capabilities.KubeVersion | toJson }}",
            "{\"Version\":\"v1.36.0\",\"Major\":\"1\",\"Minor\":\"36\"}",
        ),
        ("{{ toYaml .Capabilities.KubeVersion }}", "Major: \"1\"\nMinor: \"36\"\nVersion: v1.36.0"),
        (
            "{{ toJson .Capabilities.HelmVersion }}",
            "{\"version\":\"v4.2\",\"go_version\":\"go1.26.8\",\"kube_client_version\":\"v1.36\"}",
        ),
        ("{{ .Capabilities.KubeVersion.String }} {{ .Capabilities.KubeVersion.Minor }}", "v1.36.0 36"),
    ] {
        let files = BTreeMap::from([
            ("Chart.yaml".to_owned(), b"apiVersion: v2\nname: fx\nversion: 1.0.0\n".to_vec()),
            ("templates/t.txt".to_owned(), template.as_bytes().to_vec()),
        ]);
        let rendered = render(&files, "").unwrap();
        assert_eq!(rendered.get("fx/templates/t.txt").map(String::as_str), Some(want), "{template}");
    }
}
