//! What is counted of requests, under the names that Flux has.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Instant,
};

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
};
use sluice_runtime::Metrics;

use crate::sync::lock;

/// Paths that get a label of their own; callers choose paths, and each label costs memory for good.
const MAX_PATHS: usize = 1000;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Answered {
    code: String,
    handler: String,
    method: String,
    service: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Running {
    handler: String,
    service: String,
}

/// Durations and numbers of requests. Clones count together.
#[derive(Clone)]
pub struct HttpMetrics {
    durations: Family<Answered, Histogram, fn() -> Histogram>,
    running: Family<Running, Gauge>,
    /// The paths seen, if they are to be labels.
    paths: Option<Arc<Mutex<HashSet<String>>>>,
}

/// A request that is being answered.
pub struct InFlight<'a> {
    metrics: &'a HttpMetrics,
    handler: String,
    method: String,
    began: Instant,
}

impl HttpMetrics {
    /// Registers them with a prefix. `by_path` labels them with the path instead of the handler.
    pub fn register(metrics: &Metrics, prefix: &str, by_path: bool) -> Self {
        let own = Self {
            durations: Family::new_with_constructor(histogram),
            running: Family::default(),
            paths: by_path.then(Arc::default),
        };
        let name = |suffix: &str| format!("{prefix}_http_{suffix}");
        metrics.register(
            &name("request_duration_seconds"),
            "The latency of the HTTP requests",
            own.durations.clone(),
        );
        metrics.register(
            &name("requests_inflight"),
            "The number of inflight requests being handled at the same time",
            own.running.clone(),
        );
        own
    }

    /// A request begins.
    pub fn begin(&self, label: &str, method: &Method, path: &str) -> InFlight<'_> {
        let handler = self.handler(label, path);
        self.running.get_or_create(&running(&handler)).inc();
        let method = match method.as_str() {
            word @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT"
            | "TRACE") => word,
            _ => "other",
        };
        InFlight { metrics: self, handler, method: method.to_owned(), began: Instant::now() }
    }

    fn handler(&self, label: &str, path: &str) -> String {
        let Some(paths) = &self.paths else { return label.to_owned() };
        let mut paths = lock(paths);
        if !paths.contains(path) {
            if paths.len() >= MAX_PATHS {
                return "other".to_owned();
            }
            paths.insert(path.to_owned());
        }
        path.to_owned()
    }
}

impl InFlight<'_> {
    /// It was answered.
    pub fn end(self, status: StatusCode) {
        let labels = Answered {
            code: status.as_u16().to_string(),
            handler: self.handler.clone(),
            method: self.method.clone(),
            service: String::new(),
        };
        self.metrics.durations.get_or_create(&labels).observe(self.began.elapsed().as_secs_f64());
    }
}

impl Drop for InFlight<'_> {
    /// Also when the connection breaks before the answer.
    fn drop(&mut self) {
        self.metrics.running.get_or_create(&running(&self.handler)).dec();
    }
}

fn running(handler: &str) -> Running {
    Running { handler: handler.to_owned(), service: String::new() }
}

fn histogram() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}
