//! The parts of a kustomization file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::decode::{At, Decode, DecodeError, Fields};
use crate::Dialect;
use crate::fieldspec::FieldSpec;
use crate::ids::{Gvk, ResId, split_api_version};

/// Names and texts attached to an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Fields for ObjectMeta {
    const TYPE: &'static str = "ObjectMeta";
    const FIELDS: &'static [&'static str] = &["name", "namespace", "labels", "annotations"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "name" => self.name = Decode::decode(value, at)?,
            "namespace" => self.namespace = Decode::decode(value, at)?,
            "labels" => self.labels = Decode::decode(value, at)?,
            _ => self.annotations = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// An entry of `labels`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The labels.
    pub pairs: BTreeMap<String, String>,
    /// Also in selectors and templates.
    pub include_selectors: bool,
    /// Also in templates.
    pub include_templates: bool,
    /// Also in volume claim templates.
    pub include_volume_claim_templates: bool,
    /// Also in these fields.
    pub fields: Vec<FieldSpec>,
}

impl Fields for Label {
    const TYPE: &'static str = "Label";
    const FIELDS: &'static [&'static str] =
        &["pairs", "includeSelectors", "includeTemplates", "includeVolumeClaimTemplates", "fields"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "pairs" => self.pairs = Decode::decode(value, at)?,
            "includeSelectors" => self.include_selectors = Decode::decode(value, at)?,
            "includeTemplates" => self.include_templates = Decode::decode(value, at)?,
            "includeVolumeClaimTemplates" => self.include_volume_claim_templates = Decode::decode(value, at)?,
            _ => self.fields = Decode::decode(value, at)?,
        }
        Ok(())
    }
    fn has(field: &str, dialect: Dialect) -> bool {
        field != "includeVolumeClaimTemplates" || dialect == Dialect::Latest
    }
}

/// Which resources something applies to. Group to name are regular expressions that must match the whole text;
/// what is empty matches anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Group, version, kind, name and namespace.
    pub id: ResId,
    /// A label selector that the annotations must match.
    pub annotation_selector: String,
    /// A label selector that the labels must match.
    pub label_selector: String,
}

impl Fields for Selector {
    const TYPE: &'static str = "Selector";
    const FIELDS: &'static [&'static str] =
        &["group", "version", "kind", "name", "namespace", "annotationSelector", "labelSelector"];
    const LISTED_BY_POINTER: bool = true;
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "annotationSelector" => self.annotation_selector = Decode::decode(value, at)?,
            "labelSelector" => self.label_selector = Decode::decode(value, at)?,
            other => set_id(&mut self.id, other, value, at)?,
        }
        Ok(())
    }
    fn embedded(field: &str) -> &'static str {
        embedded_in_id(field)
    }
}

/// Where Go's structs have the fields of an id: in an embedded one, and that in another.
fn embedded_in_id(field: &str) -> &'static str {
    match field {
        "group" | "version" | "kind" => "ResId.Gvk",
        "name" | "namespace" => "ResId",
        _ => "",
    }
}

fn set_id(id: &mut ResId, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
    match field {
        "name" => id.name = Decode::decode(value, at)?,
        "namespace" => id.namespace = Decode::decode(value, at)?,
        other => set_gvk(&mut id.gvk, other, value, at)?,
    }
    Ok(())
}

pub(crate) fn set_gvk(gvk: &mut Gvk, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
    match field {
        "group" => gvk.group = Decode::decode(value, at)?,
        "version" => gvk.version = Decode::decode(value, at)?,
        _ => gvk.kind = Decode::decode(value, at)?,
    }
    Ok(())
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The file with the patch.
    pub path: String,
    /// The patch itself.
    pub patch: String,
    /// What it applies to.
    pub target: Option<Selector>,
    /// What else it may change.
    pub options: Option<PatchOptions>,
}

impl Fields for Patch {
    const TYPE: &'static str = "Patch";
    const FIELDS: &'static [&'static str] = &["path", "patch", "target", "options"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "path" => self.path = Decode::decode(value, at)?,
            "patch" => self.patch = Decode::decode(value, at)?,
            "target" => self.target = Decode::decode(value, at)?,
            _ => self.options = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// What a strategic merge patch may change besides its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatchOptions {
    /// The name.
    pub allow_name_change: bool,
    /// The kind.
    pub allow_kind_change: bool,
}

impl Fields for PatchOptions {
    const TYPE: &'static str = "PatchArgs";
    const FIELDS: &'static [&'static str] = &["allowNameChange", "allowKindChange"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "allowNameChange" => self.allow_name_change = Decode::decode(value, at)?,
            _ => self.allow_kind_change = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// An entry of `images`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The name to look for: a regular expression.
    pub name: String,
    /// The name to write.
    pub new_name: String,
    /// What to append to the tag.
    pub tag_suffix: String,
    /// The tag to write.
    pub new_tag: String,
    /// The digest to write.
    pub digest: String,
}

impl Fields for Image {
    const TYPE: &'static str = "Image";
    const FIELDS: &'static [&'static str] = &["name", "newName", "tagSuffix", "newTag", "digest"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        let target = match field {
            "name" => &mut self.name,
            "newName" => &mut self.new_name,
            "tagSuffix" => &mut self.tag_suffix,
            "newTag" => &mut self.new_tag,
            _ => &mut self.digest,
        };
        *target = Decode::decode(value, at)?;
        Ok(())
    }
}

/// An entry of `replicas`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    /// The name of the resource.
    pub name: String,
    /// How many.
    pub count: i64,
}

impl Fields for Replica {
    const TYPE: &'static str = "Replica";
    const FIELDS: &'static [&'static str] = &["name", "count"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "name" => self.name = Decode::decode(value, at)?,
            _ => self.count = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// An entry of `replacements`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement {
    /// A file with one replacement or a list of them.
    pub path: String,
    /// Where the value is read.
    pub source: Option<SourceSelector>,
    /// Where it is written.
    pub targets: Option<Vec<TargetSelector>>,
    /// The value itself.
    pub source_value: Option<String>,
}

impl Fields for Replacement {
    const TYPE: &'static str = "ReplacementField";
    const FIELDS: &'static [&'static str] = &["path", "source", "targets", "sourceValue"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "path" => self.path = Decode::decode(value, at)?,
            "source" => self.source = Decode::decode(value, at)?,
            "targets" => self.targets = Decode::decode(value, at)?,
            _ => self.source_value = Decode::decode(value, at)?,
        }
        Ok(())
    }
    fn embedded(field: &str) -> &'static str {
        if field == "path" { "" } else { "Replacement" }
    }
}

/// Where a replacement's value is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSelector {
    /// The one resource.
    pub id: ResId,
    /// The field, parts joined by dots; `metadata.name` if empty.
    pub field_path: String,
    /// Which part of the field.
    pub options: Option<FieldOptions>,
}

impl Fields for SourceSelector {
    const TYPE: &'static str = "SourceSelector";
    const FIELDS: &'static [&'static str] =
        &["group", "version", "kind", "name", "namespace", "fieldPath", "options"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "fieldPath" => self.field_path = Decode::decode(value, at)?,
            "options" => self.options = Decode::decode(value, at)?,
            other => set_id(&mut self.id, other, value, at)?,
        }
        Ok(())
    }
    fn embedded(field: &str) -> &'static str {
        embedded_in_id(field)
    }
}

/// Where a replacement's value is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetSelector {
    /// The resources.
    pub select: Option<Selector>,
    /// But not these.
    pub reject: Vec<Selector>,
    /// The fields; `metadata.name` if empty.
    pub field_paths: Vec<String>,
    /// Which part of the fields.
    pub options: Option<FieldOptions>,
}

impl Fields for TargetSelector {
    const TYPE: &'static str = "TargetSelector";
    const FIELDS: &'static [&'static str] = &["select", "reject", "fieldPaths", "options"];
    const LISTED_BY_POINTER: bool = true;
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "select" => self.select = Decode::decode(value, at)?,
            "reject" => self.reject = Decode::decode(value, at)?,
            "fieldPaths" => self.field_paths = Decode::decode(value, at)?,
            _ => self.options = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// Which part of a field a replacement means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldOptions {
    /// What separates the parts.
    pub delimiter: String,
    /// Which part, from 0; outside of the range: before or behind.
    pub index: i64,
    /// Unused.
    pub encoding: String,
    /// Make the field if it is missing.
    pub create: bool,
}

impl Fields for FieldOptions {
    const TYPE: &'static str = "FieldOptions";
    const FIELDS: &'static [&'static str] = &["delimiter", "index", "encoding", "create"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "delimiter" => self.delimiter = Decode::decode(value, at)?,
            "index" => self.index = Decode::decode(value, at)?,
            "encoding" => self.encoding = Decode::decode(value, at)?,
            _ => self.create = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// An entry of `vars`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Var {
    /// The name, as in `$(NAME)`.
    pub name: String,
    /// The resource to read from.
    pub object: ResId,
    /// The field to read; `metadata.name` if empty.
    pub field_path: String,
}

impl Fields for Var {
    const TYPE: &'static str = "Var";
    const FIELDS: &'static [&'static str] = &["name", "objref", "fieldref"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "name" => self.name = Decode::decode(value, at)?,
            "objref" => self.object = ObjectRef::decode(value, at)?.id,
            _ => self.field_path = FieldRef::decode(value, at)?.0,
        }
        Ok(())
    }
}

#[derive(Default)]
struct ObjectRef {
    id: ResId,
}

impl Fields for ObjectRef {
    const TYPE: &'static str = "Target";
    const FIELDS: &'static [&'static str] = &["group", "version", "kind", "name", "namespace", "apiVersion"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        if field != "apiVersion" {
            return set_id(&mut self.id, field, value, at);
        }
        let api_version = String::decode(value, at)?;
        let (group, version) = split_api_version(&api_version);
        if !group.is_empty() {
            group.clone_into(&mut self.id.gvk.group);
        }
        version.clone_into(&mut self.id.gvk.version);
        Ok(())
    }
    fn embedded(field: &str) -> &'static str {
        if matches!(field, "group" | "version" | "kind") { "Gvk" } else { "" }
    }
}

#[derive(Default)]
struct FieldRef(String);

impl Fields for FieldRef {
    const TYPE: &'static str = "FieldSelector";
    const FIELDS: &'static [&'static str] = &["fieldPath"];
    fn set(&mut self, _: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        self.0 = Decode::decode(value, at)?;
        Ok(())
    }
}

/// `sortOptions`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortOptions {
    /// `legacy` or `fifo`.
    pub order: String,
    /// Which kinds come first and last.
    pub legacy: Option<LegacySortOptions>,
}

impl Fields for SortOptions {
    const TYPE: &'static str = "SortOptions";
    const FIELDS: &'static [&'static str] = &["order", "legacySortOptions"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "order" => self.order = Decode::decode(value, at)?,
            _ => self.legacy = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// Which kinds come first and last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacySortOptions {
    /// First, in this order.
    pub order_first: Vec<String>,
    /// Last, in this order.
    pub order_last: Vec<String>,
}

impl Fields for LegacySortOptions {
    const TYPE: &'static str = "LegacySortOptions";
    const FIELDS: &'static [&'static str] = &["orderFirst", "orderLast"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "orderFirst" => self.order_first = Decode::decode(value, at)?,
            _ => self.order_last = Decode::decode(value, at)?,
        }
        Ok(())
    }
}
