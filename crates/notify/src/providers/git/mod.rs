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

/// Owner and name of a repository that has just these two.
fn owner_and_name(path: &str) -> Option<(String, String)> {
    let (owner, name) = path.split_once('/')?;
    if name.contains('/') { None } else { Some((owner.to_owned(), name.to_owned())) }
}

fn invalid_id(path: &str) -> ConfigError {
    ConfigError::provider(format!("invalid repository id {path:?}"))
}
