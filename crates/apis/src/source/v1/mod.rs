//! `source.toolkit.fluxcd.io/v1`.

mod artifact;
mod bucket;
mod external_artifact;
mod git_repository;
mod helm_chart;
mod helm_repository;
mod oci_repository;
mod verification;

pub use artifact::{Artifact, Source};
pub use bucket::{Bucket, BucketProvider, BucketSpec, BucketStatus, BucketSts, BucketStsProvider};
pub use external_artifact::{ExternalArtifact, ExternalArtifactSpec, ExternalArtifactStatus};
pub use git_repository::{
    GitProvider, GitRepository, GitRepositoryInclude, GitRepositoryRef, GitRepositorySpec,
    GitRepositoryStatus, GitRepositoryVerification, GitVerificationMode,
};
pub use helm_chart::{
    ChartReconcileStrategy, ChartSourceKind, HelmChart, HelmChartSpec, HelmChartStatus,
    HelmChartVerification, LocalHelmChartSourceReference,
};
pub use helm_repository::{HelmRepository, HelmRepositorySpec, HelmRepositoryStatus, HelmRepositoryType};
pub use oci_repository::{
    LayerOperation, LayerSelector, OciProvider, OciRepository, OciRepositoryRef, OciRepositorySpec,
    OciRepositoryStatus,
};
pub use verification::{OciVerification, OidcIdentityMatch, VerificationProvider};

use crate::meta::Duration;

/// The time-out that the CRDs fill in.
const DEFAULT_TIMEOUT: &str = "60s";

/// [`DEFAULT_TIMEOUT`] for objects that did not pass through the API server.
const fn default_timeout() -> Duration {
    Duration::from_secs(60)
}
