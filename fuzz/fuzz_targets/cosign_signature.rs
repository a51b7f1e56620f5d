//! Signatures of cosign: a bundle, or a document with its annotations. Nothing panics, and nothing is of another image than
//! the one that was signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::signatures::{KEYS, PUBLIC};
use sluice_fuzz::texts;
use sluice_signature::cosign::{Annotations, verify_bundle, verify_simple};

fuzz_target!(|input: &str| {
    let other = format!("sha256:{}", "0".repeat(64));
    let trusted = KEYS.iter().chain([&*PUBLIC]);
    let Some([document, signature, certificate, bundle]) = texts(input) else {
        for trust in trusted {
            assert!(verify_bundle(input.as_bytes(), &other, trust).is_err());
        }
        return;
    };
    let present = |text| Some(text).filter(|text: &&str| !text.is_empty());
    for trust in trusted {
        let annotations =
            Annotations { signature, certificate: present(certificate), bundle: present(bundle) };
        assert!(verify_simple(document.as_bytes(), annotations, &other, trust).is_err());
    }
});
