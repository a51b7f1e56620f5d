//! Metrics of work queues.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Durations, labels::QueueLabels};

/// The metrics of one queue.
#[derive(Clone, Debug)]
pub(crate) struct QueueMetrics {
    pub depth: Gauge,
    pub adds: Counter,
    pub retries: Counter,
    pub queue_duration: Histogram,
    pub work_duration: Histogram,
}

impl Default for QueueMetrics {
    fn default() -> Self {
        Self {
            depth: Gauge::default(),
            adds: Counter::default(),
            retries: Counter::default(),
            queue_duration: queue_histogram(),
            work_duration: queue_histogram(),
        }
    }
}

/// The metrics of all queues.
#[derive(Clone)]
pub(super) struct QueueFamilies {
    depth: Family<QueueLabels, Gauge>,
    adds: Family<QueueLabels, Counter>,
    retries: Family<QueueLabels, Counter>,
    queue_duration: Durations<QueueLabels>,
    work_duration: Durations<QueueLabels>,
}

impl Default for QueueFamilies {
    fn default() -> Self {
        Self {
            depth: Family::default(),
            adds: Family::default(),
            retries: Family::default(),
            queue_duration: Family::new_with_constructor(queue_histogram),
            work_duration: Family::new_with_constructor(queue_histogram),
        }
    }
}

impl QueueFamilies {
    pub fn register(&self, registry: &mut Registry) {
        registry.register("workqueue_depth", "Objects that are due", self.depth.clone());
        registry.register("workqueue_adds", "Objects that became due", self.adds.clone());
        registry.register("workqueue_retries", "Objects that became due again at once", self.retries.clone());
        registry.register(
            "workqueue_queue_duration_seconds",
            "How long an object is due before it is worked on",
            self.queue_duration.clone(),
        );
        registry.register(
            "workqueue_work_duration_seconds",
            "How long an object is worked on",
            self.work_duration.clone(),
        );
    }

    pub fn of(&self, controller: &str) -> QueueMetrics {
        let labels = QueueLabels { controller: controller.to_owned(), name: controller.to_owned() };
        QueueMetrics {
            depth: self.depth.get_or_create_owned(&labels),
            adds: self.adds.get_or_create_owned(&labels),
            retries: self.retries.get_or_create_owned(&labels),
            queue_duration: self.queue_duration.get_or_create_owned(&labels),
            work_duration: self.work_duration.get_or_create_owned(&labels),
        }
    }
}

fn queue_histogram() -> Histogram {
    Histogram::new([1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0])
}
