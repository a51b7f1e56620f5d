//! Bearer tokens: `https://distribution.github.io/distribution/spec/auth/token/` and its OAuth 2 sibling.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use sluice_http::{is_private, redact};
use url::{Host, Url};

use crate::registries::TokenKey;
use crate::transport::{Ask, Transport, basic, bearer};
use crate::{Credentials, Error};

/// Longest answer of a token server in bytes.
const MAX_ANSWER: u64 = 1 << 20;
/// How long a token lives whose server does not say: what the specification demands at least.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);
/// No token is kept for longer.
const MAX_LIFETIME: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    expires_in: Option<u64>,
}

/// The header with a token for `key`, from memory or from the realm.
pub(crate) async fn authorization(transport: &Transport, key: TokenKey) -> Result<HeaderValue, Error> {
    if let Some(token) = transport.registries().token(&key) {
        return bearer(&token);
    }
    let realm = check_realm(&key.realm, transport)?;
    let answer = match &key.credentials {
        Credentials::IdentityToken(refresh) => match exchange(transport, &realm, &key, refresh).await {
            // Not every token server knows OAuth 2.
            Err(error) if error.is_not_found() => ask(transport, &realm, &key).await?,
            answer => answer?,
        },
        _ => ask(transport, &realm, &key).await?,
    };
    let token = if answer.access_token.is_empty() { answer.token } else { answer.access_token };
    if token.is_empty() {
        return Err(Error::Token(format!("no token in the answer of {}", redact(realm.as_str()))));
    }
    let header = bearer(&token)?;
    let lifetime = answer.expires_in.map_or(DEFAULT_LIFETIME, Duration::from_secs).min(MAX_LIFETIME);
    // Used for a little less than it lives: requests and clocks take time.
    transport.registries().keep_token(key, token, lifetime * 4 / 5);
    Ok(header)
}

/// `GET realm?service=…&scope=…`, with user and password if there are any.
async fn ask(transport: &Transport, realm: &Url, key: &TokenKey) -> Result<Answer, Error> {
    let mut url = realm.clone();
    url.query_pairs_mut().append_pair("scope", &key.scope);
    if let Some(service) = &key.service {
        url.query_pairs_mut().append_pair("service", service);
    }
    let authorization = match &key.credentials {
        Credentials::Basic { user, password } => Some(basic(user, password)?),
        _ => None,
    };
    read(transport, Ask::new(Method::GET, "application/json"), url, authorization).await
}

/// `POST realm` with a refresh token.
async fn exchange(
    transport: &Transport,
    realm: &Url,
    key: &TokenKey,
    refresh: &str,
) -> Result<Answer, Error> {
    let mut ask = Ask::new(Method::POST, "application/json");
    ask.form = Some(refresh_form(key, refresh));
    read(transport, ask, realm.clone(), None).await
}

fn refresh_form(key: &TokenKey, refresh: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", refresh)
        .append_pair("client_id", "sluice")
        .append_pair("scope", &key.scope);
    if let Some(service) = &key.service {
        form.append_pair("service", service);
    }
    form.finish()
}

async fn read(
    transport: &Transport,
    ask: Ask,
    url: Url,
    authorization: Option<HeaderValue>,
) -> Result<Answer, Error> {
    let request = ask.describe(&url);
    let answer = transport.execute(&ask, url, authorization).await?;
    let answer = answer.successful().await?;
    let body = answer.read(MAX_ANSWER).await?;
    serde_json::from_slice(&body).map_err(|_| Error::Protocol {
        request,
        reason: "the answer of the token server is not the JSON that it should be".to_owned(),
    })
}

/// Whether tokens may be asked for there.
///
/// A registry says by itself where its tokens come from. It must not get credentials sent to whom it likes: the
/// realm has to be in its own domain, must not fall back to plain HTTP, and must not point into this machine.
fn check_realm(realm: &str, transport: &Transport) -> Result<Url, Error> {
    let registry = transport.base()?;
    let anonymous = transport.credentials() == &Credentials::Anonymous;
    judge(realm, &registry, anonymous)
        .map_err(|reason| Error::Token(format!("invalid realm in www-authenticate: {reason}")))
}

fn judge(realm: &str, registry: &Url, anonymous: bool) -> Result<Url, String> {
    let url = Url::parse(realm).map_err(|error| format!("parsing realm {:?}: {error}", redact(realm)))?;
    match (url.scheme(), registry.scheme()) {
        ("https", _) | ("http", "http") => {}
        ("http", _) => {
            return Err("realm scheme \"http\" not allowed for a secure registry; use https".to_owned());
        }
        (other, _) => {
            return Err(format!(
                "realm scheme {other:?} not allowed; must be https (or http for insecure registries)"
            ));
        }
    }
    let (host, home) = (url.host_str().unwrap_or_default(), registry.host_str().unwrap_or_default());
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("realm at {host:?} contains credentials"));
    }
    if host == home {
        return Ok(url);
    }
    if is_private(url.host()) && !is_private(registry.host()) {
        return Err(format!("realm host {host:?} is a private or link-local address"));
    }
    // Without credentials there is nothing that could get into wrong hands.
    if anonymous || domain(&url) == domain(registry) {
        return Ok(url);
    }
    Err(format!("realm host {host:?} does not match registry {home:?}: the credentials are not sent there"))
}

/// The part of a host's name that its owner has in common with his other hosts: the last two labels. An address
/// has nothing in common with others.
fn domain(url: &Url) -> String {
    let Some(Host::Domain(name)) = url.host() else { return url.host_str().unwrap_or_default().to_owned() };
    let name = name.trim_end_matches('.');
    let start = name.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    name.get(start..).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(registry: &str, realm: &str, anonymous: bool) -> bool {
        judge(realm, &Url::parse(registry).unwrap(), anonymous).is_ok()
    }

    #[test]
    fn realms_of_real_registries_get_credentials() {
        for (registry, realm) in [
            ("https://index.docker.io", "https://auth.docker.io/token"),
            ("https://ghcr.io", "https://ghcr.io/token"),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth"),
            ("https://team.azurecr.io", "https://team.azurecr.io/oauth2/token"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token"),
            ("http://localhost:5000", "http://localhost:5001/token"),
            ("http://registry.corp.example:5000", "https://auth.corp.example/token"),
        ] {
            assert!(allowed(registry, realm, false), "{registry} {realm}");
        }
    }

    #[test]
    fn foreign_realms_get_none() {
        for (registry, realm) in [
            ("https://ghcr.io", "https://evil.example/token"),
            ("https://ghcr.io", "https://ghcr.io.evil.example/token"),
            ("https://ghcr.io", "https://evilghcr.io/token"),
            ("http://10.0.0.1:5000", "http://10.0.0.2:5000/token"),
            ("https://r.corp.example", "https://r.other.example/token"),
        ] {
            assert_eq!(
                (allowed(registry, realm, false), allowed(registry, realm, true)),
                (false, true),
                "{registry} {realm}"
            );
        }
    }

    #[test]
    fn nobody_is_led_to_plain_http_or_inside() {
        for (registry, realm) in [
            ("https://ghcr.io", "http://ghcr.io/token"),
            ("https://ghcr.io", "https://127.0.0.1/token"),
            ("https://ghcr.io", "https://169.254.169.254/token"),
            ("https://ghcr.io", "https://localhost/token"),
            ("https://ghcr.io", "file:///etc/passwd"),
            ("https://ghcr.io", "https://u:p@ghcr.io/token"),
            ("https://ghcr.io", "token"),
        ] {
            assert!(!allowed(registry, realm, true), "{registry} {realm}");
        }
    }
}
