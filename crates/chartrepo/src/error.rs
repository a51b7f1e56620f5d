//! Why a chart can't be had.

use std::path::{Path, PathBuf};

use sluice_chart::load::LoadError;

use crate::index::IndexError;
use crate::provenance::ProvenanceError;

/// Why a chart can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server or a registry did not give what it was asked for.
    #[error("{what}: {message}")]
    Fetch {
        /// What was asked for.
        what: String,
        /// Why it did not come.
        message: String,
    },
    /// A repository's index can't be had or read.
    #[error("looks like {url:?} is not a valid chart repository or cannot be reached: {message}")]
    Repository {
        /// The repository.
        url: String,
        /// Why.
        message: String,
    },
    /// A repository has no such chart or version.
    #[error("{chart} not found in {url} repository")]
    NotFound {
        /// The chart, and its version if one was asked for.
        chart: String,
        /// The repository.
        url: String,
    },
    /// The index names no place where the chart is.
    #[error("{0} has no downloadable URLs")]
    NoUrl(String),
    /// The address is none.
    #[error(
        "invalid chart URL format: {0}: give a directory, an archive, an https:// or oci:// address, or REPOSITORY/CHART"
    )]
    Address(String),
    /// The tag in the address is not the version that was asked for.
    #[error("chart reference and version mismatch: {tag} is not {version}")]
    Mismatch {
        /// The tag.
        tag: String,
        /// The version.
        version: String,
    },
    /// The user has no repository of that name.
    #[error("repo {0} not found: add it to {1}, or give its address with --repo")]
    UnknownRepository(String, PathBuf),
    /// The user's list of repositories can't be read.
    #[error("{}: {message}", .path.display())]
    Repositories {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The signature is missing or bad.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// A dependency's version is no version and no range.
    #[error("dependency {name:?} has an invalid version/constraint format: {message}")]
    Constraint {
        /// The dependency.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// No version of some dependencies fits.
    #[error(
        "can't get a valid version for {} subchart(s): {}. Make sure a matching chart version exists in the repo, or change the version constraint in Chart.yaml",
        .0.len(),
        .0.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
    )]
    NoVersion(Vec<String>),
    /// A dependency in a directory can't be used.
    #[error("dependency {name:?}: {message}")]
    Local {
        /// The dependency.
        name: String,
        /// Why.
        message: String,
    },
    /// Only directories can be changed.
    #[error("{}: only unpacked charts can be updated: unpack it first", .0.display())]
    Archive(PathBuf),
    /// What would be written is a link to elsewhere.
    #[error("{} is a symbolic link, which is not written through: replace it by what it leads to", .0.display())]
    Link(PathBuf),
    /// A chart can't be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A file can't be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Work in the background was interrupted.
    #[error("{0}")]
    Interrupted(String),
}

impl Error {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn fetch(what: &str, message: &impl ToString) -> Self {
        Self::Fetch { what: sluice_http::redact(what), message: message.to_string() }
    }

    pub(crate) fn repository(url: &str, message: &impl ToString) -> Self {
        Self::Repository { url: sluice_http::redact(url), message: message.to_string() }
    }

    pub(crate) fn index(url: &str, error: &IndexError) -> Self {
        Self::repository(url, error)
    }
}
