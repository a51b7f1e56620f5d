//! Edits of marked scalars: only their bytes change, whatever else the file holds.
//!
//! A marker is a comment behind a scalar, or above an item of a list:
//!
//! ```yaml
//! image: ghcr.io/org/app:1.0.0 # {"$imagepolicy": "namespace:policy"}
//! tag: 1.0.0 # {"$imagepolicy": "namespace:policy:tag"}
//! ```

mod lines;
mod marker;
mod splice;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use sluice_yaml::ScalarStyle;

use crate::Image;
pub use marker::Malformed;
pub(crate) use marker::{Field, KEY, Marker};
pub(crate) use tree::identity;

/// The selected images by policy, `<namespace>:<name>`.
pub type Images = BTreeMap<String, Image>;

/// What an edit did to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The file's new text; the old one, byte for byte, if nothing changed.
    pub text: String,
    /// The values that changed, in the order of the file.
    pub changes: Vec<Change>,
    /// The markers that could not be applied, in the order of the file.
    pub unapplied: Vec<Unapplied>,
}

/// A value that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The object that it is part of; empty in files without objects.
    pub object: Object,
    /// The value before.
    pub old: String,
    /// The value after.
    pub new: String,
    /// The marker's text, `<namespace>:<policy>[:<field>]`.
    pub setter: String,
    /// The line of the value, from 1.
    pub line: u32,
}

/// An object by what its manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// `apiVersion`
    pub api_version: String,
    /// `kind`
    pub kind: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
}

/// A marker that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unapplied {
    /// Its line, from 1.
    pub line: u32,
    /// Why.
    pub reason: Reason,
}

/// Why a marker could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It can't be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// No selected policy has that name, or it has selected no image yet.
    #[error("no image of the policy '{0}' is at hand")]
    NoImage(String),
    /// It stands behind no scalar.
    #[error("the marker stands neither behind a value that is a scalar nor above an item of a list")]
    NoScalar,
    /// Several policies select another tag of the image each.
    #[error(
        "the policies {policies} select different tags of '{image}': choose one with spec.policySelector"
    )]
    Ambiguous {
        /// The image.
        image: String,
        /// Their names.
        policies: String,
    },
    /// There is no value to replace.
    #[error("'{0}' has no tag here that could be replaced: write one")]
    NoTag(String),
    /// A digest counts, which the policy does not tell.
    #[error(
        "'{0}' is pinned by a digest here, and its policy tells none: set spec.digestReflectionPolicy of the policy"
    )]
    Pinned(String),
    /// The version is a range, which Flux follows by itself.
    #[error("the version '{0}' is a range: write a version")]
    Range(String),
    /// Repositories of the same name have different addresses.
    #[error("the files have several repositories called '{0}': it is unknown which one is meant")]
    UnknownRepository(String),
}

/// An edit that would have changed more than the marked values. The file is left as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: '{new}' can't be written in place of '{old}' without changing its surroundings")]
pub struct Unsafe {
    /// The line of the first value that came out wrong.
    pub line: u32,
    /// The value that stood there.
    pub old: String,
    /// The value that should.
    pub new: String,
}

/// A scalar in a text that is to be set.
#[derive(Clone, Debug)]
pub(crate) struct Marked {
    pub(crate) marker: Marker,
    /// The bytes of the scalar, quotes included.
    pub(crate) span: Range<usize>,
    pub(crate) style: ScalarStyle,
    pub(crate) value: String,
    pub(crate) line: u32,
    /// Whether the marker stands above it.
    pub(crate) above: bool,
    pub(crate) object: Object,
}

impl Marked {
    /// The line of the marker, from 1.
    fn marker_line(&self, text: &str) -> u32 {
        let (before, behind) = text.split_at_checked(self.span.start).unwrap_or((text, ""));
        let at = if self.above {
            before.rfind(KEY).unwrap_or_default()
        } else {
            before.len() + behind.find(KEY).unwrap_or_default()
        };
        text.bytes().take(at).filter(|byte| *byte == b'\n').count() as u32 + 1
    }
}

/// Whether a text can hold markers at all: a cheap test before everything else.
pub fn has_markers(text: &str) -> bool {
    text.contains(KEY)
}

/// Writes the selected images to the marked values of a YAML file.
///
/// A text that is no YAML as a whole, such as a template, is edited line by line: there a marker counts behind a value
/// that stands on one line with its key.
pub fn edit(text: &str, images: &Images) -> Result<Edit, Unsafe> {
    let mut edit = Edit { text: text.to_owned(), ..Edit::default() };
    if !has_markers(text) {
        return Ok(edit);
    }
    let marked = find(text);
    let mut wanted = Vec::new();
    for place in &marked {
        if let Some(image) = images.get(&place.marker.policy) {
            wanted.push((place, place.marker.field.of(image)));
        } else {
            let reason = Reason::NoImage(place.marker.policy.clone());
            edit.unapplied.push(Unapplied { line: place.marker_line(text), reason });
        }
    }
    let read: BTreeSet<u32> = marked.iter().map(|place| place.marker_line(text)).collect();
    edit.unapplied.extend(unread(text, &read));
    edit.unapplied.sort_by_key(|marker| marker.line);
    edit.changes = write(&mut edit.text, &wanted);
    if !edit.changes.is_empty() {
        verify(&edit.text, &wanted)?;
    }
    Ok(edit)
}

/// Writes values in place of those that are there, which are given in their order; what changed.
pub(crate) fn write(text: &mut String, wanted: &[(&Marked, String)]) -> Vec<Change> {
    let changed: Vec<_> = wanted.iter().filter(|(place, new)| place.value != *new).collect();
    for (place, new) in changed.iter().rev() {
        splice::replace(text, place, new);
    }
    let change = |(place, new): &(&Marked, String)| Change {
        object: place.object.clone(),
        old: place.value.clone(),
        new: new.clone(),
        setter: place.marker.setter.clone(),
        line: place.line,
    };
    changed.into_iter().map(change).collect()
}

/// The marked scalars of a text in its order, each once.
fn find(text: &str) -> Vec<Marked> {
    let mut marked = match sluice_yaml::parse(text) {
        Ok(documents) => tree::marked(&documents),
        Err(_) => lines::marked(text),
    };
    marked.sort_by_key(|place| place.span.start);
    // An alias is read as a copy of what it names, at the same place.
    marked.dedup_by_key(|place| place.span.start);
    marked
}

/// The lines with a marker that was not found behind a scalar.
fn unread(text: &str, read: &BTreeSet<u32>) -> Vec<Unapplied> {
    let numbered = (1u32..).zip(text.lines());
    let candidates = numbered.filter(|(number, line)| line.contains(KEY) && !read.contains(number));
    candidates
        .filter_map(|(line, content)| {
            let (_, comment) = marker::comment(content)?;
            let reason = match Marker::parse(comment) {
                Some(Err(malformed)) => malformed.into(),
                Some(Ok(_)) | None => Reason::NoScalar,
            };
            Some(Unapplied { line, reason })
        })
        .collect()
}

/// Reads the new text again: the same places must be marked, with the values that were wanted.
fn verify(text: &str, wanted: &[(&Marked, String)]) -> Result<(), Unsafe> {
    let now = find(text);
    let now = now.iter().filter(|place| wanted.iter().any(|(old, _)| old.marker == place.marker));
    let values: Vec<&str> = now.map(|place| place.value.as_str()).collect();
    let differs =
        wanted.iter().enumerate().find(|(index, (_, new))| values.get(*index) != Some(&new.as_str()));
    match differs {
        Some((_, (place, new))) => {
            Err(Unsafe { line: place.line, old: place.value.clone(), new: new.clone() })
        }
        None => Ok(()),
    }
}
