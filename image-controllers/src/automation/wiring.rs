//! What makes automations due.

use kube::runtime::watcher;
use sluice_apis::image::v1::{ImagePolicy, ImageUpdateAutomation};
use sluice_apis::source::v1::GitRepository;
use sluice_runtime::{Change, Controller, Manager, ObjectKey, Store, Trigger};

use crate::finish::OWNED;

/// The controller before it has its reconciler, and what it watches.
pub(super) struct Wired {
    pub(super) controller: Controller<ImageUpdateAutomation>,
    pub(super) policies: Store<ImagePolicy>,
    pub(super) sources: Store<GitRepository>,
}

/// A controller that follows policies and repositories.
pub(super) fn controller(manager: &Manager) -> Wired {
    let mut controller = manager.controller::<ImageUpdateAutomation>().owned_conditions(OWNED);
    let by_source = controller.index(|automation| vec![source_of(automation)]);
    let by_namespace = controller.index(|automation| vec![namespace_of(automation).to_owned()]);
    let sources =
        controller.watch(manager.api::<GitRepository>(), watcher::Config::default(), move |change| {
            let Change::Updated { old, new } = change else { return Vec::new() };
            if old.metadata.generation == new.metadata.generation {
                return Vec::new();
            }
            due(by_source.dependents(&ObjectKey::of(&**new)), &Trigger::related(&**new, &()))
        });
    let policies =
        controller.watch(manager.api::<ImagePolicy>(), watcher::Config::default(), move |change| {
            let Change::Updated { old, new } = change else { return Vec::new() };
            let latest =
                |policy: &ImagePolicy| policy.status.as_ref().and_then(|status| status.latest_ref.clone());
            let selected = latest(new);
            if selected.is_none() || selected == latest(old) {
                return Vec::new();
            }
            // Markers tell which policies matter: any automation of the namespace may be meant.
            let namespace = new.metadata.namespace.clone().unwrap_or_default();
            due(by_namespace.dependents(&namespace), &Trigger::related(&**new, &()))
        });
    Wired { controller, policies, sources }
}

/// The repository of an automation.
pub(super) fn source_of(automation: &ImageUpdateAutomation) -> ObjectKey {
    let reference = &automation.spec.source_ref;
    let namespace = reference.namespace.as_deref().filter(|namespace| !namespace.is_empty());
    ObjectKey::new(namespace.unwrap_or_else(|| namespace_of(automation)), reference.name.as_str())
}

pub(super) fn namespace_of(automation: &ImageUpdateAutomation) -> &str {
    automation.metadata.namespace.as_deref().unwrap_or_default()
}

fn due(automations: Vec<ObjectKey>, trigger: &Trigger) -> Vec<(ObjectKey, Trigger)> {
    automations.into_iter().map(|automation| (automation, trigger.clone())).collect()
}
