//! Releases as Helm stores them.

mod chart;
mod codec;
mod observation;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sluice_chart::release as rendered;

pub use self::chart::StoredChart;
pub use self::codec::{CodecError, MAX_RECORD_BYTES};

/// States of a release.
pub mod status {
    /// It is in the cluster.
    pub const DEPLOYED: &str = "deployed";
    /// It was removed from the cluster.
    pub const UNINSTALLED: &str = "uninstalled";
    /// Another revision took its place.
    pub const SUPERSEDED: &str = "superseded";
    /// Its action failed.
    pub const FAILED: &str = "failed";
    /// It is being removed.
    pub const UNINSTALLING: &str = "uninstalling";
    /// It is being installed.
    pub const PENDING_INSTALL: &str = "pending-install";
    /// It is being upgraded to.
    pub const PENDING_UPGRADE: &str = "pending-upgrade";
    /// It is being rolled back to.
    pub const PENDING_ROLLBACK: &str = "pending-rollback";
}

/// Phases of a hook's run.
pub mod phase {
    /// It was not told.
    pub const UNKNOWN: &str = "Unknown";
    /// It goes on.
    pub const RUNNING: &str = "Running";
    /// It succeeded.
    pub const SUCCEEDED: &str = "Succeeded";
    /// It failed.
    pub const FAILED: &str = "Failed";
}

/// How the objects of a release were applied.
pub mod apply_method {
    /// By the server.
    pub const SERVER_SIDE: &str = "ssa";
    /// By patches of the client.
    pub const CLIENT_SIDE: &str = "csa";
}

/// A revision of a release.
#[derive(Clone, Debug, Default)]
pub struct Release {
    /// Name of the release.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Number of the revision, from 1.
    pub version: i64,
    /// How it is.
    pub info: Info,
    /// The chart.
    pub chart: StoredChart,
    /// The user's values.
    pub config: Map<String, Json>,
    /// The manifests that are no hooks.
    pub manifest: String,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// `ssa` or `csa`; nothing, from older versions of Helm, means `csa`.
    pub apply_method: String,
    /// Labels of the stored object besides Helm's own, and Helm's own if it was listed.
    pub labels: BTreeMap<String, String>,
}

impl Release {
    /// Whether its objects were applied by the server.
    pub fn is_server_side(&self) -> bool {
        self.apply_method == apply_method::SERVER_SIDE
    }

    /// Whether an action on it was begun and has not ended.
    pub fn is_pending(&self) -> bool {
        matches!(
            self.info.status.as_str(),
            status::PENDING_INSTALL | status::PENDING_UPGRADE | status::PENDING_ROLLBACK
        )
    }

    /// Sets status and description.
    pub fn set_status(&mut self, status: &str, description: impl Into<String>) {
        status.clone_into(&mut self.info.status);
        self.info.description = description.into();
    }

    /// Sorts revisions, the newest first.
    pub fn sort_newest_first(releases: &mut [Self]) {
        releases.sort_by_key(|release| std::cmp::Reverse(release.version));
    }
}

/// How a release is. Times are RFC 3339, empty where there is none.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Info {
    /// When the first revision was deployed.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub first_deployed: String,
    /// When this revision was deployed.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub last_deployed: String,
    /// When it was removed.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub deleted: String,
    /// What happened, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// See [`status`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// The revision that it goes back to; written by later versions of Helm.
    #[serde(skip_serializing_if = "is_zero")]
    pub rollback_revision: i64,
    /// What the chart has to say to the user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// A hook, and how it went.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Hook {
    /// Name of its object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Kind of its object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template that it comes from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its manifest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Its last run.
    pub last_run: Execution,
    /// Lower ones run first.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When its object is deleted.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<String>,
    /// When the logs of its pods are told.
    #[serde(deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<String>,
}

impl Hook {
    /// Whether it runs at an event.
    pub fn runs_at(&self, event: &str) -> bool {
        self.events.iter().any(|of| of == event)
    }
}

impl From<&rendered::Hook> for Hook {
    fn from(hook: &rendered::Hook) -> Self {
        Self {
            name: hook.name.clone(),
            kind: hook.kind.clone(),
            path: hook.path.clone(),
            manifest: hook.manifest.clone(),
            events: hook.events.iter().map(|event| event.name().to_owned()).collect(),
            last_run: Execution::default(),
            weight: hook.weight,
            delete_policies: hook.delete_policies.iter().map(|policy| policy.name().to_owned()).collect(),
            output_log_policies: hook.output_log_policies.iter().map(|p| p.name().to_owned()).collect(),
        }
    }
}

/// A run of a hook. Times are RFC 3339, empty where there is none.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default)]
pub struct Execution {
    /// When it started.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub started_at: String,
    /// When it ended.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub completed_at: String,
    /// See [`phase`].
    pub phase: String,
}

/// Now, as Helm writes it.
pub fn now() -> String {
    Timestamp::now().to_string()
}

/// A time as the API has it: in whole seconds; the epoch for none.
pub fn time(text: &str) -> Timestamp {
    let time: Timestamp = text.parse().unwrap_or_default();
    Timestamp::from_second(time.as_second()).unwrap_or_default()
}

/// A text that may be null.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// A list that may be null.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(value: &i64) -> bool {
    *value == 0
}
