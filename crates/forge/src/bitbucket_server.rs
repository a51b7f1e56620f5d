//! Bitbucket Data Center's REST API: <https://developer.atlassian.com/server/bitbucket/rest/>.

use percent_encoding::percent_decode_str;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::address::{Repository, segment};
use crate::api::{Access, Api};
use crate::bitbucket::{LIMITS, PAGE, Page};
use crate::error::Error;
use crate::request::{Host, Known, State, Wanted};

/// What stands before the project in addresses to clone from over HTTP.
const MARK: &str = "/scm/";

#[derive(Debug)]
pub(crate) struct BitbucketServer {
    api: Api,
    project: String,
    name: String,
    /// `projects/<project>/repos/<name>/pull-requests`
    requests: String,
}

#[derive(Deserialize)]
struct Pull {
    id: u64,
    version: i64,
    state: String,
    title: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(rename = "toRef")]
    to: Ref,
    #[serde(default)]
    links: Links,
    #[serde(default)]
    reviewers: Vec<Reviewer>,
}

#[derive(Deserialize)]
struct Ref {
    id: String,
}

#[derive(Default, Deserialize)]
struct Links {
    #[serde(default, rename = "self")]
    own: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

#[derive(Deserialize)]
struct Reviewer {
    user: User,
}

#[derive(Deserialize)]
struct User {
    name: String,
}

impl From<Pull> for Known {
    fn from(pull: Pull) -> Self {
        Self {
            number: pull.id,
            url: pull.links.own.into_iter().next().map(|link| link.href).unwrap_or_default(),
            state: State::of(pull.state == "OPEN", pull.state == "MERGED"),
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            labels: Vec::new(),
        }
    }
}

impl BitbucketServer {
    pub(crate) fn new(address: &str, api: Option<String>, access: &Access) -> Result<Self, Error> {
        let (base, path) = locate(address);
        let (project, name) = Repository { host: base.clone(), path }.owner_and_name("Bitbucket")?;
        let base = api.unwrap_or_else(|| format!("{base}/rest/api/latest"));
        let authorization = access.credentials.authorization();
        // Without these, requests of browsers could be forged, so they are asked for.
        let headers = [("x-atlassian-token", "no-check"), ("x-requested-with", "XMLHttpRequest")];
        Ok(Self {
            api: Api::new(base, access, ("authorization", &authorization), &headers)?,
            requests: format!("projects/{}/repos/{}/pull-requests", segment(&project), segment(&name)),
            project,
            name,
        })
    }

    fn branch(&self, name: &str) -> Value {
        json!({
            "id": format!("refs/heads/{name}"),
            "repository": { "slug": self.name, "project": { "key": self.project } },
        })
    }
}

/// The server's address with its context path, and project and name of the repository.
fn locate(address: &str) -> (String, String) {
    if let Ok(url) = Url::parse(address)
        && matches!(url.scheme(), "http" | "https")
    {
        let path = percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
        let path = path.strip_suffix(".git").unwrap_or(&path);
        if let Some((context, repository)) = path.rsplit_once(MARK) {
            return (format!("{}{context}", url.origin().ascii_serialization()), repository.to_owned());
        }
    }
    // SSH has a port of its own, so the web server's is unknown: the usual one is taken.
    let repository = Repository::parse(address);
    let host = Url::parse(&repository.host).ok().and_then(|url| url.host_str().map(str::to_owned));
    (format!("https://{}", host.unwrap_or_default()), repository.path)
}

impl Host for BitbucketServer {
    const LABELS: bool = false;
    const LIMITS: (usize, usize) = LIMITS;

    async fn list(&self, wanted: &Wanted<'_>) -> Result<Vec<Known>, Error> {
        let path = format!(
            "{}?at={}&direction=OUTGOING&state=ALL&order=NEWEST&limit={PAGE}",
            self.requests,
            segment(&format!("refs/heads/{}", wanted.branch))
        );
        let page: Page<Pull> = self.api.get(&path).await?;
        let target = format!("refs/heads/{}", wanted.target);
        Ok(page.values.into_iter().filter(|pull| pull.to.id == target).map(Known::from).collect())
    }

    async fn open(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        let body = json!({
            "title": wanted.title,
            "description": wanted.body,
            "fromRef": self.branch(wanted.branch),
            "toRef": self.branch(wanted.target),
        });
        let pull: Pull = self.api.send(Method::POST, &self.requests, &body).await?;
        Ok(pull.into())
    }

    async fn update(&self, known: &Known, wanted: &Wanted<'_>) -> Result<(), Error> {
        let path = format!("{}/{}", self.requests, known.number);
        // The version must be the present one, and reviewers that are left out are removed.
        let pull: Pull = self.api.get(&path).await?;
        let reviewers: Vec<Value> =
            pull.reviewers.iter().map(|one| json!({ "user": { "name": one.user.name } })).collect();
        let body = json!({
            "version": pull.version,
            "title": wanted.title,
            "description": wanted.body,
            "reviewers": reviewers,
        });
        self.api.send::<Value>(Method::PUT, &path, &body).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_paths_stay_before_the_api() {
        let of = |address: &str| locate(address);
        let is = |base: &str| (base.to_owned(), "PROJ/repo".to_owned());
        assert_eq!(of("https://h:7990/a/b/scm/PROJ/repo.git"), is("https://h:7990/a/b"));
        assert_eq!(of("ssh://git@h:7999/PROJ/repo.git"), is("https://h"));
    }
}
