//! From rendered files to hooks and manifests.

use std::collections::BTreeMap;

use thiserror::Error;

use super::head::Head;
use super::hooks::{Event, Hook, Role, role};
use super::kinds::{INSTALL_ORDER, UNINSTALL_ORDER, compare};
use super::split::split;
use crate::decode::DecodeError;

/// A manifest that is no hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The template it comes from.
    pub path: String,
    /// The document.
    pub content: String,
    /// What Helm reads of it.
    pub head: Head,
}

/// A rendered document that is no manifest.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("YAML parse error on {path}: {source}")]
pub struct SortError {
    /// The template.
    pub path: String,
    /// What is wrong.
    pub source: DecodeError,
}

/// The parts of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Hooks by kind, as they stand in a release.
    pub hooks: Vec<Hook>,
    /// All other manifests, in the order in which they are installed.
    pub manifests: Vec<Manifest>,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
}

impl Sorted {
    /// The hooks of an event in the order in which they run. One that names the event twice runs twice.
    pub fn hooks_for(&self, event: Event) -> Vec<&Hook> {
        let times = |hook: &Hook| hook.events.iter().filter(|of| **of == event).count();
        let mut hooks: Vec<_> =
            self.hooks.iter().flat_map(|hook| std::iter::repeat_n(hook, times(hook))).collect();
        hooks.sort_by(|a, b| a.weight.cmp(&b.weight).then_with(|| a.name.cmp(&b.name)));
        hooks
    }
}

/// Sorts rendered files, by path.
pub fn sort(files: &BTreeMap<String, String>) -> Result<Sorted, SortError> {
    let documents = files
        .iter()
        .filter(|(path, _)| !is_partial(path))
        .flat_map(|(path, text)| split(text).into_iter().map(move |document| (path.as_str(), document)));
    sort_documents(documents)
}

/// Whether a template only defines what others use.
pub(crate) fn is_partial(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('_'))
}

/// Sorts documents, each with its path.
pub(crate) fn sort_documents<'d>(
    documents: impl Iterator<Item = (&'d str, &'d str)>,
) -> Result<Sorted, SortError> {
    let mut sorted = Sorted::default();
    for (path, document) in documents {
        let head = Head::read(document).map_err(|source| SortError { path: path.to_owned(), source })?;
        match role(&head, path, document) {
            Role::Plain => {
                sorted.manifests.push(Manifest { path: path.to_owned(), content: document.to_owned(), head });
            }
            Role::Hook(hook) => sorted.hooks.push(*hook),
            Role::Unknown(events) => sorted.warnings.push(format!(
                "{path}: {} {} is left out: it is a hook for unknown events: {events}",
                head.kind, head.name
            )),
        }
    }
    sorted.hooks.sort_by(|a, b| compare(&a.kind, &b.kind, INSTALL_ORDER));
    sorted.manifests.sort_by(|a, b| compare(&a.head.kind, &b.head.kind, INSTALL_ORDER));
    Ok(sorted)
}

/// The manifest of a release: all its documents, each with the template that it comes from.
pub fn manifest_text(manifests: &[Manifest]) -> String {
    manifests.iter().map(|manifest| document_text(&manifest.path, &manifest.content)).collect()
}

/// A document as Helm prints and stores it.
pub fn document_text(path: &str, content: &str) -> String {
    document_parts(path, content).concat()
}

/// The same in parts, for who writes them one after the other.
pub fn document_parts<'d>(path: &'d str, content: &'d str) -> [&'d str; 5] {
    ["---\n# Source: ", path, "\n", content, "\n"]
}

/// Brings manifests into the order in which they are removed.
pub fn uninstall_order(manifests: &mut [Manifest]) {
    manifests.sort_by(|a, b| compare(&a.head.kind, &b.head.kind, UNINSTALL_ORDER));
}
