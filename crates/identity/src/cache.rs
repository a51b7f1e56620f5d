//! What clouds gave, for as long as it is good; how often it was there is counted under Flux's names.

use std::any::Any;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use sluice_runtime::Metrics;

use crate::TokenCache;

/// For which object something is asked, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The object's kind.
    pub kind: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What is done with it: `reconcile` of sources.
    pub operation: &'a str,
}

#[derive(Clone, Debug, EncodeLabelSet, PartialEq, Eq, Hash)]
struct EventLabels {
    event_type: &'static str,
    kind: String,
    name: String,
    namespace: String,
    operation: String,
}

#[derive(Clone, Debug, EncodeLabelSet, PartialEq, Eq, Hash)]
struct StatusLabels {
    status: &'static str,
}

const HIT: &str = "cache_hit";
const MISS: &str = "cache_miss";

/// How often tokens were there. Clones count together.
#[derive(Clone, Default)]
pub struct TokenMetrics {
    events: Family<EventLabels, Counter>,
    requests: Family<StatusLabels, Counter>,
    evictions: Counter,
    items: Gauge,
}

impl TokenMetrics {
    /// Counts that nobody sees.
    pub fn unseen() -> Self {
        Self::default()
    }

    /// Counts among a controller's metrics.
    pub fn register(metrics: &Metrics) -> Self {
        let own = Self::default();
        metrics.register(
            "gotk_token_cache_events",
            "Total number of cache retrieval events for a Gitops Toolkit resource reconciliation",
            own.events.clone(),
        );
        metrics.register(
            "gotk_token_cache_requests",
            "Total number of cache requests partitioned by success or failure",
            own.requests.clone(),
        );
        metrics.register(
            "gotk_token_cache_evictions",
            "Total number of cache evictions",
            own.evictions.clone(),
        );
        metrics.register("gotk_token_cached_items", "Total number of items in the cache", own.items.clone());
        own
    }

    /// Something was there, or was not.
    pub fn looked_up(&self, asker: Asker<'_>, hit: bool) {
        self.events.get_or_create(&labels(asker, if hit { HIT } else { MISS })).inc();
    }

    /// A look-up ended with something, or with nothing.
    pub fn answered(&self, success: bool) {
        let status = if success { "success" } else { "failure" };
        self.requests.get_or_create(&StatusLabels { status }).inc();
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, asker: Asker<'_>) {
        for event in [HIT, MISS] {
            self.events.remove(&labels(asker, event));
        }
    }
}

fn labels(asker: Asker<'_>, event_type: &'static str) -> EventLabels {
    EventLabels {
        event_type,
        kind: asker.kind.to_owned(),
        name: asker.name.to_owned(),
        namespace: asker.namespace.to_owned(),
        operation: asker.operation.to_owned(),
    }
}

struct Kept {
    value: Arc<dyn Any + Send + Sync>,
    until: Instant,
    used: Instant,
}

/// Keeps a bounded number of answers; what was not used for the longest time goes first.
pub(crate) struct Cache<K> {
    bounds: TokenCache,
    metrics: TokenMetrics,
    kept: Mutex<HashMap<K, Kept>>,
}

impl<K: Eq + Hash + Clone> Cache<K> {
    pub(crate) fn new(bounds: TokenCache, metrics: TokenMetrics) -> Self {
        Self { bounds, metrics, kept: Mutex::default() }
    }

    pub(crate) fn metrics(&self) -> &TokenMetrics {
        &self.metrics
    }

    /// What is kept under the key, or what `ask` gets and how long that is good. One key holds values of one type.
    pub(crate) async fn get_or<V: Clone + Send + Sync + 'static>(
        &self,
        key: K,
        asker: Asker<'_>,
        ask: impl Future<Output = Result<(V, Duration), String>>,
    ) -> Result<V, String> {
        if let Some(value) = self.find(&key) {
            self.metrics.looked_up(asker, true);
            self.metrics.answered(true);
            return Ok(value);
        }
        self.metrics.looked_up(asker, false);
        let answer = ask.await;
        self.metrics.answered(answer.is_ok());
        let (value, life) = answer?;
        self.keep(key, Arc::new(value.clone()), life);
        Ok(value)
    }

    fn find<V: Clone + 'static>(&self, key: &K) -> Option<V> {
        let now = Instant::now();
        let mut kept = self.lock();
        let found = kept.get_mut(key).filter(|found| now < found.until)?;
        found.used = now;
        found.value.downcast_ref::<V>().cloned()
    }

    /// Used for most of its life, but not to its last minutes.
    fn keep(&self, key: K, value: Arc<dyn Any + Send + Sync>, life: Duration) {
        let now = Instant::now();
        let until = now + (life / 10 * 8).min(self.bounds.longest);
        let mut kept = self.lock();
        if self.bounds.size == 0 {
            return;
        }
        kept.retain(|_, kept| now < kept.until);
        while kept.len() >= self.bounds.size && !kept.contains_key(&key) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            kept.remove(&oldest);
            self.metrics.evictions.inc();
        }
        kept.insert(key, Kept { value, until, used: now });
        self.metrics.items.set(i64::try_from(kept.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Kept>> {
        // Each change is a single insert or removal: a panic can't leave it half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKER: Asker<'_> = Asker { kind: "Bucket", namespace: "ns", name: "app", operation: "reconcile" };

    async fn get(cache: &Cache<&'static str>, key: &'static str, life: u64) -> String {
        let ask = async { Ok(("new".to_owned(), Duration::from_secs(life))) };
        let before = cache.metrics.events.get_or_create(&labels(ASKER, HIT)).get();
        cache.get_or(key, ASKER, ask).await.unwrap();
        let after = cache.metrics.events.get_or_create(&labels(ASKER, HIT)).get();
        if after > before { "kept".to_owned() } else { "asked".to_owned() }
    }

    #[tokio::test]
    async fn what_is_good_is_kept_within_bounds() {
        let bounds = TokenCache { size: 2, longest: Duration::from_mins(1) };
        let cache = Cache::new(bounds, TokenMetrics::unseen());
        for (key, life, from) in [
            ("a", 600, "asked"),
            ("a", 600, "kept"),
            ("b", 0, "asked"),
            ("b", 600, "asked"),
            ("a", 600, "kept"),
            // Makes room for itself: `b` was not used for longer than `a`.
            ("c", 600, "asked"),
            ("a", 600, "kept"),
            ("b", 600, "asked"),
        ] {
            assert_eq!(get(&cache, key, life).await, from, "{key}");
        }
        assert_eq!(cache.metrics.items.get(), 2);
        assert!(cache.metrics.evictions.get() >= 1);
        let refused = cache.get_or::<String>("x", ASKER, async { Err("no".to_owned()) }).await;
        assert_eq!(refused, Err("no".to_owned()));
        let failures = StatusLabels { status: "failure" };
        assert_eq!(cache.metrics.requests.get_or_create(&failures).get(), 1);
    }

    #[tokio::test]
    async fn a_cache_of_size_zero_keeps_nothing() {
        let cache =
            Cache::new(TokenCache { size: 0, longest: Duration::from_mins(1) }, TokenMetrics::unseen());
        assert_eq!(get(&cache, "a", 600).await, "asked");
        assert_eq!(get(&cache, "a", 600).await, "asked");
    }
}
