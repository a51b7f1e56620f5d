//! Strategic merge patches.

use sluice_yaml::Node;

use super::Transformer;
use crate::error::Error;
use crate::kustomization::SelectorRegex;
use crate::loader::Loader;
use crate::nodes;
use crate::parse;
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::schema::Schema;

/// `patchesStrategicMerge`
pub(crate) struct StrategicPatches {
    patches: Vec<Resource>,
    schema: Schema,
}

impl StrategicPatches {
    /// Takes patches that are each a path or the text itself, and more text.
    pub(crate) fn new(entries: &[String], text: &str, loader: &Loader<'_>) -> Result<Self, Error> {
        if entries.is_empty() && text.is_empty() {
            return Err(Error::Usage("empty file path and empty patch content".to_owned()));
        }
        let mut patches = Vec::new();
        for entry in entries {
            // What is no object is a path.
            match parse::resources(entry.as_bytes(), "patchesStrategicMerge") {
                Ok(inline) => patches.extend(inline),
                Err(_) => patches.extend(parse::resources(&loader.load(entry)?, entry)?),
            }
        }
        if !text.is_empty() {
            patches.extend(parse::resources(text.as_bytes(), "patches")?);
        }
        if patches.is_empty() {
            let files = entries.join(" ");
            return Err(Error::Usage(format!("patch appears to be empty; files=[{files}], Patch={text}")));
        }
        Ok(Self { patches, schema: loader.context.schema.borrow().clone() })
    }
}

impl Transformer for StrategicPatches {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        for patch in &self.patches {
            let place = map.place_by_any_id(&patch.id())?;
            map.update(place, |resource| merge_like(resource, patch, &self.schema))?;
            map.drop_empties();
        }
        Ok(())
    }
}

/// Merges a patch into all resources that a selector matches, whatever the patch calls itself.
pub(super) fn merge_selected(
    map: &mut ResMap,
    patch: &Resource,
    target: &SelectorRegex,
    schema: &Schema,
) -> Result<(), Error> {
    for place in 0..map.len() {
        if map.as_slice().get(place).is_some_and(|resource| target.matches(resource)) {
            map.update(place, |resource| merge_like(resource, patch, schema))?;
        }
    }
    // New names may clash.
    let mut kept = std::mem::take(map).into_resources();
    kept.retain(|resource| !resource.is_empty());
    map.append_all(kept)
}

/// Merges a patch made to look like it is for this very resource. Its labels and annotations become texts on the
/// way, also those that are null.
fn merge_like(resource: &mut Resource, patch: &Resource, schema: &Schema) -> Result<(), Error> {
    let mut patch = patch.clone();
    patch.set_labels(&patch.labels());
    patch.set_annotations(&patch.annotations());
    if resource.node.get("apiVersion").is_some() {
        patch.set_api_version(resource.api_version());
        return merge(resource, &patch, schema);
    }
    // kustomize sets an empty version, which comes out as null.
    if let Some(mapping) = patch.node.as_mapping_mut() {
        mapping.remove("apiVersion");
    }
    merge(resource, &patch, schema)?;
    if let Some(mapping) = resource.node.as_mapping_mut() {
        nodes::set_field(mapping, "apiVersion", Node::null());
    }
    Ok(())
}

/// Merges a patch. Name, namespace and kind stay unless the patch may change them.
pub(super) fn merge(resource: &mut Resource, patch: &Resource, schema: &Schema) -> Result<(), Error> {
    if patch.node.get("$patch").and_then(Node::as_str) == Some("replace") {
        // kustomize makes the new object, and then goes on with the old one.
        return Ok(());
    }
    let (kind, name) = (resource.kind().to_owned(), resource.name().to_owned());
    let namespace = resource.namespace().to_owned();
    let (new_name, new_kind) = (patch.memory.allow_name_change, patch.memory.allow_kind_change);
    if new_name || new_kind {
        resource.store_previous_id();
    }
    let id = resource.id();
    let merged = resource.with_annotated_notes(false, |node| {
        *node = schema.merge(&patch.node, node)?.unwrap_or_else(Node::null);
        Ok(())
    });
    merged.map_err(|source| source.patching(&id))?;
    if resource.is_empty() {
        resource.node = Node::null();
        return Ok(());
    }
    if !new_kind {
        resource.set_kind(&kind);
    }
    if !new_name {
        resource.set_name(&name);
    }
    resource.set_namespace(&namespace);
    Ok(())
}
