//! YAML and JSON as templates write and read them, against recordings of Go.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sprig::render;
use crate::{corpus, known};

const WRITES: &str = r#"{{ $v := mustFromJson (.Files.Get "input") }}{{ toYaml $v | toJson }}
{{ toYamlPretty $v | toJson }}
{{ toJson $v | toJson }}"#;

const READS: &str = r#"{{ if .Values.list }}{{ fromYamlArray (.Files.Get "input") | toJson }}{{ else }}{{ fromYaml (.Files.Get "input") | toJson }}{{ end }}"#;

/// What a template gives for a file `input` and values.
fn output(template: &str, input: &str, values: &Value) -> Result<String, String> {
    let files = BTreeMap::from([
        ("Chart.yaml".to_owned(), b"apiVersion: v2\nname: fx\nversion: 1.0.0\n".to_vec()),
        ("input".to_owned(), input.as_bytes().to_vec()),
        ("templates/t.txt".to_owned(), template.as_bytes().to_vec()),
    ]);
    let mut rendered = render(&files, &values.to_string())?;
    rendered.remove("fx/templates/t.txt").ok_or_else(|| "no output".to_owned())
}

#[test]
fn writing() {
    corpus::run("yaml", "emit", |case| {
        let name = case["name"].as_str().unwrap();
        known::judge(&format!("emit/{name}"), written(case))
    });
}

fn written(case: &Value) -> Result<(), String> {
    let got = output(WRITES, &case["value"].to_string(), &json!({}))?;
    let mut lines = got.lines().map(|line| serde_json::from_str::<String>(line).unwrap());
    for key in ["toYaml", "toYamlPretty", "toJson"] {
        // Where `toYaml` fails, templates get an empty text.
        let want = case[key].as_str().unwrap_or_default();
        corpus::same_text(key, &lines.next().unwrap_or_default(), want)?;
    }
    Ok(())
}

/// Values must be Go's, and so must the texts of errors: templates pass them on.
#[test]
fn reading() {
    corpus::run("yaml", "parse", |case| {
        let name = case["name"].as_str().unwrap();
        known::judge(&format!("parse/{name}"), read(case))
    });
}

fn read(case: &Value) -> Result<(), String> {
    let is_list = case["json"].is_array();
    let got = output(READS, case["yaml"].as_str().unwrap(), &json!({ "list": is_list }))?;
    let got: Value = serde_json::from_str(&got).map_err(|error| format!("{error}: {got}"))?;
    match case["error"].as_str() {
        Some(want) => corpus::same_text("error", got["Error"].as_str().unwrap_or_default(), want),
        None if case["json"].is_null() && got == json!({}) => Ok(()),
        None if corpus::same(&got, &case["json"]) => Ok(()),
        None => Err(format!("{:?}: {got} instead of {}", case["yaml"], case["json"])),
    }
}

/// What Helm 4.2.4 gives for lists and maps that Go calls nil.
#[test]
fn nil_lists_and_maps() {
    for (template, want) in [
        (r#"{{ toYamlPretty (list nil (regexFindAll "x" "a" 1)) }}"#, "- null\n- []"),
        (r#"{{ toYamlPretty (dict "a" (regexFindAll "x" "a" 1)) }}"#, "a: []"),
        (r#"{{ toYaml (dict "a" (regexFindAll "x" "a" 1)) }}"#, "a: null"),
        (
            "{{ toYamlPretty .Chart }}",
            "APIVersion: v2\nAnnotations: {}\nAppVersion: \"\"\nCondition: \"\"\nDependencies: []\nDeprecated: false\n\
             Description: \"\"\nHome: \"\"\nIcon: \"\"\nIsRoot: true\nKeywords: []\nKubeVersion: \"\"\nMaintainers: []\n\
             Name: fx\nSources: []\nTags: \"\"\nType: \"\"\nVersion: 1.0.0",
        ),
        (r#"{{ toToml (regexFindAll "x" "a" 1) }}"#, "[]"),
        ("{{ mustToToml (initial (list)) }}", "[]"),
        (r#"{{ toToml (dict "a" (regexFindAll "x" "a" 1)) }}"#, ""),
    ] {
        assert_eq!(output(template, "", &json!({})).unwrap(), want, "{template}");
    }
}
