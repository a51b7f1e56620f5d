//! Why a chart can't be loaded.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::decode::DecodeError;
use crate::gotext::quote;
use crate::validate::ValidationError;

/// Why a chart can't be loaded, in Helm's words.
#[derive(Debug, Error)]
pub enum LoadError {
    /// A file or directory can't be read.
    #[error("{path}: {source}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory has no `Chart.yaml`.
    #[error("unable to detect chart at {path}: {source}")]
    NoChart {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The archive has no `Chart.yaml`.
    #[error("unable to detect chart version, no Chart.yaml found")]
    NoChartInArchive,
    /// A subchart has no `Chart.yaml`.
    #[error("Chart.yaml file is missing")]
    NoMetadata,
    /// `apiVersion` is none that Helm 4 knows.
    #[error("unsupported chart version")]
    Version,
    /// The file is something else.
    #[error("file '{path}' does not appear to be a gzipped archive; got '{found}'")]
    NoArchive {
        /// The file.
        path: PathBuf,
        /// Its type, by its first bytes.
        found: &'static str,
    },
    /// The file is values or a manifest.
    #[error("file '{0}' seems to be a YAML file, but expected a gzipped archive")]
    YamlForArchive(PathBuf),
    /// The archive is damaged.
    #[error("unable to load chart archive: {0}")]
    Archive(#[source] io::Error),
    /// A path in the archive leads elsewhere.
    #[error("{message}: {}", quote(.name))]
    Path {
        /// What is wrong with it.
        message: &'static str,
        /// The path.
        name: String,
    },
    /// The archive is empty.
    #[error("no files in chart archive")]
    Empty,
    /// The chart is too large; the bound in bytes.
    #[error("decompressed chart is larger than the maximum size {0}")]
    ChartTooLarge(u64),
    /// A file is too large.
    #[error("chart file {} is larger than the maximum file size {limit}", quote(.name))]
    FileTooLarge {
        /// The file.
        name: String,
        /// The bound in bytes.
        limit: u64,
    },
    /// There are too many files; the bound.
    #[error("chart has more than {0} files")]
    TooManyFiles(usize),
    /// Charts or directories are nested too deep; the bound.
    #[error("chart is nested more than {0} levels deep")]
    TooDeep(usize),
    /// Something that is no file, directory or link to one.
    #[error("cannot load irregular file {0} as it has file mode type bits set")]
    Irregular(PathBuf),
    /// A link that leads out of the directory it must stay in.
    #[error("symbolic link {0} leads out of the source: replace it by what it points to")]
    Outside(PathBuf),
    /// `.helmignore` has a pattern that is none.
    #[error("{path}: {message}")]
    Ignore {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: &'static str,
    },
    /// A file of the chart can't be understood.
    #[error("cannot load {file}: {source}")]
    Decode {
        /// Its name.
        file: &'static str,
        /// What is wrong.
        source: DecodeError,
    },
    /// The chart's values can't be understood.
    #[error("cannot load values.yaml: cannot unmarshal yaml document: {0}")]
    Values(#[source] DecodeError),
    /// The metadata is wrong.
    #[error(transparent)]
    Invalid(#[from] ValidationError),
    /// A chart in `charts/` can't be loaded.
    #[error("error unpacking subchart {name} in {parent}: {source}")]
    Subchart {
        /// Name of its file or directory.
        name: String,
        /// The chart around it.
        parent: String,
        /// Why.
        source: Box<LoadError>,
    },
    /// Files lie in a directory that has the name of an archive.
    #[error("error unpacking subchart tar in {parent}: expected {name}, got {found}")]
    SubchartArchive {
        /// The chart around it.
        parent: String,
        /// The name.
        name: String,
        /// The file found.
        found: String,
    },
}

impl LoadError {
    /// The words of Helm and Go's libraries alone, whose line in YAML errors may be one too low.
    pub fn go_text(&self) -> String {
        match self {
            Self::Decode { file, source } => format!("cannot load {file}: {}", source.go_text()),
            Self::Values(source) => {
                format!("cannot load values.yaml: cannot unmarshal yaml document: {}", source.go_text())
            }
            Self::Subchart { name, parent, source } => {
                format!("error unpacking subchart {name} in {parent}: {}", source.go_text())
            }
            other => other.to_string(),
        }
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn decode(file: &'static str) -> impl FnOnce(DecodeError) -> Self {
        move |source| Self::Decode { file, source }
    }
}
