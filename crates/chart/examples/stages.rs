//! What the stages of rendering a chart take: `stages CHART`. Memory is that of the process, as Linux tells it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a tool for measurements fails by panicking")]

use std::path::Path;
use std::time::Instant;

use sluice_chart::{LoadOptions, ReleaseInfo, RenderOptions, load, release, templates};

fn memory(field: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.trim_start_matches(':').trim().to_owned()
}

fn stage(name: &str, since: Instant) {
    eprintln!("{name}: {:?}, now {}, at most {}", since.elapsed(), memory("VmRSS"), memory("VmHWM"));
}

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let now = Instant::now();
    stage("start", now);
    let chart =
        load(Path::new(&path), &LoadOptions { leave_files: true, ..LoadOptions::default() }).unwrap().chart;
    stage("load", now);
    let mut options = RenderOptions::new(ReleaseInfo {
        name: "rel".into(),
        namespace: "ns".into(),
        revision: 1,
        is_upgrade: false,
    });
    options.keep_values = false;
    let rendered = templates(chart, &serde_json::Map::new(), &options).unwrap();
    stage("render", now);
    let sorted = release::sort(&rendered.files).unwrap();
    stage("sort", now);
    let bytes: usize = sorted.manifests.iter().map(|manifest| manifest.content.len()).sum();
    println!("{} manifests of {bytes} bytes", sorted.manifests.len());
}
