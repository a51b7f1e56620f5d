//! One unpacked directory per digest, shared by all who ask for it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use super::{FetchError, Unpacked};

type Outcome = Result<Arc<Unpacked>, FetchError>;
type Pending = Shared<BoxFuture<'static, Outcome>>;

/// Unpacked artifacts by digest. Those in use are kept without bound; idle ones up to a budget, the least
/// recently requested going first.
#[derive(Clone)]
pub(super) struct Cache {
    state: Arc<Mutex<State>>,
    idle_bytes: u64,
}

#[derive(Default)]
struct State {
    ready: HashMap<String, Ready>,
    pending: HashMap<String, Pending>,
    /// Counts requests, to order them.
    clock: u64,
}

struct Ready {
    unpacked: Arc<Unpacked>,
    last_request: u64,
}

impl Cache {
    pub(super) fn new(idle_bytes: u64) -> Self {
        Self { state: Arc::default(), idle_bytes }
    }

    /// The artifact with this digest; `fetch` is called if it is neither there nor under way.
    pub(super) async fn get_or_fetch<F>(&self, digest: &str, fetch: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let pending = {
            let mut state = self.lock();
            if let Some(unpacked) = state.request(digest) {
                remove(state.evict(self.idle_bytes));
                return Ok(unpacked);
            }
            if let Some(pending) = state.pending.get(digest) {
                pending.clone()
            } else {
                let pending = self.spawn(digest.to_owned(), fetch());
                state.pending.insert(digest.to_owned(), pending.clone());
                pending
            }
        };
        pending.await
    }

    /// Runs the fetch on a task of its own, so that it goes on when the caller who began it is gone.
    fn spawn(&self, digest: String, fetch: impl Future<Output = Outcome> + Send + 'static) -> Pending {
        let cache = self.clone();
        let task = tokio::spawn(async move {
            let outcome = fetch.await;
            remove(cache.settle(digest, &outcome));
            outcome
        });
        task.map(|joined| joined.unwrap_or(Err(FetchError::Aborted))).boxed().shared()
    }

    /// Stores the outcome of a fetch; returns what had to go for it.
    fn settle(&self, digest: String, outcome: &Outcome) -> Vec<Arc<Unpacked>> {
        let mut state = self.lock();
        state.pending.remove(&digest);
        if let Ok(unpacked) = outcome {
            state.clock += 1;
            let ready = Ready { unpacked: Arc::clone(unpacked), last_request: state.clock };
            state.ready.insert(digest, ready);
        }
        state.evict(self.idle_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No invariant spans a panic: every change is a single insert or remove.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes directories where it does not hold anyone up.
fn remove(evicted: Vec<Arc<Unpacked>>) {
    if !evicted.is_empty() {
        tokio::task::spawn_blocking(move || drop(evicted));
    }
}

impl State {
    fn request(&mut self, digest: &str) -> Option<Arc<Unpacked>> {
        self.clock += 1;
        let ready = self.ready.get_mut(digest)?;
        ready.last_request = self.clock;
        Some(Arc::clone(&ready.unpacked))
    }

    fn evict(&mut self, idle_bytes: u64) -> Vec<Arc<Unpacked>> {
        let mut idle: Vec<(u64, u64, String)> = self
            .ready
            .iter()
            .filter(|(_, ready)| Arc::strong_count(&ready.unpacked) == 1)
            .map(|(digest, ready)| (ready.last_request, ready.unpacked.bytes(), digest.clone()))
            .collect();
        idle.sort_unstable();
        let mut total: u64 = idle.iter().map(|(_, bytes, _)| bytes).sum();
        let mut evicted = Vec::new();
        for (_, bytes, digest) in idle {
            if total <= idle_bytes {
                break;
            }
            total -= bytes;
            evicted.extend(self.ready.remove(&digest).map(|ready| ready.unpacked));
        }
        evicted
    }
}
