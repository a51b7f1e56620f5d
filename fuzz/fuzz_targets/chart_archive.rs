//! Loading charts from archives: nothing panics, and nothing comes out that is larger than the bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_chart::LoadOptions;
use sluice_chart::load::{Limits, load_archive};

fuzz_target!(|data: &[u8]| {
    let limits = Limits { chart: 1 << 20, file: 1 << 16, total: 1 << 21, files: 1000, depth: 8 };
    let options = LoadOptions { limits, ..LoadOptions::default() };
    let Ok(loaded) = load_archive(data, &options) else { return };
    for file in loaded.chart.templates.iter().chain(&loaded.chart.files) {
        assert!(file.data.len() as u64 <= limits.file);
        assert!(!file.name.starts_with('/') && !file.name.split('/').any(|part| part == ".."), "{}", file.name);
    }
});
