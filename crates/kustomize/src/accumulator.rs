//! What one kustomization gathers: resources, and the rules for changing them.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::config::TransformerConfig;
use crate::error::Error;
use crate::kustomization::Var;
use crate::resmap::ResMap;

/// Resources, field tables and variables gathered so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accumulator {
    pub(crate) map: ResMap,
    pub(crate) config: Rc<TransformerConfig>,
    pub(crate) vars: BTreeMap<String, Var>,
}

impl Accumulator {
    /// Adds field tables. Most kustomizations share the built-in ones: those are merged once.
    pub(crate) fn merge_config(&mut self, other: &Rc<TransformerConfig>) -> Result<(), Error> {
        if Rc::ptr_eq(&self.config, other) || **other == TransformerConfig::default() {
            return Ok(());
        }
        if *self.config == TransformerConfig::default() {
            self.config =
                TransformerConfig::settle(other).map_err(|source| source.within("merging config"))?;
            return Ok(());
        }
        Rc::make_mut(&mut self.config).merge(other).map_err(|source| source.within("merging config"))
    }

    /// Adds what another kustomization has gathered.
    pub(crate) fn merge(&mut self, other: Self) -> Result<(), Error> {
        self.map.append_all(other.map.into_resources())?;
        self.merge_config(&other.config)?;
        other.vars.into_values().try_for_each(|var| self.add_var(var))
    }

    /// Adds the variables of one kustomization, and notes at the resources which variables read from them.
    pub(crate) fn merge_vars(&mut self, vars: &[Var]) -> Result<(), Error> {
        for var in vars {
            let mut wanted = var.object.clone();
            wanted.gvk.cluster_scoped =
                crate::schema::is_cluster_scoped(&wanted.gvk.api_version(), &wanted.gvk.kind);
            let exact = !wanted.namespace.is_empty() || wanted.gvk.cluster_scoped;
            let matches = |id: &crate::ids::ResId| {
                id.same_kind_and_name(&wanted) && (!exact || id.same_namespace(&wanted))
            };
            let found: Vec<usize> = (0..self.map.len())
                .filter(|at| {
                    self.map.as_slice().get(*at).is_some_and(|resource| {
                        resource.previous_ids().chain([resource.id()]).any(|id| matches(&id))
                    })
                })
                .collect();
            match found.as_slice() {
                [] => {}
                [one] => {
                    if let Some(resource) = self.map.memories_mut().nth(*one) {
                        resource.vars.push(var.name.clone());
                    }
                }
                several => {
                    return Err(Error::Usage(format!(
                        "found {} resId matches for var {} {} (unable to disambiguate)",
                        several.len(),
                        var.name,
                        var.object
                    )));
                }
            }
        }
        vars.iter().try_for_each(|var| self.add_var(var.clone()))
    }

    fn add_var(&mut self, mut var: Var) -> Result<(), Error> {
        if var.field_path.is_empty() {
            "metadata.name".clone_into(&mut var.field_path);
        }
        let name = var.name.clone();
        match self.vars.insert(name.clone(), var) {
            None => Ok(()),
            Some(_) => Err(Error::Usage(format!("var '{name}' already encountered"))),
        }
    }
}
