//! Azure: tokens, Key Vault.

mod credentials;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::Url;

pub(crate) use credentials::token;
pub use credentials::{Credentials, static_credentials};

use crate::http::{client, send_json, text_at};
use crate::identity::Identity;

const VERSION: &str = "7.4";

/// Decrypts a data key.
pub(crate) async fn decrypt(
    identity: &Identity<Credentials>,
    vault: &str,
    name: &str,
    version: &str,
    encrypted: &str,
) -> Result<Vec<u8>, String> {
    let shown = format!("{vault}/keys/{name}/{version}");
    let fail = |error: String| {
        format!("failed to decrypt sops data key with Azure Key Vault key '{shown}': {error}")
    };
    let mut url = Url::parse(vault).map_err(|error| fail(format!("vault URL: {error}")))?;
    let scope = scope(&url);
    let token = token(identity, &scope)
        .await
        .map_err(|error| format!("failed to get Azure token credential to decrypt: {error}"))?;
    url.path_segments_mut()
        .map_err(|()| fail("the vault's URL is no address of a server".to_owned()))?
        .pop_if_empty()
        .extend(["keys", name, version, "decrypt"]);
    url.set_query(Some(&format!("api-version={VERSION}")));
    let request = client()?
        .post(url)
        .bearer_auth(token.as_str())
        .json(&json!({"alg": "RSA-OAEP-256", "value": encrypted.trim().trim_end_matches('=')}));
    let answer: Value = send_json(request, message).await.map_err(fail)?;
    let plain =
        answer["value"].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    plain.ok_or_else(|| fail("the answer holds no plain text".to_owned()))
}

/// What a token must be good for: the service that the vault belongs to.
fn scope(vault: &Url) -> String {
    let host = vault.host_str().unwrap_or_default();
    let suffix = ["vault.azure.cn", "vault.usgovcloudapi.net", "managedhsm.azure.net"]
        .into_iter()
        .find(|suffix| host.ends_with(suffix));
    format!("https://{}/.default", suffix.unwrap_or("vault.azure.net"))
}

/// What the services say in JSON.
pub(crate) fn message(answer: &Value) -> Option<String> {
    let oauth = text_at(answer, &["error_description"])
        .map(|text| text.lines().next().unwrap_or_default().to_owned());
    let code = text_at(answer, &["error", "code"]);
    match (oauth, code, text_at(answer, &["error", "message"])) {
        (Some(text), ..) => Some(text),
        (None, Some(code), Some(text)) => Some(format!("{code}: {text}")),
        (None, code, text) => code.or(text),
    }
}
