//! Azure: tokens, Key Vault.

mod credentials;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{CONTENT_LENGTH, WWW_AUTHENTICATE};
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

pub(crate) use credentials::token;
pub use credentials::{Credentials, access_token, static_credentials};

use crate::http::{client, send, send_json, text_at};
use crate::identity::{Identity, Memo};

const VERSION: &str = "7.4";

/// The services that vaults belong to. To a vault of one of them no token has to be asked about.
const SERVICES: [&str; 6] = [
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
];

/// Decrypts a data key.
pub(crate) async fn decrypt(
    (identity, memo): (&Identity<Credentials>, &Memo<Zeroizing<String>>),
    vault: &str,
    name: &str,
    version: &str,
    encrypted: &str,
) -> Result<Vec<u8>, String> {
    let shown = format!("{}/keys/{name}/{version}", vault.trim_end_matches('/'));
    let fail = |error: String| {
        format!("failed to decrypt sops data key with Azure Key Vault key '{shown}': {error}")
    };
    let mut url = Url::parse(vault).map_err(|error| fail(format!("vault URL: {error}")))?;
    if url.scheme() != "https" {
        return Err(fail("vault URL: tokens are sent by https only".to_owned()));
    }
    url.path_segments_mut()
        .map_err(|()| fail("the vault's URL is no address of a server".to_owned()))?
        .pop_if_empty()
        .extend(["keys", name, version, "decrypt"]);
    url.set_query(Some(&format!("api-version={VERSION}")));
    let scope = match scope(&url) {
        Some(scope) => scope,
        None => challenge(&url).await.map_err(fail)?,
    };
    let token = memo
        .get(&scope, access_token(identity, &scope))
        .await
        .map_err(|error| format!("failed to get Azure token credential to decrypt: {error}"))?;
    let request = client()?
        .post(url)
        .bearer_auth(token.as_str())
        .json(&json!({"alg": "RSA-OAEP-256", "value": encrypted.trim().trim_end_matches('=')}));
    let answer: Value = send_json(request, message).await.map_err(fail)?;
    let plain =
        answer["value"].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    plain.ok_or_else(|| fail("the answer holds no plain text".to_owned()))
}

/// What a token must be good for, if the vault belongs to a service that is known.
fn scope(vault: &Url) -> Option<String> {
    let host = vault.host_str().unwrap_or_default();
    let service = SERVICES.iter().find(|service| belongs(host, service) && host != **service)?;
    Some(format!("https://{service}/.default"))
}

/// Asks a vault of another service what a token must be good for.
///
/// The vault is named by whoever wrote the file. It may ask for a token for itself or the domain above it, not for one
/// that opens the vaults of others.
async fn challenge(vault: &Url) -> Result<String, String> {
    let request = client()?.post(vault.clone()).header(CONTENT_LENGTH, "0");
    let Err(refused) = send(request).await? else {
        return Err("it answers without a token: it is no Key Vault".to_owned());
    };
    let resource = refused.headers.get(WWW_AUTHENTICATE).and_then(|value| resource(value.to_str().ok()?));
    let Some(resource) = resource else { return Err(refused.describe(message)) };
    let of = Url::parse(resource).ok();
    let asked = of.as_ref().and_then(Url::host_str);
    if !asked.is_some_and(|asked| belongs(vault.host_str().unwrap_or_default(), asked)) {
        return Err(format!("challenge resource \"{resource}\" doesn't match the requested domain"));
    }
    let resource = resource.trim_end_matches('/');
    Ok(if resource.ends_with("/.default") { resource.to_owned() } else { format!("{resource}/.default") })
}

/// Whether a host is a domain or below it.
fn belongs(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What a challenge asks for: `Bearer authorization="…", resource="…"`, or `scope` in the place of `resource`.
fn resource(challenge: &str) -> Option<&str> {
    let parameters = challenge.trim().strip_prefix("Bearer ")?.split([',', ' ']);
    let mut values = parameters.filter_map(|parameter| match parameter.split_once('=') {
        Some(("resource" | "scope", value)) => Some(value.trim_matches('"')),
        _ => None,
    });
    values.find(|value| !value.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vaults_of_known_services_need_no_challenge() {
        let of = |url: &str| scope(&Url::parse(url).unwrap());
        assert_eq!(of("https://team.vault.azure.net/").as_deref(), Some("https://vault.azure.net/.default"));
        assert_eq!(
            of("https://a.b.managedhsm.azure.cn").as_deref(),
            Some("https://managedhsm.azure.cn/.default")
        );
        for other in
            ["https://vault.azure.net", "https://evilvault.azure.net", "https://vault.azure.net.example"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn challenges_name_a_resource() {
        let header =
            r#"Bearer authorization="https://login.windows.net/t", resource="https://vault.local.example""#;
        assert_eq!(resource(header), Some("https://vault.local.example"));
        assert_eq!(
            resource(r#"Bearer scope="https://x.example/.default""#),
            Some("https://x.example/.default")
        );
        assert_eq!(resource("Bearer authorization=\"https://login.windows.net/t\""), None);
        assert_eq!(resource("Basic realm=\"x\""), None);
        assert!(belongs("a.vault.example", "vault.example") && belongs("vault.example", "vault.example"));
        assert!(!belongs("evil.example", "vault.azure.net") && !belongs("avault.example", "vault.example"));
    }
}
