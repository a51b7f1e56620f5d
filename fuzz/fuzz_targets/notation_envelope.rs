//! Envelopes of notation, in JSON or CBOR by the first byte: nothing panics, nothing is of another artifact than the one
//! that was signed, and nobody signs for those who trust nobody.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::signatures::{AUTHORITIES, DIGEST, judge};
use sluice_signature::notation::Format;

fuzz_target!(|data: &[u8]| {
    let Some((kind, envelope)) = data.split_first() else { return };
    let format = if *kind == b'c' { Format::Cose } else { Format::Jws };
    let other = format!("sha256:{}", "0".repeat(64));
    assert!(judge(format, envelope, &other, &AUTHORITIES.0, "strict").is_err());
    if let Ok(accepted) = judge(format, envelope, &DIGEST.0, "", "audit") {
        assert!(!accepted.is_authentic);
    }
    let _ = judge(format, envelope, &DIGEST.0, &AUTHORITIES.0, "strict");
});
