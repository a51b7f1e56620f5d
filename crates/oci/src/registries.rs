//! What was learnt about registries, for all who use them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sluice_http::Settings;

use crate::challenge::Challenge;
use crate::{Credentials, Repository};

/// From this many registries or tokens on, those that nobody uses are dropped.
const TIDY_FROM: usize = 1024;
/// The longest pause that a registry can ask for.
const MAX_PAUSE: Duration = Duration::from_mins(10);

/// What was learnt about registries: their schemes, how they authenticate, tokens, pauses. Cheap to clone; clones
/// share what they know.
#[derive(Clone, Default)]
pub struct Registries(Arc<Known>);

#[derive(Default)]
struct Known {
    entrances: Mutex<HashMap<Place, Arc<Entrance>>>,
    tokens: Mutex<HashMap<TokenKey, Token>>,
    pauses: Mutex<HashMap<Account, Pause>>,
}

/// A registry as one way of connecting sees it. What somebody else's CA or proxy shows counts for them only.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    registry: String,
    allows_http: bool,
    settings: Settings,
}

/// How a registry is entered, once somebody has found out. The lock is held while finding out.
pub(crate) type Entrance = tokio::sync::Mutex<Option<Ping>>;

/// What `GET /v2/` shows.
#[derive(Clone, Debug)]
pub(crate) struct Ping {
    /// `https` or `http`.
    pub(crate) scheme: &'static str,
    /// What the registry asks for.
    pub(crate) challenge: Option<Challenge>,
}

/// Whom a token is for, from whom, for what.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    pub(crate) realm: String,
    pub(crate) service: Option<String>,
    pub(crate) scope: String,
    pub(crate) credentials: Credentials,
}

struct Token {
    value: String,
    until: Instant,
}

/// Who is told to wait: limits are by account.
#[derive(PartialEq, Eq, Hash)]
struct Account {
    registry: String,
    credentials: Credentials,
}

struct Pause {
    asked: Duration,
    until: Instant,
}

impl Registries {
    pub(crate) fn entrance(&self, repository: &Repository, settings: &Settings) -> Arc<Entrance> {
        let place = Place {
            registry: repository.registry().to_owned(),
            allows_http: repository.allows_http(),
            settings: settings.clone(),
        };
        let mut entrances = lock(&self.0.entrances);
        if entrances.len() >= TIDY_FROM {
            entrances.retain(|_, entrance| Arc::strong_count(entrance) > 1);
        }
        Arc::clone(entrances.entry(place).or_default())
    }

    /// A token that is still good.
    pub(crate) fn token(&self, key: &TokenKey) -> Option<String> {
        let tokens = lock(&self.0.tokens);
        tokens.get(key).filter(|token| token.until > Instant::now()).map(|token| token.value.clone())
    }

    pub(crate) fn keep_token(&self, key: TokenKey, value: String, lifetime: Duration) {
        let mut tokens = lock(&self.0.tokens);
        if tokens.len() >= TIDY_FROM {
            let now = Instant::now();
            tokens.retain(|_, token| token.until > now);
        }
        if tokens.len() < 8 * TIDY_FROM {
            tokens.insert(key, Token { value, until: Instant::now() + lifetime });
        }
    }

    pub(crate) fn drop_token(&self, key: &TokenKey) {
        lock(&self.0.tokens).remove(key);
    }

    /// The pause that the registry asked this account for, if it is not over.
    pub(crate) fn pause(&self, registry: &str, credentials: &Credentials) -> Option<Duration> {
        let account = Account { registry: registry.to_owned(), credentials: credentials.clone() };
        let pauses = lock(&self.0.pauses);
        pauses.get(&account).filter(|pause| pause.until > Instant::now()).map(|pause| pause.asked)
    }

    pub(crate) fn begin_pause(&self, registry: &str, credentials: &Credentials, asked: Duration) {
        let account = Account { registry: registry.to_owned(), credentials: credentials.clone() };
        let now = Instant::now();
        let mut pauses = lock(&self.0.pauses);
        pauses.retain(|_, pause| pause.until > now);
        pauses.insert(account, Pause { asked, until: now + asked.min(MAX_PAUSE) });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is a single insert, remove or retain: a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
