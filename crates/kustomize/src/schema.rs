//! The Kubernetes schema of a build: what kinds are in namespaces, and how patches merge.

use std::cell::Cell;
use std::rc::Rc;

use sluice_patch::{Scope, strategic};
use sluice_yaml::{Node, Version};

use crate::OpenApi;
use crate::error::Error;
use crate::ids::split_api_version;

/// The release of Kubernetes whose schema kustomize has.
pub(crate) const BUILTIN_VERSION: &str = "v1.21.2";

/// Whether the kind is known to live outside namespaces.
pub(crate) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    let (group, version) = split_api_version(api_version);
    sluice_patch::Schema::kustomize().scope(group, version, kind) == Some(Scope::Cluster)
}

/// The schema that patches merge by: the built-in one, or what a kustomization's `openapi` names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    custom: Option<Rc<sluice_patch::Schema>>,
    is_set: bool,
    /// Whether the built-in schema was used: once it is, it stays.
    is_builtin_used: Rc<Cell<bool>>,
}

impl Schema {
    /// Takes what a kustomization's `openapi` names. Below the root it counts only while nothing is set.
    pub(crate) fn set(
        &mut self,
        version: Option<&str>,
        content: Option<&[u8]>,
        root: bool,
        mode: OpenApi,
    ) -> Result<(), Error> {
        if self.is_set && !root {
            return Ok(());
        }
        if let Some(content) = content {
            if version.is_some() {
                let message = "builtin version and custom schema provided, cannot use both";
                return Err(Error::Usage(message.to_owned()));
            }
            let text = sluice_yaml::decode(content)?;
            let json = sluice_yaml::parse_first(&text)?.unwrap_or_default().to_json(Version::V2)?;
            let is_builtin_kept = mode == OpenApi::Extends || self.is_builtin_used.get();
            let base = is_builtin_kept.then(sluice_patch::Schema::kustomize);
            self.custom = Some(Rc::new(sluice_patch::Schema::from_openapi(&json, base)?));
            self.is_set = true;
            return Ok(());
        }
        match version {
            None | Some("") => Ok(()),
            Some(BUILTIN_VERSION) => {
                *self = Self { is_set: true, ..Self::default() };
                Ok(())
            }
            Some(other) => Err(Error::OpenApiVersion(other.to_owned())),
        }
    }

    /// Notes that a kind was looked up: kustomize knows the scope of the built-in kinds by heart, and reads its schema
    /// for any other.
    pub(crate) fn note_kind(&self, api_version: &str, kind: &str) {
        let (group, version) = split_api_version(api_version);
        if self.custom.is_none() && sluice_patch::Schema::kustomize().scope(group, version, kind).is_none() {
            self.is_builtin_used.set(true);
        }
    }

    /// The target with the patch merged in; nothing if the patch deletes it.
    pub(crate) fn merge(&self, patch: &Node, target: &Node) -> Result<Option<Node>, Error> {
        let schema = self.custom.as_deref().unwrap_or_else(|| {
            self.is_builtin_used.set(true);
            sluice_patch::Schema::kustomize()
        });
        Ok(strategic::merge(target, patch, schema)?)
    }
}
