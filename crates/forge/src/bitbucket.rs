//! Bitbucket Cloud's API 2.0: <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::address::{Repository, segment};
use crate::api::{Access, Api};
use crate::error::Error;
use crate::request::{Host, Known, State, Wanted};

const API: &str = "https://api.bitbucket.org/2.0";
/// Pull requests that are looked at.
pub(crate) const PAGE: usize = 25;
/// The longest title and text, in characters.
pub(crate) const LIMITS: (usize, usize) = (255, 32_000);

#[derive(Debug)]
pub(crate) struct Bitbucket {
    api: Api,
    /// `repositories/<workspace>/<name>/pullrequests`
    requests: String,
}

/// A page of a list; only the first is read.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) values: Vec<T>,
}

#[derive(Deserialize)]
struct Pull {
    id: u64,
    links: Links,
    state: String,
    title: String,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
struct Links {
    html: Link,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

impl From<Pull> for Known {
    fn from(pull: Pull) -> Self {
        Self {
            number: pull.id,
            url: pull.links.html.href,
            state: State::of(pull.state == "OPEN", pull.state == "MERGED"),
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            labels: Vec::new(),
        }
    }
}

impl Bitbucket {
    pub(crate) fn new(repository: &Repository, api: Option<String>, access: &Access) -> Result<Self, Error> {
        let (workspace, name) = repository.owner_and_name("Bitbucket")?;
        let base = api.unwrap_or_else(|| API.to_owned());
        let authorization = access.credentials.authorization();
        Ok(Self {
            api: Api::new(base, access, ("authorization", &authorization), &[])?,
            requests: format!("repositories/{}/{}/pullrequests", segment(&workspace), segment(&name)),
        })
    }
}

/// A text in the language of filters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Host for Bitbucket {
    const LABELS: bool = false;
    const LIMITS: (usize, usize) = LIMITS;

    async fn list(&self, wanted: &Wanted<'_>) -> Result<Vec<Known>, Error> {
        let filter = format!(
            "source.branch.name={} AND destination.branch.name={}",
            quoted(wanted.branch),
            quoted(wanted.target)
        );
        let path = format!(
            "{}?state=OPEN&state=MERGED&state=DECLINED&state=SUPERSEDED&q={}&sort=-created_on&pagelen={PAGE}",
            self.requests,
            segment(&filter)
        );
        let page: Page<Pull> = self.api.get(&path).await?;
        Ok(page.values.into_iter().map(Known::from).collect())
    }

    async fn open(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        let branch = |name: &str| json!({ "branch": { "name": name } });
        let body = json!({
            "title": wanted.title,
            "description": wanted.body,
            "source": branch(wanted.branch),
            "destination": branch(wanted.target),
        });
        let pull: Pull = self.api.send(Method::POST, &self.requests, &body).await?;
        Ok(pull.into())
    }

    async fn update(&self, known: &Known, wanted: &Wanted<'_>) -> Result<(), Error> {
        let path = format!("{}/{}", self.requests, known.number);
        let body = json!({ "title": wanted.title, "description": wanted.body });
        self.api.send::<Value>(Method::PUT, &path, &body).await.map(drop)
    }
}
