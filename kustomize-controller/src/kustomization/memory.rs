//! What is remembered of the last pass that went through, so that a revision that changes nothing
//! for a Kustomization costs neither a build nor an apply.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::meta::REQUESTED_AT_ANNOTATION;
use sluice_apply::applier::Memory as Recall;
use sluice_apply::change::Applied;
use sluice_apply::inventory::Entry;
use sluice_apply::{ChangeSet, ObjectId};
use sluice_expr::envsubst::Variables;
use sluice_kustomize::fs::{FileSystem, Trail};

/// A pass that went through.
#[derive(Clone, Debug)]
pub struct Passed {
    /// The spec that it applied.
    pub generation: i64,
    /// The request that it answered.
    pub requested: Option<String>,
    /// The revision that it applied.
    pub revision: String,
    /// What its build read.
    pub trail: Arc<Trail>,
    /// Hash of the variables that it substituted.
    pub variables: blake3::Hash,
    /// Digest of what it built, as the history has it.
    pub digest: String,
    /// When the next full pass is due: drift is to be found at every interval, whatever the source does.
    pub due: Instant,
}

impl Passed {
    /// Whether the pass was for this spec and request, and the next one is not due yet.
    pub fn covers(&self, object: &Kustomization, now: Instant) -> bool {
        Some(self.generation) == object.metadata.generation
            && self.requested.as_deref() == requested(object)
            && now < self.due
    }

    /// Whether a build of this tree with these variables would give the same.
    pub fn would_repeat(&self, files: &dyn FileSystem, root: &Path, variables: &Variables) -> bool {
        self.variables == hash(variables) && self.trail.holds(files, root)
    }

    /// How long until the next full pass.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.due.saturating_duration_since(now)
    }
}

/// The request that the object carries.
pub fn requested(object: &Kustomization) -> Option<&str> {
    object.metadata.annotations.as_ref()?.get(REQUESTED_AT_ANNOTATION).map(String::as_str)
}

/// A hash of all names and values.
pub fn hash(variables: &Variables) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for text in variables.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize()
}

/// What is remembered, by the UID of the Kustomization. It is lost at a restart: the first pass after it is a full one.
#[derive(Default)]
pub struct Memory {
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Default)]
struct Known {
    passed: Option<Passed>,
    applied: Arc<HashMap<ObjectId, Applied>>,
}

impl Memory {
    /// The last pass, if it went through.
    pub fn passed(&self, uid: &str) -> Option<Passed> {
        self.lock().get(uid)?.passed.clone()
    }

    /// A pass went through.
    pub fn pass(&self, uid: &str, passed: Passed) {
        self.lock().entry(uid.to_owned()).or_default().passed = Some(passed);
    }

    /// A full pass begins: only if it goes through, the next one may be skipped.
    pub fn begin(&self, uid: &str) {
        if let Some(known) = self.lock().get_mut(uid) {
            known.passed = None;
        }
    }

    /// What was seen in the cluster at the last apply.
    pub fn applied(&self, uid: &str, inventory: &[Entry]) -> LastApplied {
        let applied = self.lock().get(uid).map(|known| Arc::clone(&known.applied)).unwrap_or_default();
        LastApplied { applied, inventory: inventory.iter().map(|entry| entry.id.clone()).collect() }
    }

    /// What was seen of one object at the last apply.
    pub fn seen(&self, uid: &str, id: &ObjectId) -> Option<Applied> {
        self.lock().get(uid)?.applied.get(id).cloned()
    }

    /// Objects were applied.
    pub fn apply(&self, uid: &str, changes: &ChangeSet) {
        let applied = changes
            .entries
            .iter()
            .filter_map(|change| Some((change.id.clone(), change.applied.clone()?)))
            .collect();
        self.lock().entry(uid.to_owned()).or_default().applied = Arc::new(applied);
    }

    /// An object was seen again after it was applied.
    pub fn see_again(&self, uid: &str, id: &ObjectId, renew: impl FnOnce(&Applied) -> Option<Applied>) {
        let Some(before) = self.seen(uid, id) else { return };
        let Some(renewed) = renew(&before) else { return };
        if let Some(known) = self.lock().get_mut(uid)
            && known.applied.get(id) == Some(&before)
        {
            Arc::make_mut(&mut known.applied).insert(id.clone(), renewed);
        }
    }

    /// The Kustomization is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // Each change is a single insert or remove: a panic can't leave it half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was seen in the cluster at the last apply.
pub struct LastApplied {
    applied: Arc<HashMap<ObjectId, Applied>>,
    inventory: HashSet<ObjectId>,
}

impl Recall for LastApplied {
    fn recall(&self, id: &ObjectId) -> Option<Applied> {
        self.applied.get(id).cloned()
    }

    fn is_new(&self, id: &ObjectId) -> bool {
        !self.inventory.contains(id)
    }
}
