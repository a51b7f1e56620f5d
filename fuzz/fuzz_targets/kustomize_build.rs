//! A whole tree: nothing panics, two builds make the same, and what was built builds to itself.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::{bounded, tree};
use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Dialect, Options, Reorder};

fuzz_target!(|input: &str| {
    let (files, directory) = tree(input);
    let latest = Options { dialect: Dialect::Latest, reorder: Reorder::Legacy, ..Options::default() };
    for options in [Options::flux(), latest] {
        let text = || bounded(&files, &directory, options.clone()).and_then(|build| build.to_yaml());
        let (first, second) = (text(), text());
        assert_eq!(first.is_err(), second.is_err());
        let (Ok(first), Ok(second)) = (first, second) else { continue };
        assert_eq!(first, second);
        // Notes of origin are gone from a build that does not ask for them, and a bare key `<<` is a merge.
        if ["config.kubernetes.io/", "<<:"].iter().any(|text| first.contains(text)) {
            continue;
        }
        let bare = Memory::new()
            .with("/d/kustomization.yaml", "resources: [all.yaml]\n")
            .with("/d/all.yaml", first.as_str());
        let plain = Options { dialect: options.dialect, ..Options::default() };
        // Patches may make of a resource what no file may hold.
        if let Ok(again) = bounded(&bare, Path::new("/d"), plain).and_then(|build| build.to_yaml()) {
            assert_eq!(again, first);
        }
    }
});
