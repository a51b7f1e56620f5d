//! Additions to Flux's API: pull requests in place of pushes, and updates where no comment marks the place.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::LocalObjectReference;

vocabulary! {
    /// Whose API opens pull requests.
    pub enum PullRequestProvider {
        /// GitHub, at github.com or at an enterprise's own host.
        GitHub = "github",
        /// GitLab.
        GitLab = "gitlab",
        /// Gitea and Forgejo.
        Gitea = "gitea",
        /// Bitbucket Cloud.
        Bitbucket = "bitbucket",
        /// Bitbucket Data Center.
        BitbucketServer = "bitbucketserver",
        /// Azure DevOps.
        AzureDevOps = "azuredevops",
    }
}

vocabulary! {
    /// How many pull requests there are.
    #[derive(Default)]
    pub enum PullRequestSplit {
        /// One with all changes.
        #[default]
        None = "None",
        /// One for each policy, each from a branch of its own.
        Policy = "Policy",
    }
}

vocabulary! {
    /// What is updated where no comment marks the place.
    pub enum UnmarkedUpdate {
        /// `images` of a `kustomization.yaml`.
        KustomizeImages = "KustomizeImages",
        /// `repository` and `tag` beside each other in the values of a `HelmRelease`.
        HelmValues = "HelmValues",
        /// Versions of charts that registries hold, in a `HelmRelease` or an `OCIRepository`.
        HelmCharts = "HelmCharts",
    }
}

/// A pull request in place of a push to the branch that was checked out.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestSpec {
    /// Whose API it is.
    pub provider: PullRequestProvider,
    /// Secret with the `token` (or `username` and `password`) for the API, perhaps with its `address` and the `ca.crt`
    /// of its server; the credentials of the source when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Whether there is one with all changes, or one for each policy.
    #[serde(default)]
    pub split: PullRequestSplit,
    /// The branch to merge into; the branch that was checked out when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Template of the title, as that of the commit message; the first line of the commit message when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Template of the text; the changes when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Labels. Hosts that know them only in advance are told of new ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub labels: Vec<String>,
}

/// A pull request that was last seen open.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestStatus {
    /// The policy that it is for; none if it is for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The branch that it is from.
    pub branch: String,
    /// Where people see it.
    pub url: String,
}
