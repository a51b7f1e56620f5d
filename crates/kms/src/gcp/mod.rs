//! Google: tokens, KMS.

mod credentials;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub(crate) use credentials::token;
pub use credentials::{Credentials, access_token, static_credentials};

use crate::http::{client, send_json, text_at};
use crate::identity::{Identity, Memo, variable};

/// Decrypts a data key.
pub(crate) async fn decrypt(
    (identity, memo): (&Identity<Credentials>, &Memo<Zeroizing<String>>),
    resource: &str,
    encrypted: &str,
) -> Result<Vec<u8>, String> {
    if !is_key(resource) {
        return Err(format!("no valid resource ID found in \"{resource}\""));
    }
    let fail = |error: String| format!("failed to decrypt sops data key with GCP KMS key: {error}");
    let token = memo
        .get("", access_token(identity))
        .await
        .map_err(|error| format!("cannot create GCP KMS service: {error}"))?;
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

/// Whether it names a key, in characters that names have: whoever writes a file chooses no other method of the service.
fn is_key(resource: &str) -> bool {
    let parts: Vec<&str> = resource.split('/').collect();
    let ["projects", project, "locations", location, "keyRings", ring, "cryptoKeys", key] = parts.as_slice()
    else {
        return false;
    };
    // Projects of a domain are `example.com:project`.
    let named = |part: &str, more: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c) || more.contains(c))
    };
    named(project, ".:") && [location, ring, key].iter().all(|part| named(part, ""))
}

/// What the services say in JSON.
pub(crate) fn message(answer: &Value) -> Option<String> {
    text_at(answer, &["error", "message"])
        .or_else(|| text_at(answer, &["error_description"]))
        .or_else(|| text_at(answer, &["error"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_name_keys() {
        for good in ["p", "example.com:p", "p-1"] {
            assert!(
                is_key(&format!("projects/{good}/locations/global/keyRings/my_ring/cryptoKeys/sops")),
                "{good}"
            );
        }
        for bad in [
            "projects/p/locations/global/keyRings/r/cryptoKeys/",
            "projects/../locations/global/keyRings/r/cryptoKeys/k",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k:encrypt#",
            "projects/p/locations/global/keyRings/r/cryptoKeys/k?x=y",
            "keys/k",
        ] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
