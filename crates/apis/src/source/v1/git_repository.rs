//! `GitRepository`: a Git repository at a branch, tag, version range, reference name or commit.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::artifact::{Artifact, source};
use super::{DEFAULT_TIMEOUT, default_timeout};
use crate::k8s::Condition;
use crate::meta::{Duration, LocalObjectReference, is_false, is_zero};
use crate::schema::{DURATION_PATTERN, TIMEOUT_PATTERN};

vocabulary! {
    /// Who hosts the repository: how credentials are obtained.
    pub enum GitProvider {
        /// Credentials from the Secret, or none.
        Generic = "generic",
        /// AWS `CodeCommit` with workload identity.
        Aws = "aws",
        /// Azure `DevOps` with workload identity.
        Azure = "azure",
        /// A GitHub App.
        GitHub = "github",
    }
}

vocabulary! {
    /// Which Git objects must be signed.
    #[derive(Default)]
    pub enum GitVerificationMode {
        /// The commit; the older spelling of [`Self::Head`].
        LowercaseHead = "head",
        /// The commit.
        #[default]
        Head = "HEAD",
        /// The tag.
        Tag = "Tag",
        /// The tag and the commit.
        TagAndHead = "TagAndHEAD",
    }
}

/// The desired state of a `GitRepository`.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "GitRepository",
    plural = "gitrepositories",
    shortname = "gitrepo",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "GitRepositoryStatus",
    derive = "PartialEq",
    doc = "A Git repository whose content becomes an artifact.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!has(self.serviceAccountName) || (has(self.provider) && (self.provider == 'azure' || self.provider == 'aws'))"
).message("serviceAccountName can only be set when provider is 'azure' or 'aws'"))]
pub struct GitRepositorySpec {
    /// HTTP(S) or SSH address of the repository.
    #[schemars(regex(pattern = r"^(http|https|ssh)://.*$"))]
    pub url: String,
    /// Secret with the credentials: `username` and `password`, `bearerToken`, `identity` and `known_hosts`, TLS files,
    /// or those of a GitHub App.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Who hosts the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<GitProvider>,
    /// Service account whose identity is used with the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// How often to look for a new revision.
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Duration,
    /// How long Git operations may take.
    #[serde(default = "default_timeout")]
    #[schemars(regex(pattern = TIMEOUT_PATTERN), extend("default" = DEFAULT_TIMEOUT))]
    pub timeout: Duration,
    /// What to check out; branch `master` when not given.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<GitRepositoryRef>,
    /// Which signatures to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<GitRepositoryVerification>,
    /// Secret with the address and credentials of a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// Patterns in `.gitignore` format of what to leave out of the artifact; replaces the defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Whether the reconciliation is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Whether submodules are fetched, with the same credentials.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recurse_submodules: bool,
    /// Artifacts of other repositories to copy into this one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<GitRepositoryInclude>,
    /// Directories to check out; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sparse_checkout: Vec<String>,
}

/// What to check out: commit wins over name, then version range, tag and branch.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct GitRepositoryRef {
    /// Branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Range of versions; the tag with the highest version in it is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// Full name of a reference, such as `refs/pull/1/head`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Commit; with a branch only that branch is searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Which signatures to check, and with which keys.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GitRepositoryVerification {
    /// Which Git objects must be signed.
    #[serde(default)]
    pub mode: GitVerificationMode,
    /// Secret with the trusted public keys.
    pub secret_ref: LocalObjectReference,
}

/// A directory of another repository's artifact to copy into this one's.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GitRepositoryInclude {
    /// The other `GitRepository`, in the same namespace.
    pub repository: LocalObjectReference,
    /// What to copy; the whole artifact when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_path: Option<String>,
    /// Where to; a directory of the repository's name when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_path: Option<String>,
}

/// The observed state of a `GitRepository`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct GitRepositoryStatus {
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The last successful artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// The artifacts that were included, in the order of the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub included_artifacts: Vec<Artifact>,
    /// The ignore patterns that the artifact was built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_ignore: Option<String>,
    /// Whether the artifact was built with submodules.
    #[serde(skip_serializing_if = "is_false")]
    pub observed_recurse_submodules: bool,
    /// The includes that the artifact was built with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observed_include: Vec<GitRepositoryInclude>,
    /// The directories that the artifact was built from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observed_sparse_checkout: Vec<String>,
    /// The verification mode that the artifact passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub source_verification_mode: Option<GitVerificationMode>,
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

conditioned!(GitRepository);
source!(GitRepository);
suspendable!(GitRepository);
