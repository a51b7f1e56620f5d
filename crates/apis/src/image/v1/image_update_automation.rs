//! `ImageUpdateAutomation`: writes selected images to a Git repository.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::image_policy::ImageRef;
use super::pull_request::{PullRequestSpec, PullRequestStatus, UnmarkedUpdate};
use crate::k8s::{Condition, LabelSelector, Time};
use crate::meta::{Duration, LocalObjectReference, is_false, is_zero};
use crate::schema::DURATION_PATTERN;
use crate::source::v1::GitRepositoryRef;

vocabulary! {
    /// The kinds that can be written to.
    pub enum SourceReferenceKind {
        /// A Git repository.
        GitRepository = "GitRepository",
    }
}

vocabulary! {
    /// How to find what to update.
    #[derive(Default)]
    pub enum UpdateStrategyName {
        /// By markers in comments.
        #[default]
        Setters = "Setters",
    }
}

vocabulary! {
    /// The kind of a signing key.
    pub enum SigningKeyType {
        /// An `OpenPGP` key.
        Gpg = "gpg",
        /// An SSH key.
        Ssh = "ssh",
    }
}

/// The desired state of an `ImageUpdateAutomation`.
#[derive(Clone, CustomResource, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "image.toolkit.fluxcd.io",
    version = "v1",
    kind = "ImageUpdateAutomation",
    plural = "imageupdateautomations",
    shortname = "iua",
    shortname = "imgupd",
    shortname = "imgauto",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-images",
    namespaced,
    status = "ImageUpdateAutomationStatus",
    derive = "PartialEq",
    doc = "Image updates written to Git.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#
    ),
    printcolumn(
        name = "Last run",
        type_ = "string",
        json_path = ".status.lastAutomationRunTime",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ImageUpdateAutomationSpec {
    /// The repository to write to.
    pub source_ref: SourceReference,
    /// How to check out, commit and push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitSpec>,
    /// How often to run.
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Duration,
    /// The policies whose images are written; all in the namespace when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::label_selector")]
    pub policy_selector: Option<LabelSelector>,
    /// What to update.
    #[serde(default)]
    pub update: UpdateStrategy,
    /// Whether the automation is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

/// A repository to write to.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReference {
    /// API version of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    #[schemars(extend("default" = "GitRepository"))]
    pub kind: SourceReferenceKind,
    /// Name of the source.
    pub name: String,
    /// Namespace of the source; that of the automation when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// How to check out, commit and push.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct GitSpec {
    /// What to check out; the reference of the source when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<GitCheckoutSpec>,
    /// The commit.
    pub commit: CommitSpec,
    /// Where to push; the branch that was checked out when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<PushSpec>,
}

/// What to check out.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct GitCheckoutSpec {
    /// The reference.
    #[serde(rename = "ref")]
    pub reference: GitRepositoryRef,
}

/// A commit.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitSpec {
    /// Its author and committer.
    pub author: CommitUser,
    /// The key to sign it with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SigningKey>,
    /// Template of its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_template: Option<String>,
    /// Values for the template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub message_template_values: BTreeMap<String, String>,
}

/// A person or robot that commits.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CommitUser {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Address.
    pub email: String,
}

/// A key to sign commits with.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// Secret with the key, and its passphrase if it has one.
    pub secret_ref: LocalObjectReference,
    /// Kind of the key; `OpenPGP` when not given.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<SigningKeyType>,
}

/// Where and how to push.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushSpec {
    /// Branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Refspec, pushed as well as the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refspec: Option<String>,
    /// Push options for the server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// A pull request in place of a push to the branch that was checked out. An addition to Flux's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequestSpec>,
}

/// What to update, and how to find it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct UpdateStrategy {
    /// How to find it.
    #[serde(default)]
    pub strategy: UpdateStrategyName,
    /// Directory to look in; the root of the repository when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is updated where no comment marks the place. An addition to Flux's API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub unmarked: Vec<UnmarkedUpdate>,
    /// Files with values of charts in which `tag` beside `repository` is updated where no comment marks the place, by
    /// names such as `values.yaml` or paths from `path`, as in a `.gitignore`. An addition to Flux's API.
    #[serde(default, rename = "valuesFiles", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 1024)))]
    pub values_files: Vec<String>,
}

/// The observed state of an `ImageUpdateAutomation`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct ImageUpdateAutomationStatus {
    /// When the automation last ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_automation_run_time: Option<Time>,
    /// The last commit that was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_push_commit: Option<String>,
    /// When it was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_push_time: Option<Time>,
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The images of the policies in the last run, by policy.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub observed_policies: BTreeMap<String, ImageRef>,
    /// The revision of the source in the last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_source_revision: Option<String>,
    /// The pull requests of the last run. An addition to Flux's API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pull_requests: Vec<PullRequestStatus>,
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

conditioned!(ImageUpdateAutomation);
suspendable!(ImageUpdateAutomation);
