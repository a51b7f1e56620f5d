//! Small charts made in memory.

use sluice_chart::load::{Limits, RawFile, assemble, parse_values};
use sluice_chart::{Chart, LoadError, ReleaseInfo, RenderError, RenderOptions, Rendered, render};

/// A chart named `app` of these files.
pub(crate) fn chart(files: &[(&str, &str)]) -> Chart {
    load(files).unwrap()
}

/// As [`chart`], or why it is none.
pub(crate) fn load(files: &[(&str, &str)]) -> Result<Chart, LoadError> {
    let metadata = ("Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n");
    let has_metadata = files.iter().any(|(name, _)| *name == "Chart.yaml");
    let files = files
        .iter()
        .chain((!has_metadata).then_some(&metadata))
        .map(|(name, text)| RawFile { name: (*name).to_owned(), data: text.as_bytes().into() })
        .collect();
    Ok(assemble(files, Limits::default())?.chart)
}

/// The options of the tests: release `rel` in namespace `ns`.
pub(crate) fn options() -> RenderOptions {
    RenderOptions::new(ReleaseInfo {
        name: "rel".into(),
        namespace: "ns".into(),
        revision: 1,
        is_upgrade: false,
    })
}

/// Renders a chart of these files with values in YAML.
pub(crate) fn rendered(files: &[(&str, &str)], values: &str) -> Result<Rendered, RenderError> {
    render(chart(files), &parse_values(values.as_bytes()).unwrap(), &options())
}

/// The error of rendering one template with values in YAML.
pub(crate) fn failure(template: &str, values: &str) -> String {
    rendered(&[("templates/a.yaml", template)], values).unwrap_err().to_string()
}

/// What one template gives with values in YAML.
pub(crate) fn output(template: &str, values: &str) -> String {
    let rendered = rendered(&[("templates/a.yaml", template)], values).unwrap();
    rendered.sorted.manifests.first().map(|manifest| manifest.content.clone()).unwrap_or_default()
}
