//! `helm.toolkit.fluxcd.io/v2`.

mod actions;
mod chart;
mod helm_release;
mod status;
mod values;

pub use actions::{
    ChartNameChangeStrategy, CrdsPolicy, DeletionPropagation, Install, InstallRemediation, InstallStrategy,
    ReleaseStrategyName, RemediationStrategy, Rollback, ServerSideApplyMode, Test, TestFilter, Uninstall,
    Upgrade, UpgradeRemediation, UpgradeStrategy,
};
pub use chart::{
    ChartReferenceKind, CrossNamespaceChartReference, CrossNamespaceChartSourceReference, HelmChartTemplate,
    HelmChartTemplateMetadata, HelmChartTemplateSpec, HelmChartTemplateVerification,
};
pub use helm_release::{
    DriftDetection, DriftDetectionMode, HelmRelease, HelmReleaseSpec, PostRenderStrategy, PostRenderer,
    PostRendererKustomize, WaitStrategy, WaitStrategyName,
};
pub use status::{HelmReleaseStatus, ReleaseAction, ReleaseSnapshot, TestHookStatus};
pub use values::{ValuesReference, ValuesReferenceKind};
