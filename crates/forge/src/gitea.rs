//! The API v1 of Gitea and Forgejo: <https://docs.gitea.com/api/>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::address::Repository;
use crate::api::{Access, Api};
use crate::error::Error;
use crate::pulls::{Pull, Pulls};
use crate::request::{Host, Known, Wanted};

/// Entries of one page, and how many pages are looked through. The list can't be narrowed down to a branch.
const PAGE: usize = 50;
const MAX_PAGES: usize = 10;
/// The color of labels that are new.
const COLOR: &str = "#0075ca";

#[derive(Debug)]
pub(crate) struct Gitea {
    pulls: Pulls,
}

/// A pull request of a list.
#[derive(Deserialize)]
struct Listed {
    #[serde(flatten)]
    pull: Pull,
    head: Branch,
    base: Branch,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    #[serde(default)]
    repo_id: i64,
}

#[derive(Deserialize)]
struct Label {
    id: u64,
    name: String,
}

impl Listed {
    /// Whether it is from and to these branches, both of the repository itself.
    fn is(&self, wanted: &Wanted<'_>) -> bool {
        self.head.name == wanted.branch
            && self.base.name == wanted.target
            && self.head.repo_id == self.base.repo_id
    }
}

impl Gitea {
    pub(crate) fn new(repository: &Repository, api: Option<String>, access: &Access) -> Result<Self, Error> {
        let base = api.unwrap_or_else(|| format!("{}/api/v1", repository.host));
        let authorization = format!("token {}", access.credentials.secret());
        let api = Api::new(base, access, ("authorization", &authorization), &[])?;
        Ok(Self { pulls: Pulls::new(api, repository, "Gitea")? })
    }

    /// The numbers of the repository's labels of these names; those that are missing are made.
    async fn label_ids(&self, names: &[String]) -> Result<Vec<u64>, Error> {
        let mut labels: Vec<Label> = Vec::new();
        for page in 1..=MAX_PAGES {
            let path = format!("{}/labels?page={page}&limit={PAGE}", self.pulls.repository);
            let found: Vec<Label> = self.pulls.api.get(&path).await?;
            let is_last = found.len() < PAGE;
            labels.extend(found);
            if is_last {
                break;
            }
        }
        let mut ids = Vec::new();
        for name in names {
            if let Some(label) = labels.iter().find(|label| label.name.eq_ignore_ascii_case(name)) {
                ids.push(label.id);
                continue;
            }
            let path = format!("{}/labels", self.pulls.repository);
            let body = json!({ "name": name, "color": COLOR });
            ids.push(self.pulls.api.send::<Label>(Method::POST, &path, &body).await?.id);
        }
        Ok(ids)
    }
}

impl Host for Gitea {
    const LIMITS: (usize, usize) = (255, 65_000);

    async fn list(&self, wanted: &Wanted<'_>) -> Result<Vec<Known>, Error> {
        let mut known = Vec::new();
        // All that are open first: none of them may be missed.
        for (state, pages) in [("open", MAX_PAGES), ("closed", 1)] {
            for page in 1..=pages {
                let path = format!(
                    "{}/pulls?state={state}&sort=recentupdate&page={page}&limit={PAGE}",
                    self.pulls.repository
                );
                let found: Vec<Listed> = self.pulls.api.get(&path).await?;
                let is_last = found.len() < PAGE;
                let ours = found.into_iter().filter(|listed| listed.is(wanted));
                known.extend(ours.map(|listed| Known::from(listed.pull)));
                if is_last {
                    break;
                }
            }
        }
        Ok(known)
    }

    async fn open(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        let ids = if wanted.labels.is_empty() { Vec::new() } else { self.label_ids(wanted.labels).await? };
        self.pulls.open(wanted, Some(&ids)).await
    }

    async fn update(&self, known: &Known, wanted: &Wanted<'_>) -> Result<(), Error> {
        self.pulls.update(known, wanted).await
    }

    async fn label(&self, known: &Known, missing: &[String]) -> Result<(), Error> {
        let ids = self.label_ids(missing).await?;
        self.pulls.label(known, json!(ids)).await
    }
}
