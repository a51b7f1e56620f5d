//! Phase: the selected images are written to the files of a commit.

use std::collections::BTreeMap;

use sluice_apis::image::v1::{ImageUpdateAutomation, UnmarkedUpdate, UpdateStrategy};
use sluice_git::{Commit, Entry, Kind, Walk};
use sluice_image::setters::{self, Images, Object, Reason, Unapplied};
use sluice_image::unmarked::{Charts, Kinds, Unmarked, ValuesFiles};
use sluice_runtime::{EventType, Pass};

use super::AutomationReconciler;
use super::policies::Chosen;
use super::scope::{Place, Scope, is_candidate};
use crate::failure::{Failure, reasons};

/// The largest file in bytes that is looked into.
const MAX_FILE: u64 = 16 << 20;
/// How many markers that can't be applied are told of.
const MAX_TOLD: usize = 20;

/// What is to be committed.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// The new content of files by their paths from the root.
    pub(super) files: Vec<(String, Vec<u8>)>,
    pub(super) changes: Vec<Change>,
    /// What could not be applied, and why.
    unapplied: Vec<Told>,
}

/// Something that was left alone.
#[derive(Debug)]
enum Told {
    /// A marker: file, line and reason.
    Marker(String),
    /// A place without one.
    Place(String),
}

impl Told {
    /// Reason and message of an event.
    fn event(&self) -> (&'static str, String) {
        match self {
            Self::Marker(text) => (reasons::MARKER_IGNORED, format!("a marker is ignored: {text}")),
            Self::Place(text) => (reasons::UPDATE_SKIPPED, format!("not updated: {text}")),
        }
    }
}

/// A value that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The file's path from the directory that is updated.
    pub(super) file: String,
    pub(super) object: Object,
    pub(super) old: String,
    pub(super) new: String,
    pub(super) setter: String,
}

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Why no update was made.
#[derive(Debug, thiserror::Error)]
enum EditError {
    #[error(transparent)]
    Git(#[from] sluice_git::Error),
    #[error("{file}: {source}")]
    Unsafe { file: String, source: setters::Unsafe },
}

impl AutomationReconciler {
    /// Edits the files that have markers.
    pub(super) async fn edit(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        base: &Commit,
        chosen: &Chosen,
    ) -> Result<Edits, Failure> {
        let failed = |error: String| {
            Failure::retry(reasons::UPDATE_FAILED, format!("failed to apply policies: {error}"))
        };
        chosen.check().map_err(failed)?;
        let path = pass.object.spec.update.path.clone().unwrap_or_default();
        let scope = Scope::parse(&path).ok_or_else(|| {
            failed(format!("spec.update.path '{path}' leads out of the repository: give a path in it"))
        })?;
        let kinds = kinds(&pass.object.spec.update)
            .map_err(|error| Failure::stall(reasons::INVALID_UPDATE_STRATEGY, error))?;
        let (base, images) = (base.clone(), chosen.images.clone());
        let edits = tokio::task::spawn_blocking(move || edit(&base, &scope, &images, kinds)).await;
        let edits =
            edits.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
        let edits = edits.ok_or_else(|| {
            failed(format!("spec.update.path '{path}' is no directory or file of the repository"))
        })?;
        for told in edits.unapplied.iter().take(MAX_TOLD) {
            let (reason, message) = told.event();
            tracing::warn!("{message}");
            pass.event(EventType::Trace, reason, &message, &BTreeMap::new());
        }
        Ok(edits)
    }
}

/// What is updated where no marker stands.
fn kinds(asked: &UpdateStrategy) -> Result<Kinds, String> {
    let mut kinds = Kinds { values_files: ValuesFiles::parse(&asked.values_files), ..Kinds::default() };
    for kind in &asked.unmarked {
        match kind {
            UnmarkedUpdate::KustomizeImages => kinds.kustomize_images = true,
            UnmarkedUpdate::HelmValues => kinds.helm_values = true,
            UnmarkedUpdate::HelmCharts => kinds.helm_charts = true,
            UnmarkedUpdate::Other(word) => {
                return Err(format!("spec.update.unmarked: '{word}' is not supported"));
            }
        }
    }
    Ok(kinds)
}

/// Edits the files of a commit; None if the scope is not there.
fn edit(base: &Commit, scope: &Scope, images: &Images, kinds: Kinds) -> Result<Option<Edits>, EditError> {
    let mut edits = Edits::default();
    let charts = if kinds.helm_charts { charts(base)? } else { Charts::default() };
    let values_files = kinds.values_files.clone();
    let mut has_values = values_files.is_empty();
    let unmarked = Unmarked::new(kinds, images, &charts);
    let mut is_there = scope.is_everything();
    base.walk(|entry| {
        let Ok(path) = std::str::from_utf8(entry.path) else { return Ok(Walk::SkipDirectory) };
        match scope.place(path) {
            Place::Outside => return Ok(Walk::SkipDirectory),
            Place::Above => return Ok(Walk::Continue),
            Place::Root => is_there |= matches!(entry.kind, Kind::Directory | Kind::File | Kind::Executable),
            Place::Inside => {}
        }
        if let Some(text) = text(entry, path)? {
            has_values = has_values || values_files.has(scope.relative(path));
            file(&text, path, scope, (images, &unmarked), &mut edits)?;
        }
        Ok::<_, EditError>(Walk::Continue)
    })?;
    if !has_values {
        edits.unapplied.push(Told::Place("spec.update.valuesFiles matches no YAML file".to_owned()));
    }
    Ok(is_there.then_some(edits))
}

/// The repositories of charts that any file of a commit tells of.
fn charts(base: &Commit) -> Result<Charts, EditError> {
    let mut charts = Charts::default();
    base.walk(|entry| {
        let Ok(path) = std::str::from_utf8(entry.path) else { return Ok(Walk::SkipDirectory) };
        if let Some(text) = text(entry, path)? {
            charts.read(&text);
        }
        Ok::<_, EditError>(Walk::Continue)
    })?;
    Ok(charts)
}

/// The text of a file that may be edited.
fn text(entry: &Entry<'_>, path: &str) -> Result<Option<String>, EditError> {
    if !matches!(entry.kind, Kind::File | Kind::Executable) || !is_candidate(path) {
        return Ok(None);
    }
    if entry.size()? > MAX_FILE {
        tracing::warn!(path, "the file is too large to look for images in it");
        return Ok(None);
    }
    // A text in another encoding can't hold a marker that anybody else would see.
    Ok(String::from_utf8(entry.read(MAX_FILE)?).ok())
}

fn file(
    text: &str,
    path: &str,
    scope: &Scope,
    (images, unmarked): (&Images, &Unmarked<'_>),
    edits: &mut Edits,
) -> Result<(), EditError> {
    let name = scope.relative(path);
    let failed = |source| EditError::Unsafe { file: name.to_owned(), source };
    let line = |place: &Unapplied| format!("{name}, line {}: {}", place.line, place.reason);
    let mut new = None;
    if setters::has_markers(text) {
        let edit = setters::edit(text, images).map_err(failed)?;
        for marker in &edit.unapplied {
            match &marker.reason {
                // Other automations may have it.
                Reason::NoImage(policy) => {
                    tracing::debug!(path, line = marker.line, policy, "no image for a marker");
                }
                _ => edits.unapplied.push(Told::Marker(line(marker))),
            }
        }
        new = edits.take(name, edit);
    }
    if unmarked.concerns(name, text) {
        let edit = unmarked.edit(name, new.as_deref().unwrap_or(text)).map_err(failed)?;
        edits.unapplied.extend(edit.unapplied.iter().map(|place| Told::Place(line(place))));
        new = edits.take(name, edit).or(new);
    }
    if let Some(new) = new {
        edits.files.push((path.to_owned(), new.into_bytes()));
    }
    Ok(())
}

impl Edits {
    /// Notes the changes of a file; its new text if there are any.
    fn take(&mut self, file: &str, edit: setters::Edit) -> Option<String> {
        let is_changed = !edit.changes.is_empty();
        self.changes.extend(edit.changes.into_iter().map(|change| Change {
            file: file.to_owned(),
            object: change.object,
            old: change.old,
            new: change.new,
            setter: change.setter,
        }));
        is_changed.then_some(edit.text)
    }
}
