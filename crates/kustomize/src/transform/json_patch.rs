//! JSON patches (RFC 6902), with the leniencies of the Go library that kustomize has.

use super::Transformer;
use crate::error::Error;
use crate::kustomization::{Selector, SelectorRegex};
use crate::loader::Loader;
use crate::resmap::ResMap;
use crate::resource::Resource;

/// One entry of `patchesJson6902`.
pub(crate) struct JsonPatch {
    target: Selector,
    operations: Operations,
}

impl JsonPatch {
    pub(crate) fn new(
        target: Option<&Selector>,
        path: &str,
        text: &str,
        loader: &Loader<'_>,
    ) -> Result<Self, Error> {
        let target = target.filter(|target| !target.id.name.is_empty());
        let target = target.ok_or_else(|| Error::Usage("must specify the target name".to_owned()))?;
        let content = match (path, text) {
            ("", "") => return Err(Error::Usage("empty file path and empty jsonOp".to_owned())),
            ("", text) => text.as_bytes().to_vec(),
            (path, "") => loader.load(path)?,
            _ => return Err(Error::Usage("must specify a file path or jsonOp, not both".to_owned())),
        };
        let operations = Operations::parse(&content)?;
        if content.is_empty() || operations.is_empty() {
            return Err(Error::Usage(format!("patch appears to be empty; file={path}")));
        }
        Ok(Self { target: target.clone(), operations })
    }
}

impl Transformer for JsonPatch {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        let target = SelectorRegex::new(&self.target)?;
        for place in 0..map.len() {
            if map.as_slice().get(place).is_some_and(|resource| target.matches(resource)) {
                map.update(place, |resource| self.operations.apply(resource))?;
            }
        }
        Ok(())
    }
}

/// The operations of a JSON patch.
pub(crate) struct Operations(sluice_patch::JsonPatch);

impl Operations {
    /// Parses JSON or YAML; what starts like a JSON list must be JSON.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Error> {
        let text = sluice_yaml::decode(text)?;
        if text.starts_with('[')
            && let Err(source) = serde_json::from_str::<serde_json::Value>(&text)
        {
            let message = format!("a JSON patch that starts with '[' must be JSON, not YAML: {source}");
            return Err(Error::Usage(message));
        }
        Ok(Self(sluice_patch::JsonPatch::parse(&text)?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn apply(&self, resource: &mut Resource) -> Result<(), Error> {
        let id = resource.id();
        let applied = resource.with_annotated_notes(true, |node| Ok(self.0.apply_to_node(node)?));
        applied.map_err(|source| source.patching(&id))?;
        // kustomize puts its notes back, and all annotations become texts.
        resource.set_annotations(&resource.annotations());
        Ok(())
    }
}
