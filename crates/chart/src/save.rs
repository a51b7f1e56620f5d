//! Packaging of charts, as `helm package` does it.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use tar::{Builder, EntryType, Header};

use crate::chart::{Chart, File};

/// What Helm writes to the comment of the gzip header.
const COMMENT: &str = "Helm";

impl Chart {
    /// The usual name of the chart's archive.
    pub fn archive_name(&self) -> String {
        format!("{}-{}.tgz", self.metadata.name, self.metadata.version)
    }

    /// Writes the chart and all that it contains as an archive. The same chart gives the same bytes: files have no
    /// times of their own.
    pub fn save<W: Write>(&self, out: W) -> io::Result<W> {
        let zipped = GzBuilder::new().comment(COMMENT).write(out, Compression::default());
        let mut archive = Builder::new(zipped);
        write_chart(&mut archive, self, "")?;
        archive.into_inner()?.finish()
    }
}

type Archive<W> = Builder<GzEncoder<W>>;

fn write_chart<W: Write>(archive: &mut Archive<W>, chart: &Chart, prefix: &str) -> io::Result<()> {
    let base = format!("{prefix}{}", chart.name());
    let mut metadata = chart.metadata.clone();
    let is_v1 = metadata.api_version == "v1";
    if is_v1 {
        // These stand in requirements.yaml, which is among the files.
        metadata.dependencies.clear();
    }
    add(archive, &format!("{base}/Chart.yaml"), &yaml(&metadata)?)?;
    if let Some(lock) = chart.lock.as_ref().filter(|_| !is_v1) {
        add(archive, &format!("{base}/Chart.lock"), &yaml(lock)?)?;
    }
    if let Some(values) = &chart.raw_values {
        add(archive, &format!("{base}/values.yaml"), values)?;
    }
    if let Some(schema) = &chart.schema {
        add(archive, &format!("{base}/values.schema.json"), schema)?;
    }
    for File { name, data } in chart.templates.iter().chain(&chart.files) {
        add(archive, &format!("{base}/{name}"), data)?;
    }
    for dependency in &chart.dependencies {
        write_chart(archive, dependency, &format!("{base}/charts/"))?;
    }
    Ok(())
}

fn yaml(value: &impl Serialize) -> io::Result<Vec<u8>> {
    Ok(sluice_yaml::to_yaml(&serde_json::to_value(value)?).into_bytes())
}

fn add<W: Write>(archive: &mut Archive<W>, path: &str, data: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(data.len() as u64);
    archive.append_data(&mut header, path, data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{LoadOptions, RawFile, assemble, load_archive};

    fn chart(files: &[(&str, &str)]) -> Chart {
        let files = files
            .iter()
            .map(|(name, data)| RawFile { name: (*name).to_owned(), data: data.as_bytes().into() });
        assemble(files.collect(), LoadOptions::default().limits).unwrap().chart
    }

    fn reloaded(chart: &Chart) -> Chart {
        let bytes = chart.save(Vec::new()).unwrap();
        assert_eq!(bytes, chart.save(Vec::new()).unwrap(), "the same chart gives the same bytes");
        load_archive(&bytes, &LoadOptions::default()).unwrap().chart
    }

    #[test]
    fn what_was_packaged_can_be_loaded_again() {
        let long = format!("files/{}/{}.txt", "d".repeat(120), "f".repeat(120));
        let chart = chart(&[
            (
                "Chart.yaml",
                "apiVersion: v2\nname: app\nversion: 1.2.3\ndependencies: [{name: db, version: '1'}]\n",
            ),
            ("Chart.lock", "generated: '2026-01-01T00:00:00Z'\ndigest: sha256:x\ndependencies: []\n"),
            ("values.yaml", "a: 1 # kept\n"),
            ("values.schema.json", "{}"),
            ("templates/a.yaml", "a: {{ .Values.a }}\n"),
            ("crds/crd.yaml", "kind: X\n"),
            (&long, "deep\n"),
            ("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
            ("charts/db/templates/b.yaml", "b: 2\n"),
        ]);
        assert_eq!(reloaded(&chart), chart);
        assert_eq!(chart.archive_name(), "app-1.2.3.tgz");
    }

    #[test]
    fn dependencies_of_old_charts_stay_in_their_file() {
        let chart = chart(&[
            ("Chart.yaml", "apiVersion: v1\nname: app\nversion: 1.2.3\n"),
            ("requirements.yaml", "dependencies: [{name: db, version: '1', repository: x}]\n"),
        ]);
        assert_eq!(chart.metadata.dependencies.len(), 1);
        assert_eq!(reloaded(&chart), chart);
    }
}
