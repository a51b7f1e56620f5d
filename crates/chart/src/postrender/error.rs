//! Why manifests can't be post-rendered.

use thiserror::Error;

use crate::release::SortError;

/// Why manifests can't be post-rendered, in the words of Helm and kustomize.
#[derive(Debug, Error)]
pub enum PostRenderError {
    /// A document is no YAML.
    #[error("error merging manifests: parsing {path}: MalformedYAMLError: {}", .source.go3_text())]
    Parse {
        /// The template.
        path: String,
        /// What is wrong.
        source: Box<sluice_yaml::Error>,
    },
    /// A document is no mapping.
    #[error(
        "error merging manifests: annotating {path}: wrong node kind: expected MappingNode but got {found}"
    )]
    NoMapping {
        /// The template.
        path: String,
        /// Go's name for what it is.
        found: &'static str,
    },
    /// A document has a key twice, or something else without a JSON form.
    #[error("error while running post render on {what}: {path}: {source}")]
    Json {
        /// `files`, `hooks` or `manifests`.
        what: String,
        /// The template.
        path: String,
        /// What is wrong.
        source: Box<sluice_yaml::Error>,
    },
    /// Kustomize refuses the objects, or a patch or an image does not fit.
    #[error("error while running post render on {what}: {source}")]
    Kustomize {
        /// `files`, `hooks` or `manifests`.
        what: String,
        /// What is wrong.
        source: Box<sluice_kustomize::Error>,
    },
    /// The result can't be sorted.
    #[error("{0}")]
    Sort(Box<SortError>),
}

impl PostRenderError {
    /// What there is to say beyond it: Go's line is that of a part of the template, and often one too low.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Parse { source, .. } => Some(source.to_string()),
            Self::Kustomize { source, .. } => source.detail(),
            _ => None,
        }
    }
}
