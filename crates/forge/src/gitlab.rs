//! GitLab's API v4: <https://docs.gitlab.com/api/merge_requests/>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::address::{Repository, segment};
use crate::api::{Access, Api};
use crate::error::Error;
use crate::request::{Host, Known, State, Wanted};

/// Merge requests that are looked at.
const PAGE: usize = 20;

#[derive(Debug)]
pub(crate) struct GitLab {
    api: Api,
    /// `projects/<path as one part>/merge_requests`
    requests: String,
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: u64,
    web_url: String,
    state: String,
    title: String,
    description: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
}

impl From<MergeRequest> for Known {
    fn from(request: MergeRequest) -> Self {
        // "locked" is about to be merged, and open until then.
        let is_open = !matches!(request.state.as_str(), "closed" | "merged");
        Self {
            number: request.iid,
            url: request.web_url,
            state: State::of(is_open, request.state == "merged"),
            title: request.title,
            body: request.description.unwrap_or_default(),
            labels: request.labels,
        }
    }
}

impl GitLab {
    pub(crate) fn new(repository: &Repository, api: Option<String>, access: &Access) -> Result<Self, Error> {
        if !repository.path.contains('/') {
            return Err(Error::Config(format!("'{}' is no project of GitLab", repository.path)));
        }
        let base = api.unwrap_or_else(|| format!("{}/api/v4", repository.host));
        Ok(Self {
            api: Api::new(base, access, ("private-token", access.credentials.secret()), &[])?,
            // Dots too: what ends like a file name is taken for a format.
            requests: format!("projects/{}/merge_requests", segment(&repository.path).replace('.', "%2E")),
        })
    }
}

impl Host for GitLab {
    const LIMITS: (usize, usize) = (255, 1_000_000);

    async fn list(&self, wanted: &Wanted<'_>) -> Result<Vec<Known>, Error> {
        let path = format!(
            "{}?state=all&source_branch={}&target_branch={}&order_by=created_at&sort=desc&per_page={PAGE}",
            self.requests,
            segment(wanted.branch),
            segment(wanted.target),
        );
        let requests: Vec<MergeRequest> = self.api.get(&path).await?;
        Ok(requests.into_iter().map(Known::from).collect())
    }

    async fn open(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        let body = json!({
            "source_branch": wanted.branch,
            "target_branch": wanted.target,
            "title": wanted.title,
            "description": wanted.body,
            "labels": wanted.labels.join(","),
        });
        let request: MergeRequest = self.api.send(Method::POST, &self.requests, &body).await?;
        Ok(request.into())
    }

    async fn update(&self, known: &Known, wanted: &Wanted<'_>) -> Result<(), Error> {
        let path = format!("{}/{}", self.requests, known.number);
        let body = json!({ "title": wanted.title, "description": wanted.body });
        self.api.send::<Value>(Method::PUT, &path, &body).await.map(drop)
    }

    async fn label(&self, known: &Known, missing: &[String]) -> Result<(), Error> {
        let path = format!("{}/{}", self.requests, known.number);
        let body = json!({ "add_labels": missing.join(",") });
        self.api.send::<Value>(Method::PUT, &path, &body).await.map(drop)
    }
}
