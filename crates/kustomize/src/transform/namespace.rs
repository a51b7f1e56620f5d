//! Puts resources into a namespace.

use std::collections::HashMap;

use sluice_yaml::{Kind, Node};

use super::Transformer;
use crate::Dialect;
use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::nodes;
use crate::resmap::ResMap;
use crate::resource::Resource;

/// Which subjects of role bindings get the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Those named `default`.
    Default,
    /// All service accounts.
    ServiceAccounts,
    /// None.
    None,
}

/// Puts resources into a namespace.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) specs: Vec<FieldSpec>,
    /// Leave fields that have a value.
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
    pub(crate) dialect: Dialect,
}

/// Kinds outside namespaces that kustomize 5.8.1 does not know, and puts into one.
const NEWLY_CLUSTER_SCOPED: [&str; 2] = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];

const METADATA_NAMESPACE: &str = "metadata/namespace";

impl Transformer for Namespace {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        if self.name.is_empty() {
            return Ok(());
        }
        let mut ids: HashMap<String, usize> = HashMap::new();
        for resource in map.iter() {
            *ids.entry(resource.key().text()).or_default() += 1;
        }
        for resource in map.resources_mut().iter_mut().filter(|resource| !resource.is_empty()) {
            if self.dialect == Dialect::Latest && is_of_chart(resource) {
                continue;
            }
            let before = resource.key().text();
            resource.store_previous_id();
            self.set(resource)?;
            let id = resource.id();
            let after = id.key().text();
            if let Some(count) = ids.get_mut(&before) {
                *count -= 1;
            }
            let count = ids.entry(after).or_default();
            *count += 1;
            if *count > 1 {
                return Err(Error::NamespaceConflict { id: id.to_string() });
            }
        }
        Ok(())
    }
}

impl Namespace {
    /// Sets the namespace of one resource.
    pub(crate) fn set(&self, resource: &mut Resource) -> Result<(), Error> {
        let is_spared = self.dialect == Dialect::Latest
            && resource.api_version() == "admissionregistration.k8s.io/v1"
            && NEWLY_CLUSTER_SCOPED.contains(&resource.kind());
        if !is_spared && !resource.gvk().cluster_scoped {
            let spec =
                FieldSpec { path: METADATA_NAMESPACE.to_owned(), create: true, ..FieldSpec::default() };
            resource.visit(&spec, Some(Kind::Scalar), &mut |field| self.set_scalar(field))?;
        }
        let is_binding = is_role_binding(resource.kind());
        if is_binding {
            self.set_subjects(&mut resource.node)
                .map_err(|source| source.within("setting namespace on (cluster)role binding subjects"))?;
        }
        let core = resource.api_version() == "v1";
        for spec in &self.specs {
            let skipped = spec.path == METADATA_NAMESPACE
                || (!core && spec.path == "metadata/name")
                || (is_binding && is_role_binding(&spec.gvk.kind) && spec.path == "subjects/namespace");
            if !skipped {
                resource
                    .apply(spec, Some(Kind::Scalar), &mut |field| self.set_scalar(field))
                    .map_err(|source| source.within("namespace transformation failed"))?;
            }
        }
        Ok(())
    }

    fn set_scalar(&self, field: &mut Node) -> Result<(), Error> {
        if self.unset_only && !nodes::text(field).is_empty() {
            return Ok(());
        }
        if field.kind() != Kind::Scalar {
            let found = nodes::kind_name(field.kind());
            return Err(Error::NodeKind { expected: "ScalarNode", found });
        }
        nodes::set_string(field, &self.name);
        Ok(())
    }

    fn set_subjects(&self, root: &mut Node) -> Result<(), Error> {
        let (field, wanted) = match self.subjects {
            Subjects::None => return Ok(()),
            Subjects::Default => ("name", "default"),
            Subjects::ServiceAccounts => ("kind", "ServiceAccount"),
        };
        let Some(subjects) = root.get_mut("subjects").filter(|subjects| !subjects.is_null()) else {
            return Ok(());
        };
        let found = nodes::kind_name(subjects.kind());
        let subjects =
            subjects.as_sequence_mut().ok_or(Error::NodeKind { expected: "SequenceNode", found })?;
        for subject in subjects.items_mut() {
            if subject.get(field).map(nodes::text) != Some(wanted) {
                continue;
            }
            let Some(mapping) = subject.as_mapping_mut() else { continue };
            if !mapping.contains_key("namespace") {
                nodes::set_field(mapping, "namespace", Node::plain(""));
            }
            if let Some(namespace) = mapping.get_mut("namespace") {
                self.set_scalar(namespace)?;
            }
        }
        Ok(())
    }
}

/// Whether a chart made it, which was told the namespace.
fn is_of_chart(resource: &Resource) -> bool {
    resource.annotations().get(crate::charts::GENERATED).is_some_and(|value| value == "true")
}

fn is_role_binding(kind: &str) -> bool {
    kind == "RoleBinding" || kind == "ClusterRoleBinding"
}
