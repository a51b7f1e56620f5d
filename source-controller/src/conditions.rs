//! The vocabulary of source kinds: condition types and reasons, and the way to say that work goes on.

use sluice_apis::conditions::{ConditionedObject, is_unknown, mark_reconciling, mark_unknown};
use sluice_apis::meta::condition_types::READY;

/// Types of conditions.
pub(crate) mod types {
    /// The artifact of the observed revision is stored.
    pub(crate) const ARTIFACT_IN_STORAGE: &str = "ArtifactInStorage";
    /// There is something newer than the stored artifact.
    pub(crate) const ARTIFACT_OUTDATED: &str = "ArtifactOutdated";
    /// The signature of the source was verified, or is bad.
    pub(crate) const SOURCE_VERIFIED: &str = "SourceVerified";
    /// The source could not be fetched.
    pub(crate) const FETCH_FAILED: &str = "FetchFailed";
    /// The chart could not be built.
    pub(crate) const BUILD_FAILED: &str = "BuildFailed";
    /// The artifact could not be stored.
    pub(crate) const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";
    /// Another repository whose artifact is included has none.
    pub(crate) const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
}

/// Reasons of conditions and events, beyond those of every kind.
pub(crate) mod reasons {
    pub(crate) const ARCHIVE_OPERATION_FAILED: &str = "ArchiveOperationFailed";
    pub(crate) const ARTIFACT_UP_TO_DATE: &str = "ArtifactUpToDate";
    pub(crate) const ARTIFACT_VERIFICATION_FAILED: &str = "ArtifactVerificationFailed";
    pub(crate) const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
    pub(crate) const BUCKET_OPERATION_FAILED: &str = "BucketOperationFailed";
    pub(crate) const COPY_FAILURE: &str = "CopyFailure";
    pub(crate) const DIRECTORY_CREATION_FAILED: &str = "DirectoryCreationFailed";
    pub(crate) const EMPTY_GIT_REPOSITORY: &str = "EmptyGitRepository";
    pub(crate) const FEATURE_GATE_DISABLED: &str = "FeatureGateDisabled";
    pub(crate) const GARBAGE_COLLECTION_FAILED: &str = "GarbageCollectionFailed";
    pub(crate) const GARBAGE_COLLECTION_SUCCEEDED: &str = "GarbageCollectionSucceeded";
    pub(crate) const GIT_OPERATION_FAILED: &str = "GitOperationFailed";
    pub(crate) const GIT_OPERATION_SUCCEEDED: &str = "GitOperationSucceeded";
    pub(crate) const ILLEGAL_PATH: &str = "IllegalPath";
    pub(crate) const INCLUDE_CHANGE: &str = "IncludeChange";
    pub(crate) const INDEXATION_FAILED: &str = "IndexationFailed";
    pub(crate) const INVALID_COMMIT_SIGNATURE: &str = "InvalidCommitSignature";
    pub(crate) const INVALID_GIT_OBJECT: &str = "InvalidGitObject";
    pub(crate) const INVALID_PROVIDER_CONFIGURATION: &str = "InvalidProviderConfiguration";
    pub(crate) const INVALID_STS_CONFIGURATION: &str = "InvalidSTSConfiguration";
    pub(crate) const INVALID_TAG_SIGNATURE: &str = "InvalidTagSignature";
    pub(crate) const INVALID_VERIFICATION_MODE: &str = "InvalidVerificationMode";
    pub(crate) const NEW_ARTIFACT: &str = "NewArtifact";
    pub(crate) const NEW_REVISION: &str = "NewRevision";
    pub(crate) const NOT_FOUND: &str = "NotFound";
    pub(crate) const NO_ARTIFACT: &str = "NoArtifact";
    pub(crate) const NO_SOURCE_ARTIFACT: &str = "NoSourceArtifact";
    pub(crate) const OCI_LAYER_OPERATION_FAILED: &str = "OCIArtifactLayerOperationFailed";
    pub(crate) const OCI_PULL_FAILED: &str = "OCIArtifactPullFailed";
    pub(crate) const PATCH_OPERATION_FAILED: &str = "PatchOperationFailed";
    pub(crate) const READ_OPERATION_FAILED: &str = "ReadOperationFailed";
    pub(crate) const SOURCE_IGNORE_ERROR: &str = "SourceIgnoreError";
    pub(crate) const SOURCE_UNAVAILABLE: &str = "SourceUnavailable";
    pub(crate) const SYMLINK_UPDATE_FAILED: &str = "SymlinkUpdateFailed";
    pub(crate) const UNSUPPORTED_SOURCE_KIND: &str = "UnsupportedSourceKind";
    /// Not one of Flux's: a field of the spec that this version cannot honour.
    pub(crate) const UNSUPPORTED_FIELD: &str = "UnsupportedField";
    pub(crate) const URL_INVALID: &str = "URLInvalid";
    pub(crate) const VERIFICATION_ERROR: &str = "VerificationError";
}

/// Whether the stored artifact is still what the object asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drift {
    /// As far as is known.
    No,
    /// It is not: Ready must not stay True.
    Yes,
}

/// Says that work goes on. Ready becomes Unknown on drift, or if it was not known anyway.
pub(crate) fn mark_progress<K: ConditionedObject>(object: &mut K, drift: Drift, message: &str) {
    let reason = sluice_apis::meta::reasons::PROGRESSING;
    mark_reconciling(object, reason, message);
    if drift == Drift::Yes || is_unknown(object, READY) {
        mark_unknown(object, READY, reason, message);
    }
}
