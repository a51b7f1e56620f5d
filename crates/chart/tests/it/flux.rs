//! Releases as Flux's post-renderer leaves them.

use std::fs;

use serde_json::{Value, json};
use sluice_chart::load::parse_values;
use sluice_chart::postrender::{self, Origin, Settings};
use sluice_chart::release::manifest_text;
use sluice_chart::{LoadOptions, ReleaseInfo, RenderOptions, load, templates};

use crate::{corpus, known};

#[test]
fn postrendered() {
    let Some(directory) = corpus::directory() else { return };
    let charts = directory.join("helm/charts");
    corpus::run("flux", "postrendered", |case| {
        let folder = charts.join(case["case"].as_str().unwrap());
        let result = release(&folder);
        let outcome = match (result, case.get("error")) {
            (Err(_), Some(_)) => Ok(()),
            (Err(error), None) => Err(error),
            (Ok(_), Some(expected)) => Err(format!("no error instead of {expected}")),
            (Ok((manifest, hooks)), None) => compare(case, &manifest, &hooks),
        };
        known::judge(&format!("postrendered/{}", case["case"].as_str().unwrap()), outcome)
    });
}

fn compare(case: &Value, manifest: &str, hooks: &[Value]) -> Result<(), String> {
    corpus::same_text("manifest", manifest, case["manifest"].as_str().unwrap())?;
    let expected = case["hooks"].as_array().unwrap();
    for (got, expected) in hooks.iter().zip(expected) {
        for (key, expected) in expected.as_object().unwrap() {
            if let (Some(got), Some(expected)) = (got[key].as_str(), expected.as_str()) {
                // The recording has hooks without the line break at their end.
                corpus::same_text(key, got.trim_end(), expected.trim_end())?;
            } else if got[key] != *expected {
                return Err(format!("hook's {key}: {} instead of {expected}", got[key]));
            }
        }
    }
    if hooks.len() == expected.len() { Ok(()) } else { Err(format!("{} hooks", hooks.len())) }
}

fn release(folder: &std::path::Path) -> Result<(String, Vec<Value>), String> {
    let chart =
        load(&corpus::archive(folder), &LoadOptions::default()).map_err(|error| error.to_string())?.chart;
    let values =
        parse_values(&fs::read(folder.join("values.yaml")).unwrap()).map_err(|error| error.to_string())?;
    let options = RenderOptions::new(ReleaseInfo {
        name: "rel".into(),
        namespace: "ns".into(),
        revision: 1,
        is_upgrade: false,
    });
    let rendered = templates(chart, &values, &options).map_err(|error| error.to_string())?;
    let origin = Origin { name: "rel".into(), namespace: "ns".into() };
    let settings = Settings { origin: Some(origin), ..Settings::default() };
    let sorted = postrender::run(&rendered.files, &settings).map_err(|error| error.to_string())?;
    let hooks = sorted
        .hooks
        .iter()
        .map(|hook| {
            json!({
                "name": hook.name, "kind": hook.kind, "path": hook.path, "manifest": hook.manifest, "weight": hook.weight,
                "events": hook.events.iter().map(|event| event.name()).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok((manifest_text(&sorted.manifests), hooks))
}
