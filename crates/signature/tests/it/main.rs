//! Against signatures that others made: cosign for an image of a public repository, openssl in the formats of cosign and
//! notation, notation's own library, and what sigstore's own library judged.

// The exemption for tests in clippy.toml does not reach helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bundles;
mod cosign;
mod envelopes;
mod notation;
mod timestamps;

use serde_json::Value;

/// What `fixtures/make.py` made.
fn signed() -> Value {
    serde_json::from_str(include_str!("../fixtures/signed.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
