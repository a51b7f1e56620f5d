//! Hosts of Git repositories, beyond Git: where their APIs are, and the pull requests of a branch.
//!
//! [`Repository`] reads the address of a repository in any form that Git takes. [`Forge`] opens one pull request for a
//! branch and keeps its title, text and labels as they are wanted:
//!
//! ```ignore
//! let forge = Forge::new(Kind::GitHub, "https://github.com/org/app", None, &access)?;
//! let wanted = Wanted { branch: "updates", target: "main", title: "Update app", body: "1.0 -> 1.1", .. };
//! let request = forge.ensure(&wanted).await?;  // opened, updated, or as it was
//! println!("{}", request.url);
//! ```
//!
//! Nothing is remembered between calls: what there is says what is to be done, so a call that was cut short is made
//! good by the next.

mod address;
mod api;
mod azure_devops;
mod bitbucket;
mod bitbucket_server;
mod error;
mod gitea;
mod github;
mod gitlab;
mod pulls;
mod request;

pub use address::{Repository, github_api, owner_and_name, segment};
pub use api::{Access, Credentials};
pub use error::Error;
pub use request::{Outcome, PullRequest, Wanted};

use azure_devops::AzureDevOps;
use bitbucket::Bitbucket;
use bitbucket_server::BitbucketServer;
use gitea::Gitea;
use github::GitHub;
use gitlab::GitLab;

/// Whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GitHub, at github.com or at an enterprise's own host.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Bitbucket Data Center, and Server before it.
    BitbucketServer,
    /// Azure DevOps.
    AzureDevOps,
}

/// A repository at its host.
#[derive(Debug)]
pub struct Forge(Host);

#[derive(Debug)]
enum Host {
    GitHub(GitHub),
    GitLab(GitLab),
    Gitea(Gitea),
    Bitbucket(Bitbucket),
    BitbucketServer(BitbucketServer),
    AzureDevOps(AzureDevOps),
}

impl Forge {
    /// The repository at a Git address. `api` is where the API is; by default it is derived from the address.
    pub fn new(kind: Kind, address: &str, api: Option<&str>, access: &Access) -> Result<Self, Error> {
        let api = api.map(|api| api.trim_end_matches('/').to_owned());
        if let Some(api) = &api {
            let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
            if !url::Url::parse(api).is_ok_and(|url| is_web(&url)) {
                return Err(Error::Config(format!("'{}' is no address of an API", sluice_http::redact(api))));
            }
        }
        let repository = Repository::parse(address);
        Ok(Self(match kind {
            Kind::GitHub => Host::GitHub(GitHub::new(&repository, api, access)?),
            Kind::GitLab => Host::GitLab(GitLab::new(&repository, api, access)?),
            Kind::Gitea => Host::Gitea(Gitea::new(&repository, api, access)?),
            Kind::Bitbucket => Host::Bitbucket(Bitbucket::new(&repository, api, access)?),
            Kind::BitbucketServer => Host::BitbucketServer(BitbucketServer::new(address, api, access)?),
            Kind::AzureDevOps => Host::AzureDevOps(AzureDevOps::new(&repository, api, access)?),
        }))
    }

    /// Refuses labels if pull requests of this host have none.
    pub fn check_labels(&self, labels: &[String]) -> Result<(), Error> {
        match &self.0 {
            Host::GitHub(_) | Host::GitLab(_) | Host::Gitea(_) | Host::AzureDevOps(_) => Ok(()),
            Host::Bitbucket(_) => request::check::<Bitbucket>(labels),
            Host::BitbucketServer(_) => request::check::<BitbucketServer>(labels),
        }
    }

    /// Sees to it that there is an open pull request as it is wanted.
    ///
    /// One that was closed without being merged, and proposed the same, is not opened again.
    pub async fn ensure(&self, wanted: &Wanted<'_>) -> Result<PullRequest, Error> {
        match &self.0 {
            Host::GitHub(host) => request::ensure(host, wanted).await,
            Host::GitLab(host) => request::ensure(host, wanted).await,
            Host::Gitea(host) => request::ensure(host, wanted).await,
            Host::Bitbucket(host) => request::ensure(host, wanted).await,
            Host::BitbucketServer(host) => request::ensure(host, wanted).await,
            Host::AzureDevOps(host) => request::ensure(host, wanted).await,
        }
    }
}
