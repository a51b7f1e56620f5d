//! `patches`: strategic merge or JSON patches, for one resource or for all that a selector matches.

use super::Transformer;
use super::json_patch::Operations;
use super::strategic;
use crate::error::Error;
use crate::kustomization::{Patch, PatchOptions, Selector, SelectorRegex};
use crate::loader::Loader;
use crate::parse;
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::schema::Schema;

/// One entry of `patches`.
pub(crate) struct Patches {
    content: Content,
    /// Its expressions are read when it is used, as in kustomize, which tells of bad ones then.
    target: Option<Selector>,
    /// Where the patch is written, for errors.
    source: String,
    schema: Schema,
}

enum Content {
    Strategic(Vec<Resource>),
    Json(Operations),
}

impl Patches {
    /// Errors quote the `settings`, where the entry is.
    pub(crate) fn new(
        entry: &Patch,
        settings: impl Fn() -> String,
        loader: &Loader<'_>,
    ) -> Result<Self, Error> {
        let contradiction = |what: &str| Error::Usage(format!("{what}\n{}", settings()));
        let inline = entry.patch.trim();
        let (text, source) = match (inline, entry.path.as_str()) {
            ("", "") => return Err(contradiction("must specify one of patch and path in")),
            ("", path) => {
                let content = loader.load(path).map_err(|source| {
                    source.within(format!("failed to get the patch file from path({path})"))
                })?;
                (content, format!("[path: {path:?}]"))
            }
            (inline, "") => (inline.as_bytes().to_vec(), format!("[patch: {inline:?}]")),
            _ => return Err(contradiction("patch and path can't be set at the same time")),
        };
        let content = parse_either(&text, &source, entry.options.unwrap_or_default())?;
        let target = entry.target.clone();
        Ok(Self { content, target, source, schema: loader.context.schema.borrow().clone() })
    }
}

/// Objects are strategic merge patches, a list of operations is a JSON patch.
fn parse_either(text: &[u8], source: &str, options: PatchOptions) -> Result<Content, Error> {
    let json = Operations::parse(text);
    match parse::resources(text, source) {
        Ok(mut patches) => {
            if !patches.is_empty() && json.is_ok_and(|json| !json.is_empty()) {
                return Err(Error::Usage(format!(
                    "illegally qualifies as both an SM and JSON patch: {source}"
                )));
            }
            for patch in &mut patches {
                patch.memory.allow_name_change = options.allow_name_change;
                patch.memory.allow_kind_change = options.allow_kind_change;
                if options.allow_name_change || options.allow_kind_change {
                    // kustomize notes it in an annotation, and with that all others become texts, also nulls.
                    patch.set_annotations(&patch.annotations());
                }
            }
            Ok(Content::Strategic(patches))
        }
        Err(strategic) => json.map(Content::Json).map_err(|json| Error::PatchText {
            patch: source.to_owned(),
            strategic: Box::new(strategic),
            operations: Box::new(json),
        }),
    }
}

impl Patches {
    fn merge(&self, patches: &[Resource], map: &mut ResMap) -> Result<(), Error> {
        if let Some(target) = &self.target {
            return match patches {
                [] => Ok(()),
                [patch] => {
                    let target = SelectorRegex::new(target).map_err(|source| {
                        source
                            .within(format!("unable to find patch target {:?} in `resources`", named(target)))
                    })?;
                    strategic::merge_selected(map, patch, &target, &self.schema)
                }
                _ => Err(Error::Usage(format!(
                    "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: {}",
                    self.source
                ))),
            };
        }
        for patch in patches {
            let id = patch.id();
            let place = map.place_by_any_id(&id).map_err(|source| {
                source.within(format!("no resource matches strategic merge patch \"{id}\""))
            })?;
            map.update(place, |resource| strategic::merge(resource, patch, &self.schema))?;
        }
        Ok(())
    }

    fn operate(&self, operations: &Operations, map: &mut ResMap) -> Result<(), Error> {
        let Some(target) = &self.target else {
            return Err(Error::Usage(format!("must specify a target for JSON patch {}", self.source)));
        };
        let target = SelectorRegex::new(target)?;
        for place in 0..map.len() {
            if map.as_slice().get(place).is_some_and(|resource| target.matches(resource)) {
                map.update(place, |resource| {
                    resource.store_previous_id();
                    operations.apply(resource)
                })?;
            }
        }
        Ok(())
    }
}

/// How kustomize names a selector.
fn named(selector: &Selector) -> String {
    let Selector { id, annotation_selector, label_selector } = selector;
    format!("{id}:a={annotation_selector}:l={label_selector}")
}

impl Transformer for Patches {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        match &self.content {
            Content::Strategic(patches) => self.merge(patches, map),
            Content::Json(operations) => self.operate(operations, map),
        }
    }
}
