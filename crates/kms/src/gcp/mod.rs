//! Google: tokens, KMS.

mod credentials;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(crate) use credentials::token;
pub use credentials::{Credentials, static_credentials};

use crate::http::{client, send_json, text_at};
use crate::identity::{Identity, variable};

/// Decrypts a data key.
pub(crate) async fn decrypt(
    identity: &Identity<Credentials>,
    resource: &str,
    encrypted: &str,
) -> Result<Vec<u8>, String> {
    let parts: Vec<&str> = resource.split('/').collect();
    if !matches!(parts.as_slice(), ["projects", p, "locations", l, "keyRings", r, "cryptoKeys", k] if ![p, l, r, k].iter().any(|part| part.is_empty()))
    {
        return Err(format!("no valid resource ID found in \"{resource}\""));
    }
    let fail = |error: String| format!("failed to decrypt sops data key with GCP KMS key: {error}");
    let token = token(identity).await.map_err(|error| format!("cannot create GCP KMS service: {error}"))?;
    let base = variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS")
        .unwrap_or_else(|| "https://cloudkms.googleapis.com/".to_owned());
    let request = client()?
        .post(format!("{}/v1/{resource}:decrypt", base.trim_end_matches('/')))
        .bearer_auth(token.as_str())
        .json(&json!({"ciphertext": encrypted.trim()}));
    let answer: Value = send_json(request, message).await.map_err(fail)?;
    let plain = answer["plaintext"].as_str().and_then(|text| STANDARD.decode(text).ok());
    plain.ok_or_else(|| fail("the answer holds no plain text".to_owned()))
}

/// What the services say in JSON.
pub(crate) fn message(answer: &Value) -> Option<String> {
    text_at(answer, &["error", "message"])
        .or_else(|| text_at(answer, &["error_description"]))
        .or_else(|| text_at(answer, &["error"]))
}
