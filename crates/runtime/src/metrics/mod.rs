//! Metrics under the names that Flux and controller-runtime give them.

mod labels;
mod process;
mod queue;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets_range},
    },
    registry::{Metric, Registry},
};

pub(crate) use self::{labels::Outcome, queue::QueueMetrics};
use self::{
    labels::{ControllerLabels, NameLabels, ObjectLabels, RequestLabels, ResultLabels},
    process::ProcessCollector,
    queue::QueueFamilies,
};
use crate::{ObjectKey, sync::lock};

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of a process. Cheap to clone; every clone is the same registry.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    reconcile_duration: Durations<ObjectLabels>,
    reconcile_total: Family<ResultLabels, Counter>,
    reconcile_errors: Family<ControllerLabels, Counter>,
    reconcile_panics: Family<ControllerLabels, Counter>,
    reconcile_time: Durations<ControllerLabels>,
    active_workers: Family<ControllerLabels, Gauge>,
    max_concurrent: Family<ControllerLabels, Gauge>,
    leader: Family<NameLabels, Gauge>,
    requests: Family<RequestLabels, Counter>,
    queues: QueueFamilies,
}

impl Metrics {
    /// A registry with the metrics that every controller has.
    pub fn new() -> Self {
        let metrics = Self {
            registry: Arc::new(Mutex::new(Registry::default())),
            reconcile_duration: Family::new_with_constructor(reconcile_histogram),
            reconcile_total: Family::default(),
            reconcile_errors: Family::default(),
            reconcile_panics: Family::default(),
            reconcile_time: Family::new_with_constructor(pass_histogram),
            active_workers: Family::default(),
            max_concurrent: Family::default(),
            leader: Family::default(),
            requests: Family::default(),
            queues: QueueFamilies::default(),
        };
        metrics.register_all();
        metrics
    }

    fn register_all(&self) {
        let mut registry = lock(&self.registry);
        let r = &mut *registry;
        r.register(
            "gotk_reconcile_duration_seconds",
            "The duration in seconds of a GitOps Toolkit resource reconciliation",
            self.reconcile_duration.clone(),
        );
        r.register(
            "controller_runtime_reconcile",
            "Reconciliations per controller and result",
            self.reconcile_total.clone(),
        );
        r.register(
            "controller_runtime_reconcile_errors",
            "Failed reconciliations per controller",
            self.reconcile_errors.clone(),
        );
        r.register(
            "controller_runtime_reconcile_panics",
            "Panics during reconciliations per controller",
            self.reconcile_panics.clone(),
        );
        r.register(
            "controller_runtime_reconcile_time_seconds",
            "Time of a reconciliation per controller",
            self.reconcile_time.clone(),
        );
        r.register(
            "controller_runtime_active_workers",
            "Reconciliations that hold a worker now, per controller",
            self.active_workers.clone(),
        );
        r.register(
            "controller_runtime_max_concurrent_reconciles",
            "Workers per controller",
            self.max_concurrent.clone(),
        );
        r.register(
            "leader_election_master_status",
            "Whether this process holds the lease",
            self.leader.clone(),
        );
        r.register(
            "rest_client_requests",
            "Requests to the API server per status code, method and host",
            self.requests.clone(),
        );
        self.queues.register(r);
        r.register_collector(Box::new(ProcessCollector::new()));
    }

    /// Adds a metric of a controller's own. A counter is named without its `_total`.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        lock(&self.registry).register(name, help, metric);
    }

    /// The exposition in the text format of `OpenMetrics`.
    pub fn exposition(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &lock(&self.registry))?;
        Ok(text)
    }

    pub(crate) fn queue(&self, controller: &str) -> QueueMetrics {
        self.queues.of(controller)
    }

    /// Counts a pass that ended.
    pub(crate) fn observe_pass(
        &self,
        controller: &str,
        kind: &str,
        key: &ObjectKey,
        outcome: Outcome,
        time: Duration,
    ) {
        let labels = ControllerLabels { controller: controller.to_owned() };
        self.reconcile_duration.get_or_create(&ObjectLabels::new(kind, key)).observe(time.as_secs_f64());
        self.reconcile_time.get_or_create(&labels).observe(time.as_secs_f64());
        self.reconcile_total
            .get_or_create(&ResultLabels { controller: controller.to_owned(), result: outcome })
            .inc();
        if outcome == Outcome::Error {
            self.reconcile_errors.get_or_create(&labels).inc();
        }
    }

    pub(crate) fn count_panic(&self, controller: &str) {
        self.reconcile_panics.get_or_create(&ControllerLabels { controller: controller.to_owned() }).inc();
    }

    /// Drops the series of an object that is gone.
    pub(crate) fn forget_object(&self, kind: &str, key: &ObjectKey) {
        self.reconcile_duration.remove(&ObjectLabels::new(kind, key));
    }

    /// Shows a controller that begins to work, with all its counters at zero.
    pub(crate) fn workers(&self, controller: &str, max: usize) -> Gauge {
        for result in Outcome::ALL {
            drop(
                self.reconcile_total
                    .get_or_create(&ResultLabels { controller: controller.to_owned(), result }),
            );
        }
        let labels = ControllerLabels { controller: controller.to_owned() };
        drop(self.reconcile_errors.get_or_create(&labels));
        drop(self.reconcile_panics.get_or_create(&labels));
        self.max_concurrent.get_or_create(&labels).set(max as i64);
        self.active_workers.get_or_create_owned(&labels)
    }

    pub(crate) fn set_leader(&self, name: &str, leads: bool) {
        self.leader.get_or_create(&NameLabels { name: name.to_owned() }).set(i64::from(leads));
    }

    pub(crate) fn count_request(&self, host: &str, method: &str, code: &str) {
        let labels =
            RequestLabels { code: code.to_owned(), host: host.to_owned(), method: method.to_owned() };
        self.requests.get_or_create(&labels).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn reconcile_histogram() -> Histogram {
    Histogram::new(exponential_buckets_range(0.01, 1800.0, 10))
}

fn pass_histogram() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
        1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 15.0, 20.0, 25.0, 30.0,
        40.0, 50.0, 60.0,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_those_of_flux() {
        let metrics = Metrics::new();
        let key = ObjectKey::new("ns", "app");
        metrics.observe_pass(
            "kustomization",
            "Kustomization",
            &key,
            Outcome::RequeueAfter,
            Duration::from_millis(20),
        );
        metrics.observe_pass("kustomization", "Kustomization", &key, Outcome::Error, Duration::from_secs(1));
        metrics.set_leader("x-leader-election", true);
        metrics.queue("kustomization").adds.inc();
        let text = metrics.exposition().unwrap();
        for line in [
            r#"gotk_reconcile_duration_seconds_count{kind="Kustomization",name="app",namespace="ns"} 2"#,
            r#"gotk_reconcile_duration_seconds_bucket{le="0.01",kind="Kustomization",name="app",namespace="ns"} 0"#,
            r#"gotk_reconcile_duration_seconds_bucket{le="+Inf",kind="Kustomization",name="app",namespace="ns"} 2"#,
            r#"controller_runtime_reconcile_total{controller="kustomization",result="requeue_after"} 1"#,
            r#"controller_runtime_reconcile_errors_total{controller="kustomization"} 1"#,
            r#"leader_election_master_status{name="x-leader-election"} 1"#,
            r#"workqueue_adds_total{controller="kustomization",name="kustomization"} 1"#,
            "# TYPE process_cpu_seconds counter",
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
        }
        let buckets =
            text.lines().filter(|l| l.starts_with("gotk_reconcile_duration_seconds_bucket")).count();
        assert_eq!(buckets, 11, "ten and +Inf");
        assert!(text.contains("\nprocess_resident_memory_bytes "));
    }

    #[test]
    fn series_of_a_gone_object_vanish() {
        let metrics = Metrics::new();
        let key = ObjectKey::new("ns", "app");
        metrics.observe_pass("k", "Kustomization", &key, Outcome::Success, Duration::ZERO);
        metrics.forget_object("Kustomization", &key);
        assert!(!metrics.exposition().unwrap().contains(r#"name="app""#));
    }
}
