//! Tokens of GitHub Apps, which open repositories over HTTP.
//!
//! An App signs a JWT with its key and exchanges it for a token of one installation, which lives an hour:
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app>.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use reqwest::{Method, Request};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sluice_http::{ConfigError, Proxy, Route, Settings, Tls, check_host, classify, redact};
use url::Url;

use crate::protocol::AGENT;
use crate::{Auth, Error};

/// The user name that goes with tokens.
const USER: &str = "x-access-token";
const GITHUB: &str = "https://api.github.com";
/// How far GitHub's clock may be behind ours, and how long a JWT is valid, in seconds.
const SKEW: u64 = 30;
const JWT_LIFE: u64 = 120;
/// Installations of one page, and pages that are looked through for that of an owner.
const PAGE: usize = 100;
const MAX_PAGES: usize = 20;
/// The most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;
/// Longest time that one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Tokens that are kept.
const KEPT: usize = 100;

/// A GitHub App that may read repositories.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GitHubApp {
    id: u64,
    installation: Installation,
    key: Vec<u8>,
    base: String,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Installation {
    Id(u64),
    Owner(String),
}

impl fmt::Debug for GitHubApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHubApp").field("id", &self.id).field("base", &self.base).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Token {
    token: String,
    #[serde(default)]
    expires_at: String,
}

#[derive(Deserialize)]
struct Installed {
    id: u64,
    account: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    login: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

/// Tokens by App, each with the time until which it is used, by a clock that nobody sets.
type Known = HashMap<GitHubApp, (String, Instant)>;

/// Tokens that still live. Only in memory.
#[derive(Default)]
pub struct GitHubTokens {
    known: Mutex<Known>,
}

impl GitHubApp {
    /// An App from the data of a Secret, with Flux's keys: `githubAppID`, `githubAppPrivateKey`, exactly one of
    /// `githubAppInstallationID` and `githubAppInstallationOwner`, and perhaps `githubAppBaseURL`.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let text = |key: &str| {
            let value = data.get(key).map(|value| String::from_utf8_lossy(value).trim().to_owned());
            value.unwrap_or_default()
        };
        let needs = |what: &str| {
            Error::InvalidConfig(format!("{what} must be provided to use github app authentication"))
        };
        let id = text("githubAppID").parse().map_err(|_| needs("app ID"))?;
        let (number, owner) =
            (text("githubAppInstallationID").parse().ok(), text("githubAppInstallationOwner"));
        let installation = match (number, owner.is_empty()) {
            (Some(number), true) => Installation::Id(number),
            (None, false) => Installation::Owner(owner),
            (None, true) => return Err(needs("app installation owner or ID")),
            (Some(_), false) => return Err(needs("only one of app installation owner or ID")),
        };
        let key = data.get("githubAppPrivateKey").filter(|key| !key.is_empty()).cloned();
        let key = key.ok_or_else(|| needs("private key"))?;
        // Fails now rather than at the first use.
        key_pair(&key)?;
        let base = text("githubAppBaseURL");
        let base = if base.is_empty() { GITHUB } else { base.trim_end_matches('/') };
        Url::parse(base).map_err(|error| Error::InvalidConfig(format!("invalid API URL: {error}")))?;
        Ok(Self { id, installation, key, base: base.to_owned() })
    }

    fn jwt(&self) -> Result<String, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let issued = now.saturating_sub(SKEW);
        let header = json!({ "alg": "RS256", "typ": "JWT" });
        let claims = json!({ "iat": issued, "exp": issued + JWT_LIFE, "iss": self.id.to_string() });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let key = key_pair(&self.key)?;
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Error::InvalidConfig("the private key does not sign".to_owned()))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    async fn exchange(&self, tls: &Tls, proxy: Option<&Proxy>) -> Result<Token, Error> {
        let api =
            Api { client: client(tls, proxy)?, proxy: proxy.cloned(), jwt: self.jwt()?, base: &self.base };
        let id = match &self.installation {
            Installation::Id(id) => *id,
            Installation::Owner(owner) => self.find(&api, owner).await?,
        };
        api.ask(Method::POST, &format!("app/installations/{id}/access_tokens")).await
    }

    async fn find(&self, api: &Api<'_>, owner: &str) -> Result<u64, Error> {
        for page in 1..=MAX_PAGES {
            let path = format!("app/installations?per_page={PAGE}&page={page}");
            let installed: Vec<Installed> = api.ask(Method::GET, &path).await?;
            let is_owner = |one: &&Installed| {
                one.account.as_ref().is_some_and(|account| account.login.eq_ignore_ascii_case(owner))
            };
            if let Some(found) = installed.iter().find(is_owner) {
                return Ok(found.id);
            }
            if installed.len() < PAGE {
                break;
            }
        }
        Err(Error::InvalidConfig(format!("no installation of the github app found for owner '{owner}'")))
    }
}

impl GitHubTokens {
    /// Whether a token of the App is known that is not about to end.
    pub fn hold(&self, app: &GitHubApp) -> bool {
        self.lock().get(app).is_some_and(|(_, end)| *end > Instant::now())
    }

    /// The credentials that an App has now: a known token, or a new one if the known one is about to end.
    pub async fn credentials(
        &self,
        app: &GitHubApp,
        tls: &Tls,
        proxy: Option<&Proxy>,
    ) -> Result<Auth, Error> {
        let now = Instant::now();
        let auth = |password: String| Auth::Basic { user: USER.to_owned(), password };
        if let Some((token, end)) = self.lock().get(app)
            && *end > now
        {
            return Ok(auth(token.clone()));
        }
        let fresh = app.exchange(tls, proxy).await?;
        // Not to its end: what it opens takes a while.
        let end = now + life(&fresh.expires_at, SystemTime::now()).mul_f64(0.8);
        let mut known = self.lock();
        known.retain(|_, (_, end)| *end > now);
        if known.len() < KEPT {
            known.insert(app.clone(), (fresh.token.clone(), end));
        }
        Ok(auth(fresh.token))
    }

    /// Forgets the token of these credentials, which was refused: the next one is a new one.
    pub fn forget(&self, refused: &Auth) {
        if let Auth::Basic { password, .. } = refused {
            self.lock().retain(|_, (token, _)| token != password);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a token lives that ends at an RFC 3339 time in UTC; no longer than the hour that all of them live, however
/// wrong our clock is.
fn life(end: &str, now: SystemTime) -> Duration {
    let end = seconds_of(end).map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    let left = end.and_then(|end| end.duration_since(now).ok()).unwrap_or_default();
    left.min(Duration::from_hours(1))
}

/// Seconds since 1970 of `2026-01-02T03:04:05Z`.
fn seconds_of(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    // Days since 1970 by the civil calendar, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(days.checked_sub(719_468)? * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn key_pair(pem: &[u8]) -> Result<RsaKeyPair, Error> {
    let bad = |reason: &str| Error::InvalidConfig(format!("could not parse private key: {reason}"));
    let key = match PrivateKeyDer::from_pem_slice(pem) {
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(bad("it is not an RSA key in PEM")),
    };
    key.map_err(|error| bad(&error.to_string()))
}

fn client(tls: &Tls, proxy: Option<&Proxy>) -> Result<reqwest::Client, Error> {
    let settings = Settings { tls: tls.clone(), proxy: proxy.cloned(), user_agent: AGENT };
    sluice_http::client(&settings).map_err(|error| {
        let (ConfigError::Tls(reason) | ConfigError::Proxy(reason) | ConfigError::Client(reason)) = error;
        Error::InvalidConfig(reason)
    })
}

/// GitHub, as one App sees it.
struct Api<'a> {
    client: reqwest::Client,
    proxy: Option<Proxy>,
    jwt: String,
    base: &'a str,
}

impl Api<'_> {
    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, Error> {
        let url = format!("{}/{path}", self.base);
        let url =
            Url::parse(&url).map_err(|error| Error::InvalidConfig(format!("invalid API URL: {error}")))?;
        let what = format!("{method} {}", redact(url.as_str()));
        let failed = |reason: String| Error::InvalidConfig(format!("{what}: {reason}"));
        let authority = |url: &Url| {
            format!(
                "{}:{}",
                url.host_str().unwrap_or_default(),
                url.port_or_known_default().unwrap_or_default()
            )
        };
        let route =
            Route { target: authority(&url), proxy: self.proxy.as_ref().map(|proxy| authority(&proxy.url)) };
        if route.proxy.is_none() {
            check_host(&url).map_err(|error| failed(error.to_string()))?;
        }
        let mut request = Request::new(method, url);
        *request.timeout_mut() = Some(TIMEOUT);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", self.jwt))
            .map_err(|error| failed(error.to_string()))?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        let answer = self.client.execute(request).await;
        let mut answer =
            answer.map_err(|error| failed(classify(&error.without_url(), &route).to_string()))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) =
            answer.chunk().await.map_err(|error| failed(error.without_url().to_string()))?
        {
            body.extend_from_slice(&piece);
            if body.len() > MAX_ANSWER {
                return Err(failed(format!("the answer is longer than {MAX_ANSWER} bytes")));
            }
        }
        if !status.is_success() {
            let told =
                serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.message).unwrap_or_default();
            return Err(failed(format!("{} {told}", status.as_u16()).trim().to_owned()));
        }
        serde_json::from_slice(&body).map_err(|error| failed(format!("unexpected answer: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(seconds_of("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds_of("2026-02-28T23:59:59Z"), Some(1_772_323_199));
        assert_eq!(seconds_of("2024-02-29T12:00:00Z"), Some(1_709_208_000));
        assert_eq!(seconds_of("soon"), None);
    }

    #[test]
    fn tokens_live_an_hour_at_most_whatever_the_clock_says() {
        let now = |text| UNIX_EPOCH + Duration::from_secs(seconds_of(text).unwrap());
        let end = "2026-01-10T13:00:00Z";
        assert_eq!(life(end, now("2026-01-10T12:30:00Z")), Duration::from_mins(30));
        assert_eq!(life(end, now("2026-01-08T12:00:00Z")), Duration::from_hours(1), "two days behind");
        assert_eq!(life(end, now("2026-01-12T12:00:00Z")), Duration::ZERO, "two days ahead");
        assert_eq!(life("soon", now(end)), Duration::ZERO);
    }

    #[test]
    fn incomplete_apps_are_refused() {
        let app = |pairs: &[(&str, &str)]| {
            let data = pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
            GitHubApp::from_secret(&data).unwrap_err().to_string()
        };
        assert!(app(&[]).starts_with("app ID must be provided"));
        let id = ("githubAppID", "1");
        assert!(app(&[id]).starts_with("app installation owner or ID must be provided"));
        let (number, owner) = (("githubAppInstallationID", "2"), ("githubAppInstallationOwner", "o"));
        assert!(app(&[id, number, owner]).starts_with("only one of app installation owner or ID"));
        assert!(app(&[id, owner]).starts_with("private key must be provided"));
        assert!(app(&[id, owner, ("githubAppPrivateKey", "x")]).starts_with("could not parse private key"));
    }
}
