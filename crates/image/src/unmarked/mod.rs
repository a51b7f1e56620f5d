//! Edits where no marker is needed, because what stands beside a tag tells of which image it is:
//!
//! - `images` of a `kustomization.yaml`: `newTag` beside `name` or `newName`;
//! - values of a `HelmRelease`, and files of values: `tag` beside `repository` (and `registry`);
//! - versions of charts that registries hold: in a `HelmRelease` beside a `HelmRepository`, in an `OCIRepository`.
//!
//! As for marked values, only the bytes of the scalar change. Where more than one answer is possible, nothing does,
//! and the reason is told.

mod charts;
mod files;
mod kustomization;
mod name;
mod values;

use std::collections::BTreeMap;

use sluice_yaml::{Document, Node, ScalarStyle, Version, tag};

pub use charts::Charts;
pub use files::ValuesFiles;

use crate::Image;
use crate::setters::{Edit, Field, Images, KEY, Marked, Marker, Object, Reason, Unapplied, Unsafe};
use crate::setters::{identity, write};

/// What is updated.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    /// `images` of a `kustomization.yaml`.
    pub kustomize_images: bool,
    /// `repository` and `tag` in the values of a `HelmRelease`.
    pub helm_values: bool,
    /// Versions of charts.
    pub helm_charts: bool,
    /// `repository` and `tag` in these files.
    pub values_files: ValuesFiles,
}

/// What is written where no marker stands.
#[derive(Debug)]
pub struct Unmarked<'a> {
    kinds: Kinds,
    /// The policies of an image, by its canonical name.
    images: BTreeMap<String, Vec<(&'a str, &'a Image)>>,
    charts: &'a Charts,
}

/// A scalar that is to be set, or why it is not.
enum Found {
    Value(Box<Marked>, String),
    Skipped(Unapplied),
}

impl<'a> Unmarked<'a> {
    /// `charts` are those that the files tell of.
    pub fn new(kinds: Kinds, images: &'a Images, charts: &'a Charts) -> Self {
        let mut by_name: BTreeMap<String, Vec<(&str, &Image)>> = BTreeMap::new();
        for (policy, image) in images {
            by_name.entry(name::canonical(&image.name)).or_default().push((policy.as_str(), image));
        }
        Self { kinds, images: by_name, charts }
    }

    /// Whether a file, by its path from the directory that is updated, can have anything to update: a cheap test before
    /// everything else.
    pub fn concerns(&self, file: &str, text: &str) -> bool {
        (self.kinds.kustomize_images && kustomization::is_name(file) && text.contains("images"))
            || ((self.kinds.helm_values || self.kinds.helm_charts) && text.contains("HelmRelease"))
            || (self.kinds.helm_charts && text.contains("OCIRepository"))
            || (text.contains("repository") && self.kinds.values_files.has(file))
    }

    /// Writes the selected images to a file. A text that is no YAML as a whole is left alone.
    pub fn edit(&self, file: &str, text: &str) -> Result<Edit, Unsafe> {
        let mut edit = Edit { text: text.to_owned(), ..Edit::default() };
        let mut values = Vec::new();
        for found in self.find(file, text) {
            match found {
                Found::Value(place, new) => values.push((place, new)),
                Found::Skipped(skipped) => edit.unapplied.push(skipped),
            }
        }
        values.sort_by_key(|(place, _)| place.span.start);
        // An alias is read as a copy of what it names, at the same place.
        values.dedup_by_key(|(place, _)| place.span.start);
        let wanted: Vec<(&Marked, String)> =
            values.iter().map(|(place, new)| (&**place, new.clone())).collect();
        edit.changes = write(&mut edit.text, &wanted);
        if !edit.changes.is_empty() {
            self.verify(file, &edit.text, &wanted)?;
        }
        Ok(edit)
    }

    /// Reads the new text again: the same places must have the values that were wanted.
    fn verify(&self, file: &str, text: &str, wanted: &[(&Marked, String)]) -> Result<(), Unsafe> {
        let mut now: Vec<_> = self
            .find(file, text)
            .into_iter()
            .filter_map(|found| match found {
                Found::Value(place, _) => Some((place.span.start, place.value)),
                Found::Skipped(_) => None,
            })
            .collect();
        now.sort();
        now.dedup();
        let wrong = wanted
            .iter()
            .enumerate()
            .find(|(index, (_, new))| now.get(*index).map(|(_, value)| value) != Some(new));
        match wrong {
            Some((_, (place, new))) => {
                Err(Unsafe { line: place.line, old: place.value.clone(), new: new.clone() })
            }
            None => Ok(()),
        }
    }

    fn find(&self, file: &str, text: &str) -> Vec<Found> {
        let Ok(documents) = sluice_yaml::parse(text) else { return Vec::new() };
        let mut found = Vec::new();
        if self.kinds.kustomize_images && kustomization::is_name(file) {
            for document in &documents {
                kustomization::find(self, &document.root, &mut found);
            }
        }
        if self.kinds.values_files.has(file) {
            for document in &documents {
                values::of_file(self, &document.root, &mut found);
            }
        }
        for object in objects(&documents) {
            if self.kinds.helm_values {
                values::of_release(self, object, &mut found);
            }
            if self.kinds.helm_charts {
                charts::find(self, object, &mut found);
            }
        }
        found
    }

    /// The image that the policies select, and one of them; None if no policy is about it.
    fn image(&self, name: &str) -> Option<Result<(&'a str, &'a Image), Reason>> {
        let known = self.images.get(&name::canonical(name))?;
        let (policy, image) = *known.first()?;
        if known.iter().all(|(_, other)| (&other.tag, &other.digest) == (&image.tag, &image.digest)) {
            return Some(Ok((policy, image)));
        }
        let policies: Vec<String> = known.iter().map(|(policy, _)| format!("'{policy}'")).collect();
        Some(Err(Reason::Ambiguous { image: name.to_owned(), policies: policies.join(", ") }))
    }

    /// Sets tag and digest that stand beside the name of an image.
    fn set(&self, name: &Named<'_>, found: &mut Vec<Found>) {
        let (policy, image) = match self.image(&name.name) {
            None => return,
            Some(Ok(known)) => known,
            Some(Err(reason)) => {
                found.push(skipped(name.at, reason));
                return;
            }
        };
        let digest = name.digest.as_ref();
        if [name.tag, digest.map(|digest| digest.node)].into_iter().flatten().any(has_marker) {
            return;
        }
        let tag = name.tag.filter(|node| text(node).is_some_and(|tag| !tag.is_empty()));
        let pinned = tag.and_then(text).is_some_and(|tag| tag.contains('@'));
        let new_digest = digest.map(|digest| digest.of(&image.digest));
        if new_digest == Some(None) || (pinned && image.digest.is_empty()) {
            found.push(skipped(name.at, Reason::Pinned(name.name.clone())));
            return;
        }
        if let Some(node) = tag {
            let plain = name.spelling.of(&image.tag);
            let new = if pinned { format!("{plain}@{}", image.digest) } else { plain };
            found.extend(value(node, policy, Field::Tag, new, &name.object));
        }
        if let (Some(digest), Some(Some(new))) = (digest, new_digest) {
            found.extend(value(digest.node, policy, Field::Digest, new.to_owned(), &name.object));
        }
        if tag.is_none() && digest.is_none() {
            found.push(skipped(name.at, Reason::NoTag(name.name.clone())));
        }
    }
}

/// The name of an image, and what stands beside it.
struct Named<'n> {
    name: String,
    at: &'n Node,
    tag: Option<&'n Node>,
    digest: Option<Digest<'n>>,
    spelling: Spelling,
    object: Object,
}

/// A digest that is written beside the name of an image.
struct Digest<'n> {
    node: &'n Node,
    /// Whether the algorithm is left out, which is SHA-256 then.
    is_bare: bool,
}

impl<'n> Digest<'n> {
    /// One with its algorithm; None where no digest is written.
    fn whole(node: &'n Node) -> Option<Self> {
        node.as_str().is_some_and(|digest| !digest.is_empty()).then_some(Self { node, is_bare: false })
    }

    /// How a digest is written here, if it can be.
    fn of<'d>(&self, digest: &'d str) -> Option<&'d str> {
        let written = if self.is_bare { digest.strip_prefix("sha256:")? } else { digest };
        (!written.is_empty()).then_some(written)
    }
}

/// How a tag is written.
#[derive(Clone, Copy)]
enum Spelling {
    /// As in the registry.
    Tag,
    /// As the version of a chart: registries have `_` where versions have `+`.
    ChartVersion,
}

impl Spelling {
    fn of(self, tag: &str) -> String {
        match self {
            Self::Tag => tag.to_owned(),
            Self::ChartVersion => tag.replace('_', "+"),
        }
    }
}

/// The text of a scalar that is not null, whatever its type.
fn text(node: &Node) -> Option<&str> {
    let null = node.resolve(Version::V3).is_some_and(|value| value.tag() == tag::NULL);
    node.as_scalar().filter(|_| !null).map(|scalar| &*scalar.text)
}

/// A marker says what is written: then nothing else does.
fn has_marker(node: &Node) -> bool {
    node.comments.as_ref().is_some_and(|comments| comments.line.contains(KEY))
}

fn skipped(at: &Node, reason: Reason) -> Found {
    Found::Skipped(Unapplied { line: at.position.line, reason })
}

fn value(node: &Node, policy: &str, field: Field, new: String, object: &Object) -> Option<Found> {
    let scalar = node.as_scalar().filter(|_| node.position.is_known())?;
    let written = match scalar.style {
        ScalarStyle::Literal | ScalarStyle::Folded => scalar.text.trim_end(),
        _ => &scalar.text,
    };
    let place = Marked {
        marker: Marker::of(policy, field),
        span: node.position.span(),
        style: scalar.style,
        value: written.to_owned(),
        line: node.position.line,
        above: false,
        object: object.clone(),
    };
    Some(Found::Value(Box::new(place), new))
}

/// The objects of all documents, those of lists too.
fn objects(documents: &[Document]) -> Vec<&Node> {
    let mut objects = Vec::new();
    for document in documents {
        let root = &document.root;
        let is_list = root.get("kind").and_then(Node::as_str).is_some_and(|kind| kind.ends_with("List"));
        match root.get("items").and_then(Node::as_sequence).filter(|_| is_list) {
            Some(items) => objects.extend(items.iter()),
            None => objects.push(root),
        }
    }
    objects
}

/// Whether an object is of a kind of a group.
fn is(object: &Node, group: &str, kind: &str) -> bool {
    let found = identity(object);
    found.kind == kind && found.api_version.split_once('/').is_some_and(|(of, _)| of == group)
}
