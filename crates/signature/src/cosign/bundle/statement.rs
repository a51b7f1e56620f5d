//! What a signed statement is about.

use serde::Deserialize;

use crate::Error;

/// What a signed statement is called.
const STATEMENT: &str = "application/vnd.in-toto+json";

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: std::collections::BTreeMap<String, String>,
}

/// Checks that a statement is about the manifest with this digest. As with cosign, it may say of it what it likes.
pub(super) fn check(kind: &str, payload: &[u8], digest: &str) -> Result<(), Error> {
    if kind != STATEMENT {
        return Err(Error::new(format!("a '{kind}' was signed, not a statement about an image")));
    }
    let statement: Statement = serde_json::from_slice(payload)
        .map_err(|error| Error::new(format!("the signed statement cannot be read: {error}")))?;
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("", digest));
    let names = |subject: &Subject| {
        subject.digest.get(algorithm).is_some_and(|value| value.eq_ignore_ascii_case(hex))
    };
    if statement.subject.iter().any(names) {
        return Ok(());
    }
    Err(Error::new("the signed statement is about another image"))
}
