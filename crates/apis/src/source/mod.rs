//! `source.toolkit.fluxcd.io`: where manifests and charts come from.

pub mod v1;

/// The API group.
pub const GROUP: &str = "source.toolkit.fluxcd.io";
/// Event metadata and annotation key: the revision of the artifact.
pub const REVISION_KEY: &str = "source.toolkit.fluxcd.io/revision";
/// Event metadata key: the digest of the artifact.
pub const DIGEST_KEY: &str = "source.toolkit.fluxcd.io/digest";

/// Condition types of sources.
pub mod condition_types {
    pub use crate::meta::condition_types::{READY, RECONCILING, STALLED};

    /// The artifact of the last seen revision is stored.
    pub const ARTIFACT_IN_STORAGE: &str = "ArtifactInStorage";
    /// The stored artifact is not that of the last seen revision.
    pub const ARTIFACT_OUTDATED: &str = "ArtifactOutdated";
    /// The signature of the source was checked; False when it is not valid.
    pub const SOURCE_VERIFIED: &str = "SourceVerified";
    /// The upstream source could not be fetched.
    pub const FETCH_FAILED: &str = "FetchFailed";
    /// The artifact could not be built.
    pub const BUILD_FAILED: &str = "BuildFailed";
    /// The storage failed.
    pub const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";
    /// An included artifact is not available.
    pub const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
}

/// Condition and event reasons of sources.
pub mod reasons {
    pub use crate::meta::reasons::{
        FAILED, FEATURE_GATE_DISABLED, PROGRESSING, PROGRESSING_WITH_RETRY, SUCCEEDED,
    };

    /// The URL of the spec is not valid.
    pub const URL_INVALID: &str = "URLInvalid";
    /// The credentials are missing or not valid.
    pub const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
    /// The signature is missing or not valid.
    pub const VERIFICATION_ERROR: &str = "VerificationError";
    /// A directory could not be made.
    pub const DIRECTORY_CREATION_FAILED: &str = "DirectoryCreationFailed";
    /// A file could not be examined.
    pub const STAT_OPERATION_FAILED: &str = "StatOperationFailed";
    /// A file could not be read.
    pub const READ_OPERATION_FAILED: &str = "ReadOperationFailed";
    /// The lock of an artifact could not be taken.
    pub const ACQUIRE_LOCK_FAILED: &str = "AcquireLockFailed";
    /// A path in the spec is not valid.
    pub const INVALID_PATH: &str = "InvalidPath";
    /// The artifact could not be packed.
    pub const ARCHIVE_OPERATION_FAILED: &str = "ArchiveOperationFailed";
    /// The link to the latest artifact could not be changed.
    pub const SYMLINK_UPDATE_FAILED: &str = "SymlinkUpdateFailed";
    /// The stored artifact is that of the upstream revision.
    pub const ARTIFACT_UP_TO_DATE: &str = "ArtifactUpToDate";
    /// The cache failed.
    pub const CACHE_OPERATION_FAILED: &str = "CacheOperationFailed";
    /// The object could not be patched.
    pub const PATCH_OPERATION_FAILED: &str = "PatchOperationFailed";
    /// The security token service of a bucket is not set up well.
    pub const INVALID_STS_CONFIGURATION: &str = "InvalidSTSConfiguration";
    /// The provider does not fit the rest of the spec.
    pub const INVALID_PROVIDER_CONFIGURATION: &str = "InvalidProviderConfiguration";
    /// A Git operation failed.
    pub const GIT_OPERATION_FAILED: &str = "GitOperationFailed";
    /// A Git operation succeeded.
    pub const GIT_OPERATION_SUCCEEDED: &str = "GitOperationSucceeded";
    /// The repository has no commits.
    pub const EMPTY_GIT_REPOSITORY: &str = "EmptyGitRepository";
    /// An OCI artifact could not be pulled.
    pub const OCI_PULL_FAILED: &str = "OCIArtifactPullFailed";
    /// The layer of an OCI artifact could not be read.
    pub const OCI_LAYER_OPERATION_FAILED: &str = "OCIArtifactLayerOperationFailed";
    /// The index of a Helm repository could not be read.
    pub const INDEXATION_FAILED: &str = "IndexationFailed";
    /// A bucket operation failed.
    pub const BUCKET_OPERATION_FAILED: &str = "BucketOperationFailed";
    /// The source of a chart is not available.
    pub const SOURCE_UNAVAILABLE: &str = "SourceUnavailable";
    /// The kind of the source is not supported.
    pub const UNSUPPORTED_SOURCE_KIND: &str = "UnsupportedSourceKind";
    /// The source has no artifact yet.
    pub const NO_SOURCE_ARTIFACT: &str = "NoSourceArtifact";
    /// A chart was pulled.
    pub const CHART_PULL_SUCCEEDED: &str = "ChartPullSucceeded";
    /// A chart was packaged.
    pub const CHART_PACKAGE_SUCCEEDED: &str = "ChartPackageSucceeded";
    /// The reference to a chart is not valid.
    pub const INVALID_CHART_REFERENCE: &str = "InvalidChartReference";
    /// A chart could not be pulled.
    pub const CHART_PULL_ERROR: &str = "ChartPullError";
    /// The metadata of a chart could not be changed.
    pub const METADATA_PATCH_ERROR: &str = "MetadataPatchError";
    /// The values files of a chart could not be merged.
    pub const VALUES_FILES_ERROR: &str = "ValuesFilesError";
    /// The dependencies of a chart could not be built.
    pub const DEPENDENCY_BUILD_ERROR: &str = "DependencyBuildError";
    /// A chart could not be packaged.
    pub const CHART_PACKAGE_ERROR: &str = "ChartPackageError";
    /// A chart's signature is missing or not valid.
    pub const CHART_VERIFICATION_ERROR: &str = "ChartVerificationError";
    /// The ignore patterns could not be read.
    pub const SOURCE_IGNORE_ERROR: &str = "SourceIgnoreError";
    /// A path leads out of the artifact.
    pub const ILLEGAL_PATH: &str = "IllegalPath";
    /// An included artifact could not be copied.
    pub const COPY_FAILURE: &str = "CopyFailure";
    /// The verification mode is not known.
    pub const INVALID_VERIFICATION_MODE: &str = "InvalidVerificationMode";
    /// The Git object to verify is missing.
    pub const INVALID_GIT_OBJECT: &str = "InvalidGitObject";
    /// The signature of a tag is missing or not valid.
    pub const INVALID_TAG_SIGNATURE: &str = "InvalidTagSignature";
    /// The signature of a commit is missing or not valid.
    pub const INVALID_COMMIT_SIGNATURE: &str = "InvalidCommitSignature";
    /// A referenced object does not exist.
    pub const NOT_FOUND: &str = "NotFound";
    /// An included source has no artifact.
    pub const NO_ARTIFACT: &str = "NoArtifact";
    /// Upstream has a new revision.
    pub const NEW_REVISION: &str = "NewRevision";
    /// Upstream has a new chart version.
    pub const NEW_CHART: &str = "NewChart";
    /// An included artifact changed.
    pub const INCLUDE_CHANGE: &str = "IncludeChange";
    /// Old artifacts could not be removed.
    pub const GARBAGE_COLLECTION_FAILED: &str = "GarbageCollectionFailed";
    /// Old artifacts were removed.
    pub const GARBAGE_COLLECTION_SUCCEEDED: &str = "GarbageCollectionSucceeded";
    /// The stored artifact was changed on disk.
    pub const ARTIFACT_VERIFICATION_FAILED: &str = "ArtifactVerificationFailed";
    /// A new artifact is stored.
    pub const NEW_ARTIFACT: &str = "NewArtifact";
}
