//! Merge keys (`<<`), as each of Go's libraries takes them in.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::Error;
use crate::node::{Entry, Mapping, Node, ScalarStyle, Value};
use crate::resolve::{Version, tag};

/// Whether a key is a merge key: a plain `<<`, or one tagged `!!merge`.
pub(crate) fn is_merge(key: &Node) -> bool {
    match (&key.value, key.tag.as_deref()) {
        (Value::Scalar(scalar), None) => scalar.style == ScalarStyle::Plain && &*scalar.text == "<<",
        (Value::Scalar(scalar), Some(name)) => name == tag::MERGE && &*scalar.text == "<<",
        _ => false,
    }
}

/// The mappings that a merge key's value names, the strongest first.
fn sources(value: &Node) -> Result<Vec<&Mapping>, Error> {
    let one = |node: &'_ Node| Error::Merge { position: node.position };
    match &value.value {
        Value::Mapping(mapping) => Ok(vec![mapping]),
        Value::Sequence(items) => {
            items.iter().map(|item| item.as_mapping().ok_or_else(|| one(item))).collect()
        }
        Value::Scalar(_) => Err(one(value)),
    }
}

/// The mapping with its merge keys taken in. Explicit keys win over merged ones; [`Version::V2`] lets a merge key
/// also override the explicit keys above it, and takes several merge keys; [`Version::V3`] takes one only.
///
/// `strict`: keys that [`Version::V2`] overrides stay, for the caller to refuse them as duplicates.
pub(crate) fn merged(mapping: &Mapping, version: Version, strict: bool) -> Result<Mapping, Error> {
    match version {
        Version::V2 => in_order(mapping, strict),
        Version::V3 => explicit_first(mapping),
    }
}

fn in_order(mapping: &Mapping, strict: bool) -> Result<Mapping, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    for entry in mapping {
        if is_merge(&entry.key) {
            for source in sources(&entry.value)?.into_iter().rev() {
                entries.extend(flat(source, Version::V2, strict)?.iter().cloned());
            }
        } else {
            entries.push(entry.clone());
        }
    }
    if strict {
        return Ok(entries.into());
    }
    // The last one wins where it stands last, so that no reader takes the repetition for a duplicate.
    let mut seen: HashSet<Arc<str>> = HashSet::new();
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries.into_iter().rev() {
        if text(&entry.key).is_none_or(|text| seen.insert(text)) {
            kept.push(entry);
        }
    }
    kept.reverse();
    Ok(kept.into())
}

fn explicit_first(mapping: &Mapping) -> Result<Mapping, Error> {
    let (merges, mut entries): (Vec<Entry>, Vec<Entry>) =
        mapping.iter().cloned().partition(|entry| is_merge(&entry.key));
    if let [first, second, ..] = &merges[..] {
        let (key, position, first) = ("<<".to_owned(), second.key.position, first.key.position);
        return Err(Error::DuplicateKey { key, position, first });
    }
    let mut seen: HashSet<Arc<str>> = entries.iter().filter_map(|entry| text(&entry.key)).collect();
    if let Some(merge) = merges.last() {
        for source in sources(&merge.value)? {
            for entry in &flat(source, Version::V3, false)? {
                if text(&entry.key).is_none_or(|text| seen.insert(text)) {
                    entries.push(entry.clone());
                }
            }
        }
    }
    Ok(entries.into())
}

fn flat(mapping: &Mapping, version: Version, strict: bool) -> Result<Mapping, Error> {
    if mapping.iter().any(|entry| is_merge(&entry.key)) {
        merged(mapping, version, strict)
    } else {
        Ok(mapping.clone())
    }
}

fn text(key: &Node) -> Option<Arc<str>> {
    key.as_scalar().map(|scalar| Arc::clone(&scalar.text))
}

impl Node {
    /// Takes in all merge keys of the tree, as kustomize does with the resources it loads.
    pub fn expand_merges(&mut self, version: Version) -> Result<(), Error> {
        match &mut self.value {
            Value::Scalar(_) => Ok(()),
            Value::Sequence(items) => {
                if items.iter().any(has_merge) {
                    items.items_mut().iter_mut().try_for_each(|item| item.expand_merges(version))?;
                }
                Ok(())
            }
            Value::Mapping(mapping) => {
                if mapping.iter().any(|entry| is_merge(&entry.key)) {
                    let flow = mapping.flow;
                    *mapping = merged(mapping, version, false)?;
                    mapping.flow = flow;
                }
                if mapping.iter().any(|entry| has_merge(&entry.value)) {
                    mapping
                        .entries_mut()
                        .iter_mut()
                        .try_for_each(|entry| entry.value.expand_merges(version))?;
                }
                Ok(())
            }
        }
    }
}

/// Whether a merge key stands anywhere in the tree. Looking first keeps shared parts shared.
fn has_merge(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => items.iter().any(has_merge),
        Value::Mapping(mapping) => {
            mapping.iter().any(|entry| is_merge(&entry.key) || has_merge(&entry.value))
        }
    }
}
