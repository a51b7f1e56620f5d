//! The subcommands that name a kind, shared by all commands on objects.

// The first lines of the documentation are help texts: backticks would show.
#![allow(clippy::doc_markdown)]

use clap::{Args, Subcommand};

use crate::kinds::{self, Kind};

/// A kind of object, with the arguments of a command on it.
#[derive(Debug, Subcommand)]
pub(crate) enum ObjectCommand<A: Args> {
    /// Sources
    #[command(subcommand, visible_alias = "sources")]
    Source(SourceCommand<A>),
    /// Image repositories, policies and updates
    #[command(subcommand, visible_alias = "images")]
    Image(ImageCommand<A>),
    #[command(flatten)]
    Other(OtherCommand<A>),
}

/// A kind of source.
#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand<A: Args> {
    /// GitRepository
    Git(A),
    /// OCIRepository
    Oci(A),
    /// HelmRepository
    Helm(A),
    /// HelmChart
    Chart(A),
    /// Bucket
    Bucket(A),
    /// ExternalArtifact
    #[command(alias = "external-artifact")]
    External(A),
}

/// A kind of the image automation.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand<A: Args> {
    /// ImageRepository
    Repository(A),
    /// ImagePolicy
    Policy(A),
    /// ImageUpdateAutomation
    Update(A),
}

/// The other kinds.
#[derive(Debug, Subcommand)]
pub(crate) enum OtherCommand<A: Args> {
    /// Kustomization
    #[command(visible_aliases = ["kustomizations", "ks"])]
    Kustomization(A),
    /// HelmRelease
    #[command(visible_aliases = ["helmreleases", "hr"])]
    Helmrelease(A),
    /// Alert
    #[command(visible_alias = "alerts")]
    Alert(A),
    /// Provider of alerts
    #[command(visible_alias = "alert-providers")]
    AlertProvider(A),
    /// Receiver
    #[command(visible_alias = "receivers")]
    Receiver(A),
    /// Artifacts
    #[command(subcommand, visible_alias = "artifacts")]
    Artifact(ArtifactCommand<A>),
}

/// A kind that makes artifacts.
#[derive(Debug, Subcommand)]
pub(crate) enum ArtifactCommand<A: Args> {
    /// ArtifactGenerator
    #[command(visible_alias = "generators")]
    Generator(A),
}

impl<A: Args> ObjectCommand<A> {
    /// The kind and the arguments.
    pub(crate) fn split(self) -> (&'static Kind, A) {
        match self {
            Self::Source(command) => command.split(),
            Self::Image(command) => command.split(),
            Self::Other(command) => command.split(),
        }
    }
}

impl<A: Args> SourceCommand<A> {
    /// The kind and the arguments.
    pub(crate) fn split(self) -> (&'static Kind, A) {
        match self {
            Self::Git(arguments) => (&kinds::GIT_REPOSITORY, arguments),
            Self::Oci(arguments) => (&kinds::OCI_REPOSITORY, arguments),
            Self::Helm(arguments) => (&kinds::HELM_REPOSITORY, arguments),
            Self::Chart(arguments) => (&kinds::HELM_CHART, arguments),
            Self::Bucket(arguments) => (&kinds::BUCKET, arguments),
            Self::External(arguments) => (&kinds::EXTERNAL_ARTIFACT, arguments),
        }
    }
}

impl<A: Args> ImageCommand<A> {
    /// The kind and the arguments.
    pub(crate) fn split(self) -> (&'static Kind, A) {
        match self {
            Self::Repository(arguments) => (&kinds::IMAGE_REPOSITORY, arguments),
            Self::Policy(arguments) => (&kinds::IMAGE_POLICY, arguments),
            Self::Update(arguments) => (&kinds::IMAGE_UPDATE, arguments),
        }
    }
}

impl<A: Args> OtherCommand<A> {
    /// The kind and the arguments.
    pub(crate) fn split(self) -> (&'static Kind, A) {
        match self {
            Self::Kustomization(arguments) => (&kinds::KUSTOMIZATION, arguments),
            Self::Helmrelease(arguments) => (&kinds::HELM_RELEASE, arguments),
            Self::Alert(arguments) => (&kinds::ALERT, arguments),
            Self::AlertProvider(arguments) => (&kinds::PROVIDER, arguments),
            Self::Receiver(arguments) => (&kinds::RECEIVER, arguments),
            Self::Artifact(ArtifactCommand::Generator(arguments)) => (&kinds::ARTIFACT_GENERATOR, arguments),
        }
    }
}
