//! `image.toolkit.fluxcd.io/v1`.

mod image_policy;
mod image_repository;
mod image_update_automation;
mod pull_request;

pub use image_policy::{
    AlphabeticalPolicy, DigestReflectionPolicy, ImagePolicy, ImagePolicyChoice, ImagePolicySpec,
    ImagePolicyStatus, ImageRef, NumericalPolicy, Order, SemverPolicy, TagFilter,
};
pub use image_repository::{ImageRepository, ImageRepositorySpec, ImageRepositoryStatus, ScanResult};
pub use image_update_automation::{
    CommitSpec, CommitUser, GitCheckoutSpec, GitSpec, ImageUpdateAutomation, ImageUpdateAutomationSpec,
    ImageUpdateAutomationStatus, PushSpec, SigningKey, SigningKeyType, SourceReference, SourceReferenceKind,
    UpdateStrategy, UpdateStrategyName,
};
pub use pull_request::{
    PullRequestProvider, PullRequestSpec, PullRequestSplit, PullRequestStatus, UnmarkedUpdate,
};
