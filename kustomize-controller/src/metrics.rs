//! What is counted beyond what every controller counts.

use prometheus_client::metrics::counter::Counter;

/// Counts builds, so that it can be seen what a commit cost.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    builds: Counter,
    skipped: Counter,
}

impl Metrics {
    /// Registers the counters.
    pub fn register(metrics: &sluice_runtime::Metrics) -> Self {
        let own = Self::default();
        metrics.register("sluice_kustomization_builds", "Builds of manifests.", own.builds.clone());
        metrics.register(
            "sluice_kustomization_skipped",
            "Revisions that changed nothing for a Kustomization, and were recorded without a build.",
            own.skipped.clone(),
        );
        own
    }

    /// A build begins.
    pub fn count_build(&self) {
        self.builds.inc();
    }

    /// A revision was recorded without a build.
    pub fn count_skipped(&self) {
        self.skipped.inc();
    }
}
