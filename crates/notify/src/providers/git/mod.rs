//! Hosts of Git repositories: statuses of commits, and comments on the requests to change them.

mod address;
mod azure_devops;
mod bitbucket;
mod bitbucket_server;
mod comment;
mod gitea;
mod github;
mod gitlab;
mod status;

pub(crate) use self::github::Tokens;
pub(super) use self::{
    azure_devops::AzureDevOps, bitbucket::Bitbucket, bitbucket_server::BitbucketServer, gitea::Gitea,
    github::GitHub, gitlab::GitLab,
};

use self::address::owner_and_name;
use super::segment;
use crate::error::ConfigError;

/// The one thing that a host's client does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Sets the status of a commit.
    Status,
    /// Comments on a request to change something.
    Comment,
    /// Starts workflows.
    Dispatch,
}

fn invalid_id(path: &str) -> ConfigError {
    ConfigError::provider(format!("invalid repository id {path:?}"))
}
