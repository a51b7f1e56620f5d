//! Tokens of time-stamping authorities beside a good signature of notation: nothing panics, and nobody vouches for those
//! who trust no such authority.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use sluice_fuzz::signatures::{AUTHORITIES, DIGEST, ENVELOPE, SIGNERS, judge};
use sluice_signature::notation::Format;

fuzz_target!(|token: &[u8]| {
    let mut envelope = ENVELOPE.clone();
    envelope["header"]["io.cncf.notary.timestampSignature"] = STANDARD.encode(token).into();
    let envelope = envelope.to_string();
    assert!(judge(Format::Jws, envelope.as_bytes(), &DIGEST.0, &SIGNERS.0, "strict").is_err());
    let _ = judge(Format::Jws, envelope.as_bytes(), &DIGEST.0, &AUTHORITIES.0, "strict");
});
