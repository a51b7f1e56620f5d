//! Sets how many replicas run.

use sluice_yaml::Kind;

use super::Transformer;
use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::kustomization::Replica;
use crate::nodes;
use crate::resmap::ResMap;

/// Sets how many replicas of the resources with a name run.
pub(crate) struct Replicas {
    pub(crate) replica: Replica,
    pub(crate) specs: Vec<FieldSpec>,
}

impl Transformer for Replicas {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        let mut found = false;
        for resource in map.resources_mut().iter_mut().filter(|resource| !resource.is_empty()) {
            let ids: Vec<_> = resource.previous_ids().chain([resource.id()]).collect();
            for spec in &self.specs {
                if !ids.iter().any(|id| id.name == self.replica.name && id.gvk.is_selected_by(&spec.gvk)) {
                    continue;
                }
                found = true;
                resource.apply(spec, Some(Kind::Scalar), &mut |field| {
                    if field.kind() != Kind::Scalar {
                        let found = nodes::kind_name(field.kind());
                        return Err(Error::NodeKind { expected: "ScalarNode", found });
                    }
                    // A quoted number stays quoted, and so a text.
                    field.set_text(&self.replica.count.to_string());
                    Ok(())
                })?;
            }
        }
        if found {
            return Ok(());
        }
        let kinds: Vec<_> = self.specs.iter().map(|spec| spec.gvk.to_string()).collect();
        Err(Error::Usage(format!(
            "resource with name {} does not match a config with the following GVK [{}]",
            self.replica.name,
            kinds.join(" ")
        )))
    }
}
