//! What was found in stored indexes of Helm repositories, kept in memory if flags allow it (`--helm-cache-*`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use sluice_runtime::{Metrics, ObjectKey};

use crate::helm::index::Release;

/// Charts of one index whose versions are kept.
const CHARTS: usize = 1000;

/// What `--helm-cache-*` say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheBounds {
    /// Indexes at most; 0 keeps none.
    pub(crate) size: usize,
    /// How long what is not asked for is kept.
    pub(crate) ttl: Duration,
    /// How often what is outdated is dropped.
    pub(crate) purge_interval: Duration,
}

#[derive(Clone, Debug, EncodeLabelSet, PartialEq, Eq, Hash)]
struct EventLabels {
    event_type: &'static str,
    name: String,
    namespace: String,
}

/// The versions of a chart, if the index has it.
type Versions = Option<Vec<Release>>;

struct Kept {
    charts: HashMap<String, Arc<Versions>>,
    until: Instant,
}

struct Indexes {
    kept: HashMap<PathBuf, Kept>,
    purged: Instant,
}

/// Versions of charts by the file of the index, whose name changes with its content.
pub(crate) struct IndexCache {
    bounds: CacheBounds,
    indexes: Mutex<Indexes>,
    events: Family<EventLabels, Counter>,
}

impl IndexCache {
    /// A cache whose hits and misses are among the metrics; none if nothing may be kept.
    pub(crate) fn new(bounds: CacheBounds, metrics: &Metrics) -> Option<Self> {
        if bounds.size == 0 {
            return None;
        }
        let cache = Self::unseen(bounds);
        metrics.register(
            "gotk_cache_events",
            "Total number of cache retrieval events for a Gitops Toolkit resource reconciliation.",
            cache.events.clone(),
        );
        Some(cache)
    }

    fn unseen(bounds: CacheBounds) -> Self {
        let indexes = Indexes { kept: HashMap::new(), purged: Instant::now() };
        Self { bounds, indexes: Mutex::new(indexes), events: Family::default() }
    }

    /// The versions of a chart, if they are kept. `repository` is the one that the index is of.
    pub(crate) fn find(&self, index: &Path, chart: &str, repository: &ObjectKey) -> Option<Arc<Versions>> {
        let found = self.look_up(index, chart, Instant::now());
        let event_type = if found.is_some() { "cache_hit" } else { "cache_miss" };
        self.events
            .get_or_create(&EventLabels {
                event_type,
                name: repository.name.to_string(),
                namespace: repository.namespace.to_string(),
            })
            .inc();
        found
    }

    fn look_up(&self, index: &Path, chart: &str, now: Instant) -> Option<Arc<Versions>> {
        let mut indexes = self.lock();
        self.purge(&mut indexes, now);
        let kept = indexes.kept.get_mut(index).filter(|kept| now < kept.until)?;
        let found = Arc::clone(kept.charts.get(chart)?);
        // What is used stays.
        kept.until = now + self.bounds.ttl;
        Some(found)
    }

    /// Keeps the versions of a chart, if there is room.
    pub(crate) fn keep(&self, index: PathBuf, chart: String, versions: Arc<Versions>) {
        let now = Instant::now();
        let mut indexes = self.lock();
        if !indexes.kept.contains_key(&index) && indexes.kept.len() >= self.bounds.size {
            indexes.kept.retain(|_, kept| now < kept.until);
            if indexes.kept.len() >= self.bounds.size {
                return;
            }
        }
        let until = now + self.bounds.ttl;
        let kept = indexes.kept.entry(index).or_insert_with(|| Kept { charts: HashMap::new(), until });
        if now >= kept.until {
            kept.charts.clear();
            kept.until = until;
        }
        if kept.charts.len() < CHARTS {
            kept.charts.insert(chart, versions);
        }
    }

    fn purge(&self, indexes: &mut Indexes, now: Instant) {
        if now.duration_since(indexes.purged) >= self.bounds.purge_interval {
            indexes.kept.retain(|_, kept| now < kept.until);
            indexes.purged = now;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Indexes> {
        // Each change leaves the map whole: a panic elsewhere leaves nothing half done.
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let bounds =
            CacheBounds { size: 1, ttl: Duration::from_mins(15), purge_interval: Duration::from_mins(1) };
        let cache = IndexCache::unseen(bounds);
        let keep = |index: &str, chart: &str| cache.keep(index.into(), chart.to_owned(), Arc::new(None));
        let start = Instant::now();
        let has = |index: &str, chart: &str, minutes: u64| {
            cache.look_up(Path::new(index), chart, start + Duration::from_mins(minutes)).is_some()
        };
        keep("one", "app");
        keep("one", "db");
        keep("two", "app");
        assert!(has("one", "app", 0) && has("one", "db", 0));
        assert!(!has("two", "app", 0), "one index has room");
        assert!(has("one", "app", 10), "used: kept for longer");
        assert!(has("one", "app", 20));
        assert!(!has("one", "app", 40), "not used for too long");
        keep("two", "app");
        assert!(has("two", "app", 0));
    }

    #[test]
    fn hits_and_misses_are_counted() {
        let bounds =
            CacheBounds { size: 1, ttl: Duration::from_mins(1), purge_interval: Duration::from_mins(1) };
        let metrics = Metrics::new();
        assert!(IndexCache::new(CacheBounds { size: 0, ..bounds }, &metrics).is_none());
        let cache = IndexCache::new(bounds, &metrics).unwrap();
        let repository = ObjectKey::new("ns", "charts");
        assert!(cache.find(Path::new("x"), "app", &repository).is_none());
        cache.keep("x".into(), "app".to_owned(), Arc::new(None));
        assert!(cache.find(Path::new("x"), "app", &repository).is_some());
        let text = metrics.exposition().unwrap();
        for event in ["cache_hit", "cache_miss"] {
            let line = format!(
                "gotk_cache_events_total{{event_type=\"{event}\",name=\"charts\",namespace=\"ns\"}} 1"
            );
            assert!(text.contains(&line), "{text}");
        }
    }
}
