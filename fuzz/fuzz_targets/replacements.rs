//! A list of replacements and the resources they change: nothing panics, and two builds make the same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{bounded, texts};
use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Dialect, Options};

fuzz_target!(|input: &str| {
    let Some([replacements, resources]) = texts(input) else { return };
    let files = Memory::new()
        .with("/d/kustomization.yaml", "resources: [resources.yaml]\nreplacements: [{path: replacements.yaml}]\n")
        .with("/d/replacements.yaml", replacements)
        .with("/d/resources.yaml", resources);
    for dialect in [Dialect::V5_8_1, Dialect::Latest] {
        let options = Options { dialect, ..Options::default() };
        let text = || bounded(&files, Path::new("/d"), options.clone()).and_then(|build| build.to_yaml());
        match (text(), text()) {
            (Ok(first), Ok(second)) => assert_eq!(first, second),
            (first, second) => assert_eq!(first.is_err(), second.is_err()),
        }
    }
});
