//! `kustomize.toolkit.fluxcd.io/v1`.

mod kustomization;
mod parts;
mod status;

pub use kustomization::{
    CrossNamespaceSourceReference, DeletionPolicy, Kustomization, KustomizationSourceKind, KustomizationSpec,
};
pub use parts::{
    BuildMetadata, CommonMetadata, CustomHealthCheck, Decryption, DecryptionProvider, IgnoreRule, Image,
    Patch, PostBuild, Selector, SubstituteReference, SubstituteReferenceKind, SubstituteStrategy,
};
pub use status::{Inventory, KustomizationStatus, ResourceRef, Snapshot};
