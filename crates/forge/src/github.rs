//! GitHub's REST API: <https://docs.github.com/en/rest/pulls/pulls>.

use serde_json::json;

use crate::address::{Repository, github_api, segment};
use crate::api::{Access, Api};
use crate::error::Error;
use crate::pulls::{Pull, Pulls};
use crate::request::{Host, Known, Wanted};

/// Pull requests that are looked at.
const PAGE: usize = 30;

#[derive(Debug)]
pub(crate) struct GitHub {
    pulls: Pulls,
    owner: String,
}

impl GitHub {
    pub(crate) fn new(repository: &Repository, api: Option<String>, access: &Access) -> Result<Self, Error> {
        const HOST: &str = "GitHub";
        let (owner, _) = repository.owner_and_name(HOST)?;
        let base = api.unwrap_or_else(|| github_api(&repository.host));
        let authorization = format!("Bearer {}", access.credentials.secret());
        let headers = [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];
        let api = Api::new(base, access, ("authorization", &authorization), &headers)?;
        Ok(Self { pulls: Pulls::new(api, repository, HOST)?, owner })
    }
}

impl Host for GitHub {
    const LIMITS: (usize, usize) = (256, 65_000);

    async fn list(&self, wanted: &Wanted<'_>) -> Result<Vec<Known>, Error> {
        let path = format!(
            "{}/pulls?state=all&head={}&base={}&sort=created&direction=desc&per_page={PAGE}",
            self.pulls.repository,
            segment(&format!("{}:{}", self.owner, wanted.branch)),
            segment(wanted.target),
        );
        let found: Vec<Pull> = self.pulls.api.get(&path).await?;
        Ok(found.into_iter().map(Known::from).collect())
    }

    async fn open(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        self.pulls.open(wanted, None).await
    }

    async fn update(&self, known: &Known, wanted: &Wanted<'_>) -> Result<(), Error> {
        self.pulls.update(known, wanted).await
    }

    async fn label(&self, known: &Known, missing: &[String]) -> Result<(), Error> {
        self.pulls.label(known, json!(missing)).await
    }
}
