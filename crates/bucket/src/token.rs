//! Access tokens for the keys that Secrets hold.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::Error;
use crate::http::{Access, describe, text};

/// What Google's tokens are asked for.
const GOOGLE_SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";
/// What Azure's tokens are asked for.
const AZURE_SCOPE: &str = "https://storage.azure.com/.default";
/// Where Azure's tokens come from.
const AZURE_AUTHORITY: &str = "https://login.microsoftonline.com/";

/// The key of a Google service account, as its JSON file has it.
#[derive(Deserialize)]
struct GoogleKey {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    token_uri: String,
}

/// A token for a Google service account, given its key in JSON.
pub async fn google_token(key: &[u8], access: &Access) -> Result<String, Error> {
    // The parser's text could quote the key.
    let key: GoogleKey = serde_json::from_slice(key).map_err(|_| {
        Error::Config("the 'serviceaccount' is no key of a service account in JSON".to_owned())
    })?;
    let now = Timestamp::now().as_second();
    let claims = json!({
        "iss": key.client_email, "scope": GOOGLE_SCOPE, "aud": key.token_uri, "iat": now, "exp": now + 3600,
    });
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": key.private_key_id });
    let assertion = sign(&header, &claims, key.private_key.as_bytes())?;
    let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)];
    exchange(&parse(&key.token_uri)?, &form, access).await
}

/// How an application proves to Azure who it is.
pub enum AzureProof<'a> {
    /// By a password.
    Secret(&'a str),
    /// By a certificate and its key, in PEM.
    Certificate(&'a [u8]),
}

/// A token for an application that is registered with Azure. `authority` is where tokens come from, if not from the
/// public cloud's service.
pub async fn azure_token(
    tenant: &str,
    client: &str,
    proof: AzureProof<'_>,
    authority: Option<&str>,
    access: &Access,
) -> Result<String, Error> {
    let authority = authority.filter(|host| !host.is_empty()).unwrap_or(AZURE_AUTHORITY);
    let tenant: String = form_urlencoded::byte_serialize(tenant.as_bytes()).collect();
    let url = parse(&format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/')))?;
    let mut form = vec![("grant_type", "client_credentials"), ("client_id", client), ("scope", AZURE_SCOPE)];
    let assertion;
    match proof {
        AzureProof::Secret(secret) => form.push(("client_secret", secret)),
        AzureProof::Certificate(pem) => {
            let bad =
                || Error::Config("failed to parse client certificates: no certificate in PEM".to_owned());
            let certificate = section(pem, &["CERTIFICATE"]).ok_or_else(bad)?;
            let digest = ring::digest::digest(&ring::digest::SHA256, &certificate);
            let header = json!({ "alg": "RS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(digest) });
            let now = Timestamp::now();
            let claims = json!({
                "aud": url.as_str(), "iss": client, "sub": client, "jti": now.as_nanosecond().to_string(),
                "nbf": now.as_second(), "exp": now.as_second() + 600,
            });
            assertion = sign(&header, &claims, pem)?;
            form.push(("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
            form.push(("client_assertion", &assertion));
        }
    }
    exchange(&url, &form, access).await
}

fn parse(url: &str) -> Result<Url, Error> {
    Url::parse(url)
        .map_err(|error| Error::Config(format!("token endpoint '{}': {error}", sluice_http::redact(url))))
}

async fn exchange(url: &Url, form: &[(&str, &str)], access: &Access) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        access_token: String,
        #[serde(default)]
        error: String,
        #[serde(default)]
        error_description: String,
    }
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let make = || {
        let mut request = Request::new(Method::POST, url.clone());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        *request.body_mut() = Some(body.clone().into());
        Ok(request)
    };
    let response = access.client()?.send(make).await?;
    let (status, request) = (response.status(), describe("POST", response.url()));
    let answer: Answer = serde_json::from_str(&text(response).await?).map_err(|_| {
        let reason = format!("status {status} and no JSON");
        Error::Answer { request: request.clone(), reason }
    })?;
    if !status.is_success() || answer.access_token.is_empty() {
        let reason = answer.error_description.lines().next().unwrap_or_default();
        let message = format!("{request}: RESPONSE {}: {}: {reason}", status.as_u16(), answer.error);
        return Err(Error::Refused { status: status.as_u16(), code: answer.error, message });
    }
    Ok(answer.access_token)
}

/// A JSON web token, signed with an RSA key in PEM.
fn sign(header: &Value, claims: &Value, pem: &[u8]) -> Result<String, Error> {
    let bad = |reason: &str| Error::Config(format!("the private key cannot be used: {reason}"));
    let key = match (section(pem, &["PRIVATE KEY"]), section(pem, &["RSA PRIVATE KEY"])) {
        (Some(der), _) => RsaKeyPair::from_pkcs8(&der),
        (None, Some(der)) => RsaKeyPair::from_der(&der),
        (None, None) => return Err(bad("no unencrypted RSA key in PEM")),
    };
    let key = key.map_err(|error| bad(&error.to_string()))?;
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| bad("it does not sign"))?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The first section of a PEM text with one of these labels.
fn section(pem: &[u8], labels: &[&str]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    labels.iter().find_map(|label| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        let (body, _) = rest.split_once("-----END")?;
        STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
    })
}
