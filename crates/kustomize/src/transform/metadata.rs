//! Labels and annotations.

use std::collections::BTreeMap;

use sluice_yaml::{Kind, Node};

use super::Transformer;
use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::nodes;
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::shared::{Changes, Mark};

/// Sets labels.
pub(crate) struct Labels(Entries);

impl Labels {
    pub(crate) fn new(labels: BTreeMap<String, String>, specs: Vec<FieldSpec>) -> Self {
        Self(Entries { entries: labels, specs })
    }
}

impl Transformer for Labels {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        self.0.set_all(map)
    }
}

/// Sets annotations.
pub(crate) struct Annotations(Entries);

impl Annotations {
    pub(crate) fn new(annotations: BTreeMap<String, String>, specs: Vec<FieldSpec>) -> Self {
        Self(Entries { entries: annotations, specs })
    }
}

impl Transformer for Annotations {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        self.0.set_all(map)
    }
}

/// Entries for the mappings that the specs name.
struct Entries {
    entries: BTreeMap<String, String>,
    specs: Vec<FieldSpec>,
}

impl Entries {
    fn set_all(&self, map: &mut ResMap) -> Result<(), Error> {
        if self.entries.is_empty() {
            return Ok(());
        }
        map.resources_mut().iter_mut().try_for_each(|resource| self.set(resource))
    }

    fn set(&self, resource: &mut Resource) -> Result<(), Error> {
        let mut marks: Vec<Mark> = self.entries.iter().map(|_| Mark::default()).collect();
        let mut changes = Changes::default();
        for spec in &self.specs {
            resource.apply(spec, Some(Kind::Mapping), &mut |field| {
                if field.is_null() {
                    return Ok(());
                }
                let found = nodes::kind_name(field.kind());
                let mapping =
                    field.as_mapping_mut().ok_or(Error::NodeKind { expected: "MappingNode", found })?;
                for ((key, value), mark) in self.entries.iter().zip(&mut marks) {
                    match mapping.get_mut(key) {
                        Some(old) if old.kind() == Kind::Scalar => {
                            nodes::set_string(old, value);
                            changes.note(old);
                        }
                        Some(old) => *old = Node::string(value),
                        None => nodes::set_field(mapping, key, mark.on(Node::string(value))),
                    }
                }
                Ok(())
            })?;
        }
        changes.apply(&mut resource.node);
        Ok(())
    }
}
