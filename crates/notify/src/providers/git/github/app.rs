//! Tokens of GitHub Apps.
//!
//! An App signs a JWT with its key and exchanges it for a token of one installation, which lives an hour:
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app>.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::segment;
use crate::{
    error::{ConfigError, PostError},
    http::{Net, Request},
    jwt::SigningKey,
    settings::Settings,
};

/// Keys of the Secret.
pub(super) const APP_ID: &str = "githubAppID";
const INSTALLATION_ID: &str = "githubAppInstallationID";
const INSTALLATION_OWNER: &str = "githubAppInstallationOwner";
const PRIVATE_KEY: &str = "githubAppPrivateKey";
const BASE_URL: &str = "githubAppBaseURL";

const GITHUB: &str = "https://api.github.com";
/// How long a JWT is valid, in seconds: GitHub takes ten minutes at most.
const JWT_SECONDS: i64 = 540;
/// How far GitHub's clock may be behind ours, in seconds.
const SKEW_SECONDS: i64 = 60;
/// How long a token lives at most, however long a clock that is behind makes it.
const LIFE: Duration = Duration::from_hours(1);
/// How much of a token's life must be left for it to be used once more.
const SPARE: Duration = Duration::from_mins(2);
/// Tokens that are kept.
const KEPT: usize = 100;
/// Installations that are looked through for that of an owner.
const PAGE: usize = 100;

/// What an App knows of itself.
pub(super) struct App {
    id: String,
    installation: Installation,
    key: SigningKey,
    base: String,
    /// Tells this App's tokens from those of others.
    fingerprint: [u8; 32],
}

enum Installation {
    Id(String),
    Owner(String),
}

/// Who acts.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    pub token: String,
    /// The author of its comments.
    pub login: String,
}

type Known = HashMap<[u8; 32], (Identity, Instant)>;

/// Tokens that still live. Only in memory.
#[derive(Default)]
pub(crate) struct Tokens {
    /// By App, with the time until which they are used, by a clock that nobody sets.
    known: Mutex<Known>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    slug: String,
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

impl App {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let text = |key: &str| settings.secret_text(key).map(str::trim).unwrap_or_default().to_owned();
        let id = text(APP_ID);
        if id.is_empty() {
            return Err(ConfigError::provider("app ID must be provided to use github app authentication"));
        }
        let (number, owner) = (text(INSTALLATION_ID), text(INSTALLATION_OWNER));
        let installation = match (number.is_empty(), owner.is_empty()) {
            (false, true) => Installation::Id(number),
            (true, false) => Installation::Owner(owner),
            _ => {
                return Err(ConfigError::provider(format!(
                    "exactly one of '{INSTALLATION_ID}' and '{INSTALLATION_OWNER}' must be provided to use github app authentication"
                )));
            }
        };
        let pem = settings.secret.get(PRIVATE_KEY).map(Vec::as_slice).unwrap_or_default();
        if pem.is_empty() {
            return Err(ConfigError::provider(
                "private key must be provided to use github app authentication",
            ));
        }
        let key = SigningKey::from_pem(pem)
            .map_err(|reason| ConfigError::provider(format!("could not parse private key: {reason}")))?;
        let base = text(BASE_URL);
        let base = if base.is_empty() { GITHUB.to_owned() } else { base.trim_end_matches('/').to_owned() };
        let mut digest = Sha256::new();
        for (key, value) in &settings.secret {
            for part in [key.as_bytes(), value] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
        }
        Ok(Self { id, installation, key, base, fingerprint: digest.finalize().into() })
    }

    async fn exchange(&self, net: &Net) -> Result<(Identity, Duration), PostError> {
        let jwt = self.jwt(Timestamp::now().as_second())?;
        let call = |method, path: &str| {
            let request = Request::new(method, format!("{}/{path}", self.base)).bearer(&jwt);
            request.header("Accept", super::ACCEPT)
        };
        let about: About = net.call(&call(Method::GET, "app")).await?.json()?;
        let installation = match &self.installation {
            Installation::Id(id) => id.clone(),
            Installation::Owner(owner) => {
                let list = call(Method::GET, &format!("app/installations?per_page={PAGE}"));
                let installed: Vec<Installed> = net.call(&list).await?.json()?;
                let is_owner = |account: &Account| account.login.eq_ignore_ascii_case(owner);
                let found = installed.iter().find(|one| one.account.as_ref().is_some_and(is_owner));
                let missing =
                    || PostError::permanent(format!("the github app is not installed for '{owner}'"));
                found.ok_or_else(missing)?.id.to_string()
            }
        };
        let path = format!("app/installations/{}/access_tokens", segment(&installation));
        let token: Token = net.call(&call(Method::POST, &path)).await?.json()?;
        let left = token.expires_at.map(|end| end.duration_since(Timestamp::now()));
        let life = left.and_then(|left| Duration::try_from(left).ok()).unwrap_or_default().min(LIFE);
        Ok((Identity { token: token.token, login: format!("{}[bot]", about.slug) }, life))
    }

    fn jwt(&self, now: i64) -> Result<String, PostError> {
        let claims = json!({ "iat": now - SKEW_SECONDS, "exp": now + JWT_SECONDS, "iss": self.id });
        self.key.sign(None, &claims).map_err(PostError::permanent)
    }
}

impl Tokens {
    /// A token of the App, a new one if the known one is about to end.
    pub(super) async fn get(&self, app: &App, net: &Net) -> Result<Identity, PostError> {
        if let Some((identity, end)) = self.lock().get(&app.fingerprint)
            && *end > Instant::now()
        {
            return Ok(identity.clone());
        }
        let (identity, life) = app.exchange(net).await?;
        let now = Instant::now();
        let mut known = self.lock();
        known.retain(|_, (_, end)| *end > now);
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(app.fingerprint, (identity.clone(), now + life.saturating_sub(SPARE)));
        Ok(identity)
    }

    /// Forgets the App's token, which was refused.
    pub(super) fn forget(&self, app: &App) {
        self.lock().remove(&app.fingerprint);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
