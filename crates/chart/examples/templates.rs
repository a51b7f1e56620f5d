//! Renders templates with Helm's functions, to compare with Helm: reads `{"template": text, "values": YAML}`, one a
//! line, and prints for each `{"out": base 64}` or `{"error": text}`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_chart::load::parse_values;
use sluice_chart::{LoadOptions, ReleaseInfo, RenderOptions, load, templates};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        let rendered = catch_unwind(AssertUnwindSafe(|| render(&case).map_err(|error| error.to_string())));
        let result = match rendered.unwrap_or_else(|_| Err("panic".to_owned())) {
            Ok(output) => json!({ "out": STANDARD.encode(output) }),
            Err(error) => json!({ "error": error }),
        };
        writeln!(out, "{result}")?;
    }
    Ok(())
}

/// The output of a chart `fx` that has this one template.
fn render(case: &Value) -> Result<String, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let files = BTreeMap::from([
        ("Chart.yaml", "apiVersion: v2\nname: fx\nversion: 1.0.0\n"),
        ("templates/t.yaml", case["template"].as_str().unwrap_or_default()),
    ]);
    fs::create_dir(folder.path().join("templates"))?;
    for (path, content) in files {
        fs::write(folder.path().join(path), content)?;
    }
    let chart = load(folder.path(), &LoadOptions::default())?.chart;
    let values = parse_values(case["values"].as_str().unwrap_or_default().as_bytes())?;
    let release = ReleaseInfo { name: "rel".into(), namespace: "ns".into(), revision: 1, is_upgrade: false };
    let mut files = templates(chart, &values, &RenderOptions::new(release))?.files;
    Ok(files.remove("fx/templates/t.yaml").unwrap_or_default())
}
