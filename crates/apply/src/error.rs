//! Errors, worded as the people who search for them know them.

use std::fmt;

use kube::core::Status;

use crate::{change::ChangeSet, object::ObjectId, wait::WaitError};

/// Why a request to a cluster failed.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The API server answered with an error. Displays as the server's message alone.
    #[error("{}", server_text(.0))]
    Api(Box<Status>),
    /// The API server doesn't serve this kind (or not in this version), even after a fresh look.
    #[error("no matches for kind {kind:?} in {}", if version.is_empty() { format!("group {group:?}") } else { format!("version {:?}", join_version(group, version)) })]
    NoMatch {
        /// API group, empty for the core group.
        group: String,
        /// API version, empty if any would do.
        version: String,
        /// Kind.
        kind: String,
    },
    /// A namespaced object names no namespace: there is no URL to ask.
    #[error("the server could not find the requested resource")]
    NoNamespace,
    /// The condition waited for didn't come about in time.
    #[error("{0}")]
    Timeout(String),
    /// No answer came: connection, TLS, authentication plugin, or a body that doesn't parse.
    #[error("{}", chain(.0))]
    Transport(#[source] Box<kube::Error>),
}

fn join_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// What kube puts in a status made up from a body that isn't one.
const UNPARSED: &str = "Failed to parse error data";

/// The message as Go's client would show it: paths that don't exist answer in plain text.
fn server_text(status: &Status) -> String {
    match (status.reason.as_str(), status.code) {
        (UNPARSED, 404) => "the server could not find the requested resource".to_owned(),
        (UNPARSED, 401) => "the server has asked for the client to provide credentials".to_owned(),
        (UNPARSED, 503) => "the server is currently unable to handle the request".to_owned(),
        (UNPARSED, code) => format!("the server answered {code}: {}", status.message),
        _ => status.message.clone(),
    }
}

/// The error with its causes: kube's own text often says only which layer failed.
fn chain(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

impl From<kube::Error> for ClusterError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Api(status),
            other => Self::Transport(Box::new(other)),
        }
    }
}

impl ClusterError {
    /// The server's status, if it answered with one.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Api(status) => Some(status),
            _ => None,
        }
    }

    /// The machine-readable reason, such as `Forbidden`; empty if there is none.
    pub fn reason(&self) -> &str {
        match self {
            Self::Api(status) if status.reason != UNPARSED => &status.reason,
            Self::Api(status) if status.code == 404 => "NotFound",
            Self::NoNamespace => "NotFound",
            _ => "",
        }
    }

    /// Whether the object (or path) doesn't exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoNamespace) || self.status().is_some_and(Status::is_not_found)
    }

    /// Whether the server doesn't know the path: the kind (or this version of it) isn't served.
    pub(crate) fn is_missing_path(&self) -> bool {
        self.status().is_some_and(|status| status.reason == UNPARSED && status.code == 404)
    }

    /// Whether RBAC or an admission plugin refuses.
    pub fn is_forbidden(&self) -> bool {
        self.status().is_some_and(Status::is_forbidden)
    }

    /// Whether the object was changed meanwhile, or a field has another owner.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(Status::is_conflict)
    }

    /// Whether the server holds the object to be invalid.
    pub fn is_invalid(&self) -> bool {
        self.status().is_some_and(Status::is_invalid)
    }

    /// Whether the kind isn't served.
    pub fn is_no_match(&self) -> bool {
        matches!(self, Self::NoMatch { .. })
    }

    /// The reason as apply errors show it: that of a conflict of field owners is its cause.
    fn apply_reason(&self) -> &str {
        let conflict = "FieldManagerConflict";
        let has_conflict = self
            .status()
            .and_then(|status| status.details.as_ref())
            .is_some_and(|details| details.causes.iter().any(|cause| cause.reason == conflict));
        if has_conflict { conflict } else { self.reason() }
    }
}

/// At which step an object failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The server refused the dry-run.
    DryRun,
    /// The server refused the apply although the dry-run had passed.
    Apply,
    /// The stale field owners or annotations couldn't be removed.
    Cleanup,
    /// The API version of the field owners couldn't be moved.
    Migrate,
    /// An immutable field changed, and the object couldn't be deleted.
    ForceDelete,
    /// An immutable field changed, and the deleted object didn't go away.
    ForceWait,
    /// The live object couldn't be read before its deletion.
    Query,
    /// The server refused the deletion.
    Delete,
}

/// The failure of one object of a set.
#[derive(Debug)]
pub struct ObjectError {
    /// Which object.
    pub id: ObjectId,
    /// What was being done.
    pub step: Step,
    /// Why it failed.
    pub source: Box<ClusterError>,
}

impl std::error::Error for ObjectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl ObjectError {
    /// The failure of an object at a step.
    pub fn new(id: ObjectId, step: Step, source: ClusterError) -> Self {
        Self { id, step, source: Box::new(source) }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.id.subject();
        let cause = &self.source;
        match self.step {
            Step::DryRun if cause.is_not_found() && self.id.namespace.is_empty() => {
                write!(f, "{subject} namespace not specified: {cause}")
            }
            Step::DryRun if cause.is_not_found() => write!(f, "{subject} not found: {cause}"),
            Step::DryRun => match cause.apply_reason() {
                "" => write!(f, "{subject} dry-run failed: {cause}"),
                reason => write!(f, "{subject} dry-run failed ({reason}): {cause}"),
            },
            Step::Apply => write!(f, "{subject} apply failed: {cause}"),
            Step::Cleanup => write!(f, "{subject} metadata.managedFields cleanup failed: {cause}"),
            Step::Migrate => write!(f, "{subject} failed to migrate API version: {cause}"),
            Step::ForceDelete => {
                write!(f, "{subject} immutable field detected, failed to delete object: {cause}")
            }
            Step::ForceWait => {
                write!(
                    f,
                    "{subject} immutable field detected, failed to wait for object to be deleted: {cause}"
                )
            }
            Step::Query => write!(f, "{subject} query failed: {cause}"),
            Step::Delete => write!(f, "{subject} delete failed: {cause}"),
        }
    }
}

/// Why a set wasn't applied in full.
#[derive(Debug, thiserror::Error)]
pub enum ApplyFailureCause {
    /// Objects failed: all that did in the stage, in apply order. Displays the first.
    #[error("{}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Objects(Vec<ObjectError>),
    /// The definitions of a stage didn't become ready, so the next one wasn't tried.
    #[error(transparent)]
    Stage(#[from] WaitError),
}

/// A set of objects that wasn't applied in full, with what had been done before.
#[derive(Debug)]
pub struct ApplyFailure {
    /// What the stages before the failing one did.
    pub changes: ChangeSet,
    /// What was written within the failing stage before it failed.
    pub partial: ChangeSet,
    /// What failed.
    pub cause: ApplyFailureCause,
}

impl ApplyFailure {
    /// What there is to say beyond the text: the other objects that failed, why definitions
    /// aren't ready, what the failing stage has changed already.
    pub fn detail(&self) -> Option<String> {
        let mut parts = Vec::new();
        match &self.cause {
            ApplyFailureCause::Objects(errors) if errors.len() > 1 => {
                let others: Vec<_> = errors.iter().skip(1).map(ToString::to_string).collect();
                parts.push(format!("{} more failed: {}", others.len(), others.join("; ")));
            }
            ApplyFailureCause::Objects(_) => {}
            ApplyFailureCause::Stage(error) => parts.extend(error.detail()),
        }
        if self.partial.has_changes() {
            parts.push(format!("changed before that: {}", self.partial.change_log().replace('\n', ", ")));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl fmt::Display for ApplyFailure {
    /// The error, a newline, and one line (ended by a newline) for each change of the earlier
    /// stages: Flux's text for the condition and the event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.cause)?;
        let mut changes = self.changes.entries.iter().filter(|change| change.action.is_change());
        changes.try_for_each(|change| writeln!(f, "{change}"))
    }
}

impl std::error::Error for ApplyFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
