//! Applies sets of objects in stages.

mod commit;
mod diff;
mod immutability;
mod mask;
mod plan;
mod vanguard;

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};

pub(crate) use self::commit::finalizers;
pub use self::diff::Difference;
use self::plan::Plan;
use crate::{
    change::{Applied, ChangeSet},
    cluster::Cluster,
    error::{ApplyFailure, ApplyFailureCause, ObjectError},
    ignore::IgnoreRules,
    managed_fields::{self, ManagerPattern},
    object::{Object, ObjectId},
    order::{self, GroupKind, Stage},
    park::Park,
    rules::Rules,
    status::StatusReader,
    wait::{WaitOptions, Waiter},
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
    /// How long to wait until an object that is recreated is gone.
    pub recreate_timeout: Duration,
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
            stage_timeout: Duration::from_mins(1),
            recreate_timeout: Duration::from_mins(5),
        }
    }
}

/// What earlier passes saw: saves requests where it is certain that they would tell nothing new.
pub trait Memory: Sync {
    /// What was seen when the object was last in place ([`Change::applied`]): while the desired
    /// object and the live object's version are the same, no dry-run is made; while only the version is,
    /// as the dry-run tells, the live object is not read.
    ///
    /// [`Change::applied`]: crate::Change::applied
    fn recall(&self, id: &ObjectId) -> Option<Applied>;

    /// Whether the object is probably not there yet (it is in no inventory): then the dry-run goes
    /// first, and tells whether there is anything to read.
    fn is_new(&self, _id: &ObjectId) -> bool {
        false
    }
}

/// Remembers nothing: each object is read and compared by dry-run.
pub struct NoMemory;

impl Memory for NoMemory {
    fn recall(&self, _: &ObjectId) -> Option<Applied> {
        None
    }
}

/// Applies sets of objects to a cluster.
pub struct Applier {
    cluster: Cluster,
    options: ApplyOptions,
    rules: Rules,
    takeover: Vec<ManagerPattern>,
    /// A hash of all options that change what applying an object does.
    fingerprint: blake3::Hash,
    waiter: Waiter,
    /// Says who needn't be waited for after the apply.
    judge: Option<Waiter>,
}

impl Applier {
    /// An applier whose stages wait by these status readers, before the built-in rules.
    pub fn new(cluster: Cluster, options: ApplyOptions, readers: Vec<Arc<dyn StatusReader>>) -> Self {
        let waiter = Waiter::new(cluster.clone(), readers);
        let rules = Rules::new(&options.rules_group);
        let takeover = managed_fields::takeover_patterns(&options.field_manager, &options.override_managers);
        let fingerprint = format!("{:?}", (&options.field_manager, &takeover, &options.ignore));
        let fingerprint = blake3::hash(fingerprint.as_bytes());
        Self { cluster, options, rules, takeover, fingerprint, waiter, judge: None }
    }

    /// Also notes which objects are healthy, by the rules of a waiter that [knows
    /// projects](Waiter::knowing_projects).
    #[must_use]
    pub fn judging_health(self) -> Self {
        let judge = self.waiter.clone().knowing_projects();
        Self { judge: Some(judge), ..self }
    }

    /// Applies the objects, stage by stage. In each stage all dry-runs must pass before anything is
    /// written, and only what drifted is written. The definitions of a stage must be ready before
    /// the next one. `park` lends the time for that, and until an object is gone that is recreated.
    pub async fn apply_staged(
        &self,
        objects: Vec<Object>,
        memory: &dyn Memory,
        park: &dyn Park,
    ) -> Result<ChangeSet, ApplyFailure> {
        let defined = defined_kinds(&objects);
        let mut changes = ChangeSet::default();
        for (stage, objects) in order::stages(objects, &self.options.custom_stage_kinds) {
            let plans = match self.plan_all(objects, memory, &defined).await {
                Ok(plans) => plans,
                Err(errors) => {
                    let cause = ApplyFailureCause::Objects(errors);
                    return Err(ApplyFailure { changes, partial: ChangeSet::default(), cause });
                }
            };
            let committed = self.commit(plans, park).await;
            let unsettled = committed.unsettled;
            if !committed.errors.is_empty() {
                let cause = ApplyFailureCause::Objects(committed.errors);
                return Err(ApplyFailure { changes, partial: committed.changes, cause });
            }
            changes.extend(committed.changes);
            if stage.is_waited_for()
                && let Err(error) = self.wait_for(&unsettled, stage, park).await
            {
                return Err(ApplyFailure { changes, partial: ChangeSet::default(), cause: error });
            }
        }
        Ok(changes)
    }

    /// Plans all objects of a stage, and may have [applied the first one](vanguard) then; all errors, if there are any.
    async fn plan_all(
        &self,
        objects: Vec<Object>,
        memory: &dyn Memory,
        defined: &HashSet<GroupKind>,
    ) -> Result<Vec<Plan>, Vec<ObjectError>> {
        let mut objects = VecDeque::from(objects);
        let mut vanguard = None;
        if let Some(first) = objects.pop_front() {
            match self.vanguard(first, memory, defined).await {
                Ok(found) => vanguard = Some(found),
                Err(first) => objects.push_front(first),
            }
        }
        let mut plans: Vec<_> = stream::iter(objects)
            .map(|object| self.plan(object, memory, defined))
            .buffered(self.options.concurrency.max(1))
            .collect()
            .await;
        if let Some(vanguard) = vanguard {
            let may_write = plans.iter().all(Result::is_ok);
            let plan = if may_write {
                self.apply_first(vanguard, memory, defined).await
            } else {
                self.plan(vanguard.into_object(), memory, defined).await
            };
            plans.insert(0, plan);
        }
        let mut planned = Vec::with_capacity(plans.len());
        let mut errors = Vec::new();
        for plan in plans {
            match plan {
                Ok(plan) => planned.push(plan),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(planned) } else { Err(errors) }
    }

    async fn wait_for(
        &self,
        ids: &[ObjectId],
        stage: Stage,
        park: &dyn Park,
    ) -> Result<(), ApplyFailureCause> {
        if ids.is_empty() {
            return Ok(());
        }
        tracing::debug!(?stage, objects = ids.len(), "waiting for the stage to be ready");
        let options = WaitOptions {
            timeout: self.options.stage_timeout,
            fail_fast: false,
            jobs_with_ttl: HashSet::new(),
        };
        let mut outcome = Ok(());
        park.park(Box::pin(async { outcome = self.waiter.wait(ids, &options).await })).await;
        Ok(outcome?)
    }
}

/// The kinds that custom resource definitions of the set define: discovery may lag behind them.
fn defined_kinds(objects: &[Object]) -> HashSet<GroupKind> {
    let kind = |object: &Object| {
        let spec = &object.as_value()["spec"];
        Some(GroupKind {
            group: spec["group"].as_str()?.to_owned(),
            kind: spec["names"]["kind"].as_str()?.to_owned(),
        })
    };
    objects.iter().filter(|object| object.is_crd()).filter_map(kind).collect()
}
