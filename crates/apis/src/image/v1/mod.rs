//! `image.toolkit.fluxcd.io/v1`.

mod image_policy;
mod image_repository;
mod image_update_automation;

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
