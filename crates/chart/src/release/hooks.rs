//! Hooks: manifests that Helm applies at a certain time instead of with the others.

use std::fmt;

use super::head::Head;

/// The annotation that makes a manifest a hook.
pub(super) const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
const OUTPUT_LOG_POLICY: &str = "helm.sh/hook-output-log-policy";

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Event {
    PreInstall,
    PostInstall,
    PreDelete,
    PostDelete,
    PreUpgrade,
    PostUpgrade,
    PreRollback,
    PostRollback,
    Test,
}

impl Event {
    /// Reads the name of an event. `test-success` is Helm 2's name for `test`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pre-install" => Self::PreInstall,
            "post-install" => Self::PostInstall,
            "pre-delete" => Self::PreDelete,
            "post-delete" => Self::PostDelete,
            "pre-upgrade" => Self::PreUpgrade,
            "post-upgrade" => Self::PostUpgrade,
            "pre-rollback" => Self::PreRollback,
            "post-rollback" => Self::PostRollback,
            "test" | "test-success" => Self::Test,
            _ => return None,
        })
    }

    /// The name of the event.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreInstall => "pre-install",
            Self::PostInstall => "post-install",
            Self::PreDelete => "pre-delete",
            Self::PostDelete => "post-delete",
            Self::PreUpgrade => "pre-upgrade",
            Self::PostUpgrade => "post-upgrade",
            Self::PreRollback => "pre-rollback",
            Self::PostRollback => "post-rollback",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When a hook's object is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletePolicy {
    /// `hook-succeeded`
    Succeeded,
    /// `hook-failed`
    Failed,
    /// `before-hook-creation`
    BeforeCreation,
    /// What Helm does not know: kept in the release, without effect.
    Other(String),
}

impl DeletePolicy {
    /// The policy of that name.
    pub fn from_name(name: &str) -> Self {
        match name {
            "hook-succeeded" => Self::Succeeded,
            "hook-failed" => Self::Failed,
            "before-hook-creation" => Self::BeforeCreation,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name of the policy.
    pub fn name(&self) -> &str {
        match self {
            Self::Succeeded => "hook-succeeded",
            Self::Failed => "hook-failed",
            Self::BeforeCreation => "before-hook-creation",
            Self::Other(name) => name,
        }
    }
}

/// When the logs of a hook's pods are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputLogPolicy {
    /// `hook-succeeded`
    Succeeded,
    /// `hook-failed`
    Failed,
    /// What Helm does not know: kept in the release, without effect.
    Other(String),
}

impl OutputLogPolicy {
    /// The policy of that name.
    pub fn from_name(name: &str) -> Self {
        match name {
            "hook-succeeded" => Self::Succeeded,
            "hook-failed" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name of the policy.
    pub fn name(&self) -> &str {
        match self {
            Self::Succeeded => "hook-succeeded",
            Self::Failed => "hook-failed",
            Self::Other(name) => name,
        }
    }
}

/// A hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// `metadata.name` of its object.
    pub name: String,
    /// `kind` of its object.
    pub kind: String,
    /// The template it comes from.
    pub path: String,
    /// The manifest.
    pub manifest: String,
    /// When it runs.
    pub events: Vec<Event>,
    /// Lower ones run first.
    pub weight: i64,
    /// When its object is deleted; none means before the next one is created.
    pub delete_policies: Vec<DeletePolicy>,
    /// When the logs of its pods are kept.
    pub output_log_policies: Vec<OutputLogPolicy>,
}

/// What a manifest's annotations make of it.
pub(super) enum Role {
    /// No hook.
    Plain,
    /// A hook.
    Hook(Box<Hook>),
    /// A hook for events that don't exist: Helm leaves the manifest out. The text names the events.
    Unknown(String),
}

pub(super) fn role(head: &Head, path: &str, manifest: &str) -> Role {
    let Some(events) = head.annotations.get(HOOK) else { return Role::Plain };
    let known: Option<Vec<Event>> =
        events.split(',').map(|event| Event::parse(&event.trim().to_lowercase())).collect();
    let Some(known) = known else { return Role::Unknown(events.clone()) };
    let policies = |annotation: &str| -> Vec<String> {
        let text = head.annotations.get(annotation);
        text.into_iter().flat_map(|text| text.split(',')).map(|name| name.trim().to_lowercase()).collect()
    };
    Role::Hook(Box::new(Hook {
        name: head.name.clone(),
        kind: head.kind.clone(),
        path: path.to_owned(),
        manifest: manifest.to_owned(),
        events: known,
        weight: head.annotations.get(WEIGHT).and_then(|weight| weight.parse().ok()).unwrap_or_default(),
        delete_policies: policies(DELETE_POLICY).iter().map(|name| DeletePolicy::from_name(name)).collect(),
        output_log_policies: policies(OUTPUT_LOG_POLICY)
            .iter()
            .map(|name| OutputLogPolicy::from_name(name))
            .collect(),
    }))
}
