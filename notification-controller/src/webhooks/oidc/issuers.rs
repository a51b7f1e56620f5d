//! Where the keys of issuers are, and what they sign.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;
use sluice_apis::notification::v1::OidcProvider;
use sluice_http::{Settings, Tls, check_host, client};

use super::{
    OidcError, bearer,
    claims::Rules,
    jwt::{JwtError, Token},
    keys::{self, Key},
};
use crate::{server::Received, sync::lock};

/// The audience that tokens must have where a Receiver says nothing.
const DEFAULT_AUDIENCE: &str = "notification-controller";
/// Where Google lists its keys.
const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
/// How long fetched keys are used.
const KEEP: Duration = Duration::from_mins(10);
/// How soon keys are fetched again for a token whose key is not among them: a new key must be found, but forged tokens
/// must not make us ask without end.
const PAUSE: Duration = Duration::from_secs(15);
/// Issuers whose keys are kept.
const MEMORY: usize = 64;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;
/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// Verifies tokens, and remembers the keys of their issuers for a while.
#[derive(Default)]
pub struct Issuers {
    known: Mutex<HashMap<String, Arc<Keys>>>,
}

struct Keys {
    keys: Vec<Key>,
    fetched: Instant,
}

/// The parts of an issuer's description that are looked at.
#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

impl Issuers {
    /// Verifies a request's token by the provider that issued it, and returns its claims.
    pub async fn verify(&self, providers: &[OidcProvider], request: &Received) -> Result<Value, OidcError> {
        let token = Token::parse(bearer(request)?)?;
        let issuer = token.unverified_issuer();
        let provider = providers.iter().find(|provider| !issuer.is_empty() && provider.issuer_url == issuer);
        let provider = provider.ok_or_else(|| OidcError::Issuer(issuer.to_owned()))?;
        let issuer = provider.issuer_url.as_str();
        self.check_signature(issuer, &token, discover(issuer)).await?;
        let audience = provider.audience.as_deref().filter(|audience| !audience.is_empty());
        let claims = token.into_claims(audience.unwrap_or(DEFAULT_AUDIENCE))?;
        let rules = Rules::compile(provider)
            .map_err(|source| OidcError::Rules { issuer: issuer.to_owned(), source })?;
        tokio::task::block_in_place(|| rules.check(&claims)).map_err(OidcError::Claims)?;
        Ok(claims)
    }

    /// Verifies a token of Google's, whoever in Google it says issued it.
    pub async fn verify_google(&self, token: &str, audience: &str) -> Result<Value, OidcError> {
        let token = Token::parse(token)?;
        let fetch = async { fetch_keys(GOOGLE_KEYS).await };
        self.check_signature("https://accounts.google.com", &token, fetch).await?;
        Ok(token.into_claims(audience)?)
    }

    async fn check_signature(
        &self,
        issuer: &str,
        token: &Token<'_>,
        fetch: impl Future<Output = Result<Vec<Key>, String>>,
    ) -> Result<(), OidcError> {
        let known = lock(&self.known).get(issuer).cloned();
        if let Some(known) = known {
            let age = known.fetched.elapsed();
            if age < KEEP && token.is_signed_by(known.keys.iter()) {
                return Ok(());
            }
            if age < PAUSE {
                return Err(JwtError::Signature.into());
            }
        }
        let keys =
            fetch.await.map_err(|reason| OidcError::Discovery { issuer: issuer.to_owned(), reason })?;
        let keys = Arc::new(Keys { keys, fetched: Instant::now() });
        let mut known = lock(&self.known);
        if known.len() >= MEMORY {
            known.clear();
        }
        known.insert(issuer.to_owned(), Arc::clone(&keys));
        drop(known);
        if token.is_signed_by(keys.keys.iter()) { Ok(()) } else { Err(JwtError::Signature.into()) }
    }
}

/// Finds the keys of an issuer (`OpenID` Connect Discovery 1.0).
async fn discover(issuer: &str) -> Result<Vec<Key>, String> {
    let base = issuer.trim_end_matches('/');
    let answer = get(&format!("{base}/.well-known/openid-configuration")).await?;
    let description: Description = serde_json::from_slice(&answer)
        .map_err(|error| format!("its description is not what OpenID Connect says: {error}"))?;
    if description.issuer != issuer {
        return Err(format!("its description is of issuer \"{}\"", description.issuer));
    }
    fetch_keys(&description.jwks_uri).await
}

async fn fetch_keys(url: &str) -> Result<Vec<Key>, String> {
    keys::parse(&get(url).await?).map_err(|error| format!("its key set cannot be read: {error}"))
}

/// Reads a small document.
async fn get(url: &str) -> Result<Vec<u8>, String> {
    tokio::time::timeout(TIMEOUT, follow(url))
        .await
        .unwrap_or_else(|_| Err(format!("Get \"{url}\": timed out")))
}

async fn follow(url: &str) -> Result<Vec<u8>, String> {
    let settings = Settings { tls: Tls::default(), proxy: None, user_agent: "notification-controller" };
    let client = client(&settings).map_err(|error| error.to_string())?;
    let mut url = reqwest::Url::parse(url).map_err(|error| format!("\"{url}\" is no URL: {error}"))?;
    for _ in 0..=REDIRECTS {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("\"{url}\" is neither http nor https"));
        }
        check_host(&url).map_err(|error| error.to_string())?;
        let failed = |error: reqwest::Error| format!("Get \"{url}\": {}", causes(&error.without_url()));
        let mut answer = client.get(url.clone()).send().await.map_err(failed)?;
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        if let (true, Some(location)) = (answer.status().is_redirection(), location) {
            let next = url.join(location).map_err(|_| format!("\"{url}\" redirects to what is no URL"))?;
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(format!("\"{url}\" redirects to plain HTTP"));
            }
            url = next;
            continue;
        }
        if !answer.status().is_success() {
            return Err(format!("Get \"{url}\": {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(format!("Get \"{url}\": the answer is longer than {MAX_ANSWER} bytes"));
            }
        }
        return Ok(body);
    }
    Err(format!("\"{url}\" redirects too often"))
}

/// An error with its causes, which reqwest's own text leaves out.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
