//! Tokens of Entra ID.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::message;
use crate::entry::{self, Target};
use crate::http::{client, post_form, send_json};
use crate::identity::{Identity, ServiceAccount, read_file, variable};
use crate::jwt;

const CLIENT_ID: &str = "azure.workload.identity/client-id";
const TENANT_ID: &str = "azure.workload.identity/tenant-id";

/// How long before they expire tokens are no longer used.
const MARGIN: Duration = Duration::from_mins(5);

/// How a program shows who it is.
#[derive(Clone)]
enum Proof {
    Secret(Zeroizing<String>),
    /// A certificate and its key, both PEM, and whether the chain is sent along.
    Certificate(Zeroizing<String>, bool),
}

/// Credentials of a program, wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct Credentials {
    tenant: String,
    client: String,
    authority: String,
    proof: Option<Proof>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Reads the YAML or JSON of a decryption Secret's `sops.azure-kv`.
pub fn static_credentials(text: &[u8]) -> Result<Credentials, String> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct File {
        tenant_id: String,
        client_id: String,
        client_secret: String,
        client_certificate: String,
        client_certificate_password: String,
        client_certificate_send_chain: bool,
        authority_host: String,
        app_id: String,
        tenant: String,
        password: String,
    }
    const TARGET: Target = Target { whole: "azkv.AADConfig", prefix: "AADConfig" };
    const TEXTS: &[&str] = &[
        "tenantId",
        "clientId",
        "clientSecret",
        "clientCertificate",
        "clientCertificatePassword",
        "authorityHost",
        "appId",
        "tenant",
        "password",
    ];
    let unmarshal = |error: String| format!("failed to unmarshal Azure authentication file: {error}");
    let fields = entry::read(text, &TARGET, TEXTS, &["clientCertificateSendChain"]).map_err(unmarshal)?;
    let file: File = serde_json::from_value(fields.into()).map_err(|error| unmarshal(error.to_string()))?;
    let authority = if file.authority_host.is_empty() { authority() } else { file.authority_host };
    let secret = |text: String| Proof::Secret(Zeroizing::new(text));
    let (tenant, client, proof) = if !file.tenant_id.is_empty() && !file.client_id.is_empty() {
        let proof = if !file.client_secret.is_empty() {
            Some(secret(file.client_secret))
        } else if !file.client_certificate.is_empty() {
            if !file.client_certificate_password.is_empty() {
                return Err("clientCertificatePassword: protected keys are not supported: give a plain PEM"
                    .to_owned());
            }
            let pem = Zeroizing::new(file.client_certificate);
            Some(Proof::Certificate(pem, file.client_certificate_send_chain))
        } else {
            None
        };
        (file.tenant_id, file.client_id, proof)
    } else if !file.tenant.is_empty() && !file.app_id.is_empty() && !file.password.is_empty() {
        (file.tenant, file.app_id, Some(secret(file.password)))
    } else if !file.client_id.is_empty() {
        // A managed identity of the machine.
        (String::new(), file.client_id, None)
    } else {
        return Err("invalid data: requires a 'clientId' field, a combination of 'tenantId', 'clientId' and 'clientSecret', or 'tenantId', 'clientId' and 'clientCertificate'".to_owned());
    };
    Ok(Credentials { tenant, client, authority, proof })
}

fn authority() -> String {
    variable("AZURE_AUTHORITY_HOST").unwrap_or_else(|| "https://login.microsoftonline.com/".to_owned())
}

/// A token and when it ends.
#[derive(Clone)]
struct Token {
    text: Zeroizing<String>,
    ends: Instant,
}

/// A token of an identity for a scope such as `https://vault.azure.net/.default`.
pub(crate) async fn token(
    identity: &Identity<Credentials>,
    scope: &str,
) -> Result<Zeroizing<String>, String> {
    access_token(identity, scope).await.map(|(token, _)| token)
}

/// A token of an identity for a scope, and how long it can be used.
pub async fn access_token(
    identity: &Identity<Credentials>,
    scope: &str,
) -> Result<(Zeroizing<String>, Duration), String> {
    let token = match identity {
        Identity::Given(Credentials { tenant, client, authority, proof: Some(proof) }) => {
            let form = proof_form(proof, tenant, client, authority)?;
            exchange(tenant, client, authority, scope, form).await?
        }
        Identity::Given(credentials) => of_machine(scope, Some(&credentials.client)).await?,
        Identity::ServiceAccount(account) => of_service_account(account.as_ref(), scope).await?,
        Identity::Surroundings => {
            static KNOWN: Mutex<Option<HashMap<String, Token>>> = Mutex::new(None);
            let known = {
                let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
                known.as_ref().and_then(|tokens| tokens.get(scope)).cloned()
            };
            if let Some(token) = known.filter(|token| token.ends > Instant::now() + MARGIN) {
                token
            } else {
                let token = of_surroundings(scope).await?;
                let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
                known.get_or_insert_default().insert(scope.to_owned(), token.clone());
                token
            }
        }
    };
    let left = token.ends.saturating_duration_since(Instant::now());
    Ok((token.text, left))
}

/// In the order of the vendor's own tools: variables, a projected token, the machine.
async fn of_surroundings(scope: &str) -> Result<Token, String> {
    let (tenant, client) = (variable("AZURE_TENANT_ID"), variable("AZURE_CLIENT_ID"));
    if let (Some(tenant), Some(client)) = (&tenant, &client) {
        if let Some(secret) = variable("AZURE_CLIENT_SECRET") {
            let form = vec![("client_secret".to_owned(), secret)];
            return exchange(tenant, client, &authority(), scope, form).await;
        }
        if let Some(file) = variable("AZURE_FEDERATED_TOKEN_FILE") {
            return exchange(tenant, client, &authority(), scope, assertion(read_file(&file)?)).await;
        }
    }
    of_machine(scope, client.as_deref()).await.map_err(|error| {
        format!("no Azure credentials: neither variables, nor a federated token, nor those of the machine ({error})")
    })
}

async fn of_service_account(account: &dyn ServiceAccount, scope: &str) -> Result<Token, String> {
    account.check()?;
    let annotation = |name: &str| {
        account.annotation(name).ok_or_else(|| {
            format!("azure {name} is not set in the service account '{}' annotations", account.name())
        })
    };
    let (tenant, client) = (annotation(TENANT_ID)?, annotation(CLIENT_ID)?);
    let token = account.token(&["api://AzureADTokenExchange".to_owned()]).await?;
    exchange(&tenant, &client, &authority(), scope, assertion(token)).await
}

async fn of_machine(scope: &str, client_id: Option<&str>) -> Result<Token, String> {
    let base =
        variable("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| "http://169.254.169.254".to_owned());
    let resource = scope.strip_suffix("/.default").unwrap_or(scope);
    let mut query = vec![("api-version", "2018-02-01"), ("resource", resource)];
    if let Some(client_id) = client_id {
        query.push(("client_id", client_id));
    }
    let url = format!("{}/metadata/identity/oauth2/token", base.trim_end_matches('/'));
    let url = url::Url::parse_with_params(&url, query).map_err(|error| error.to_string())?;
    let answer: Value = send_json(client()?.get(url).header("Metadata", "true"), message).await?;
    read(&answer)
}

fn assertion(token: String) -> Vec<(String, String)> {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    vec![("client_assertion_type".to_owned(), kind.to_owned()), ("client_assertion".to_owned(), token)]
}

fn proof_form(
    proof: &Proof,
    tenant: &str,
    client: &str,
    authority: &str,
) -> Result<Vec<(String, String)>, String> {
    let (pem, chain) = match proof {
        Proof::Secret(secret) => return Ok(vec![("client_secret".to_owned(), secret.to_string())]),
        Proof::Certificate(pem, chain) => (pem, chain),
    };
    let certificates: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| "clientCertificate is not PEM".to_owned())?;
    let leaf = certificates.first().ok_or("clientCertificate holds no certificate")?;
    let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, leaf);
    let mut header = json!({"alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(thumbprint)});
    if *chain {
        let encode = |der: &CertificateDer<'_>| base64::engine::general_purpose::STANDARD.encode(der);
        header["x5c"] = json!(certificates.iter().map(encode).collect::<Vec<_>>());
    }
    let now = Timestamp::now().as_second();
    let claims = json!({
        "aud": format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/')),
        "iss": client, "sub": client, "nbf": now, "iat": now, "exp": now + 600,
        "jti": format!("{client}-{}", Timestamp::now().as_nanosecond()),
    });
    Ok(assertion(jwt::sign(&header, &claims, pem)?))
}

async fn exchange(
    tenant: &str,
    client_id: &str,
    authority: &str,
    scope: &str,
    proof: Vec<(String, String)>,
) -> Result<Token, String> {
    let form = [("grant_type", "client_credentials"), ("client_id", client_id), ("scope", scope)];
    let proof = proof.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let url = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
    read(&send_json(post_form(url, form.into_iter().chain(proof))?, message).await?)
}

fn read(answer: &Value) -> Result<Token, String> {
    let text = answer["access_token"].as_str().ok_or("the answer holds no token")?;
    let seconds = &answer["expires_in"];
    let seconds = seconds.as_u64().or_else(|| seconds.as_str()?.parse().ok()).unwrap_or(300);
    let ends = Instant::now() + Duration::from_secs(seconds.min(86_400));
    Ok(Token { text: Zeroizing::new(text.to_owned()), ends })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_all_shapes_are_read() {
        let secret = static_credentials(b"tenantId: t\nclientId: c\nclientSecret: s3cret\n").unwrap();
        assert!(matches!(secret.proof, Some(Proof::Secret(_))));
        let principal = static_credentials(br#"{"appId": "a", "tenant": "t", "password": "p"}"#).unwrap();
        assert_eq!((principal.client.as_str(), principal.tenant.as_str()), ("a", "t"));
        assert!(static_credentials(b"clientId: c\n").unwrap().proof.is_none());
        assert!(static_credentials(b"tenantId: t\n").unwrap_err().contains("requires a 'clientId'"));
        assert!(!static_credentials(b"[s3cret").unwrap_err().contains("s3cret"));
    }
}
