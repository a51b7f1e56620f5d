//! Whole charts, byte for byte as `helm template` prints them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sluice_chart::load::parse_values;
use sluice_chart::release::{document_text, manifest_text};
use sluice_chart::{LoadOptions, ReleaseInfo, RenderOptions, load, render};

use crate::corpus;

#[test]
#[ignore = "e2e/test helm renders the same charts with the command line"]
fn templates() {
    let Some(directory) = corpus::directory() else { return };
    let filter = std::env::var("CHARTS").unwrap_or_default();
    let mut folders: Vec<PathBuf> = fs::read_dir(directory.join("helm/charts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().contains(&filter))
        .collect();
    folders.sort();
    let (mut exact, mut same_errors, mut other_errors, mut random, mut failures) = (0, 0, 0, 0, Vec::new());
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let meta: Value = serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap();
        let result = output(folder);
        if meta["expect"] == "error" {
            match result {
                Ok(_) => failures.push(format!("{name}: no error instead of {}", meta["error"])),
                Err(error) => {
                    let expected =
                        meta["error_key"].as_str().unwrap_or_default().trim_start_matches("Error: ");
                    if error.contains(expected) {
                        same_errors += 1;
                    } else {
                        println!("{name}: other error:\n    {error}\n    instead of\n    {expected}");
                        other_errors += 1;
                    }
                }
            }
            continue;
        }
        let expected = fs::read_to_string(folder.join("expected.yaml")).unwrap();
        match result {
            Err(error) => failures.push(format!("{name}: {error}")),
            // What chance decides is compared by the runner of the corpus.
            Ok(_) if meta["nondeterministic"] == true => random += 1,
            Ok(got) => match corpus::same_text("output", &got, &expected) {
                Ok(()) => exact += 1,
                Err(why) => failures.push(format!("{name}: {why}")),
            },
        }
    }
    println!(
        "charts: {exact} byte for byte, {same_errors} with the same error, {other_errors} with another one, {random} partly random; {} of {} differ",
        failures.len(),
        folders.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn output(folder: &Path) -> Result<String, String> {
    let chart =
        load(&corpus::archive(folder), &LoadOptions::default()).map_err(|error| error.to_string())?.chart;
    let values =
        parse_values(&fs::read(folder.join("values.yaml")).unwrap()).map_err(|error| error.to_string())?;
    chart.check_installable().map_err(|error| error.to_string())?;
    let options = RenderOptions::new(ReleaseInfo {
        name: "rel".into(),
        namespace: "ns".into(),
        revision: 1,
        is_upgrade: false,
    });
    let rendered = render(chart, &values, &options).map_err(|error| error.to_string())?;
    let mut text = String::new();
    for crd in &rendered.crds {
        text.push_str(&document_text(&crd.path, &String::from_utf8_lossy(&crd.file.data)));
    }
    text.push_str(&manifest_text(&rendered.sorted.manifests));
    let mut text = format!("{}\n", text.trim());
    for hook in &rendered.sorted.hooks {
        let _ = write!(text, "{}", document_text(&hook.path, &hook.manifest));
    }
    Ok(text)
}
