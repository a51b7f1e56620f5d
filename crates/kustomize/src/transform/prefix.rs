//! Puts something before or behind names.

use std::sync::Arc;

use sluice_yaml::Kind;

use super::Transformer;
use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::nodes;
use crate::resmap::ResMap;

/// Which end of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Prefix,
    Suffix,
}

/// Puts something before or behind names.
pub(crate) struct Affix {
    end: End,
    text: Arc<str>,
    specs: Vec<FieldSpec>,
}

impl Affix {
    pub(crate) fn new(end: End, text: &str, specs: Vec<FieldSpec>) -> Self {
        Self { end, text: text.into(), specs }
    }
}

impl Transformer for Affix {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        for resource in map.resources_mut() {
            let id = resource.original_id();
            let gvk = &id.gvk;
            // Their names have a meaning elsewhere.
            let fixed = matches!(gvk.kind.as_str(), "CustomResourceDefinition" | "Namespace")
                || (gvk.kind == "APIService" && gvk.group == "apiregistration.k8s.io");
            if fixed {
                continue;
            }
            for spec in self.specs.iter().filter(|spec| gvk.is_selected_by(&spec.gvk)) {
                if spec.path == "metadata/name" && !self.text.is_empty() {
                    let affixes = match self.end {
                        End::Prefix => &mut resource.memory.prefixes,
                        End::Suffix => &mut resource.memory.suffixes,
                    };
                    affixes.reserve_exact(1);
                    affixes.push(Arc::clone(&self.text));
                    resource.store_previous_id();
                }
                resource.apply(spec, Some(Kind::Scalar), &mut |field| {
                    let Some(old) = field.as_str() else {
                        let found = nodes::kind_name(field.kind());
                        return Err(Error::NodeKind { expected: "ScalarNode", found });
                    };
                    let new = match self.end {
                        End::Prefix => format!("{}{old}", self.text),
                        End::Suffix => format!("{old}{}", self.text),
                    };
                    field.set_text(&new);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}
