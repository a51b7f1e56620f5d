//! `source.extensions.fluxcd.io/v1beta1`.

mod artifact_generator;

pub use artifact_generator::{
    ArtifactGenerator, ArtifactGeneratorSpec, ArtifactGeneratorStatus, CopyOperation, CopyStrategy,
    ExternalArtifactRef, OutputArtifact, SourceKind, SourceReference,
};
