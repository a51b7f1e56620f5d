//! Turns away events that repeat.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant, SystemTime},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sluice_notify::Event;

use crate::sync::lock;

/// Events remembered; beyond it the memory of old ones is dropped, and they would pass again.
const MEMORY: usize = 200_000;

/// What counts as the same event.
pub type Key = [u8; 32];

/// The key of an event: object, message and revision, and a token by which the sender can ask for its own way.
pub fn key(event: &Event) -> Key {
    let object = &event.involved_object;
    let mut text = format!(
        "event/name={}/namespace={}/kind={}/message={}",
        object.name, object.namespace, object.kind, event.message
    );
    for part in ["originRevision", "revision", "token"] {
        if let Some(value) = event.metadata.get(&format!("{}/{part}", object.group())) {
            text.extend(["/", part, "=", value]);
        }
    }
    Sha256::digest(text).into()
}

/// Lets one event of a key through per interval.
pub struct Limiter {
    interval: Duration,
    state: Mutex<State>,
}

struct State {
    /// When the key's last window began.
    windows: HashMap<Key, Instant>,
    swept: Instant,
}

/// The answer of the limiter.
#[derive(Debug)]
pub struct Taken {
    /// Whether the event may pass.
    pub allowed: bool,
    /// How long until the next one may.
    reset_in: Duration,
}

impl Taken {
    /// When the next one may pass, as Go prints HTTP dates.
    pub fn reset_http_date(&self) -> String {
        let at = SystemTime::now() + self.reset_in;
        let at = Timestamp::try_from(at).unwrap_or(Timestamp::MAX);
        at.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
    }
}

impl Limiter {
    /// A limiter that has seen nothing.
    pub fn new(interval: Duration) -> Self {
        let state = State { windows: HashMap::new(), swept: Instant::now() };
        Self { interval, state: Mutex::new(state) }
    }

    /// Asks for the key's place in the current window.
    pub fn take(&self, key: Key) -> Taken {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: Key, now: Instant) -> Taken {
        let mut state = lock(&self.state);
        state.sweep(self.interval, now);
        let age = state.windows.get(&key).map(|begun| now - *begun);
        match age {
            Some(age) if age < self.interval => {
                Taken { allowed: false, reset_in: self.interval.saturating_sub(age) }
            }
            _ => {
                state.windows.insert(key, now);
                Taken { allowed: true, reset_in: self.interval }
            }
        }
    }
}

impl State {
    /// Forgets what is over; if that is not enough, the older half.
    fn sweep(&mut self, interval: Duration, now: Instant) {
        if now - self.swept < interval && self.windows.len() < MEMORY {
            return;
        }
        self.swept = now;
        self.windows.retain(|_, begun| now - *begun < interval);
        if self.windows.len() >= MEMORY {
            let mut ages: Vec<Instant> = self.windows.values().copied().collect();
            let (_, cut, _) = ages.select_nth_unstable(MEMORY / 2);
            let cut = *cut;
            self.windows.retain(|_, begun| *begun > cut);
        }
        self.windows.shrink_to(1024);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str, metadata: &[(&str, &str)]) -> Event {
        let mut event = Event { message: message.to_owned(), ..Event::default() };
        event.involved_object.api_version = "g.io/v1".to_owned();
        event.metadata = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        event
    }

    #[test]
    fn revision_and_token_make_events_differ_other_metadata_does_not() {
        let plain = key(&event("m", &[]));
        assert_eq!(key(&event("m", &[("g.io/foo", "1"), ("event.toolkit.fluxcd.io/revision", "1")])), plain);
        for part in ["revision", "originRevision", "token"] {
            assert_ne!(key(&event("m", &[(&format!("g.io/{part}"), "1")])), plain);
        }
        assert_ne!(key(&event("n", &[])), plain);
    }

    #[test]
    fn one_passes_per_interval() {
        let limiter = Limiter::new(Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(limiter.take_at([1; 32], at(0)).allowed);
        let second = limiter.take_at([1; 32], at(4));
        assert!(!second.allowed);
        assert_eq!(second.reset_in, Duration::from_secs(6));
        assert!(limiter.take_at([2; 32], at(4)).allowed);
        assert!(limiter.take_at([1; 32], at(10)).allowed);
        assert!(!limiter.take_at([1; 32], at(19)).allowed);
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(Duration::from_hours(1));
        let now = Instant::now();
        for n in 0..(MEMORY as u64 + 10) {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            limiter.take_at(key, now + Duration::from_micros(n));
        }
        assert!(lock(&limiter.state).windows.len() <= MEMORY);
    }
}
