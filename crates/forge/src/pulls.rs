//! Pull requests as GitHub's API has them, and Gitea's after it.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::address::{Repository, segment};
use crate::api::Api;
use crate::error::Error;
use crate::request::{Known, State, Wanted};

/// The pull requests of a repository.
#[derive(Debug)]
pub(crate) struct Pulls {
    pub(crate) api: Api,
    /// `repos/<owner>/<name>`
    pub(crate) repository: String,
}

/// One of them.
#[derive(Deserialize)]
pub(crate) struct Pull {
    number: u64,
    html_url: String,
    state: String,
    title: String,
    #[serde(default)]
    body: Option<String>,
    /// Lists of GitHub have only the time.
    #[serde(default)]
    merged: bool,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    labels: Option<Vec<Name>>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

impl From<Pull> for Known {
    fn from(pull: Pull) -> Self {
        Self {
            number: pull.number,
            url: pull.html_url,
            state: State::of(pull.state == "open", pull.merged || pull.merged_at.is_some()),
            title: pull.title,
            body: pull.body.unwrap_or_default(),
            labels: pull.labels.unwrap_or_default().into_iter().map(|label| label.name).collect(),
        }
    }
}

impl Pulls {
    /// `host` is who they are at, for messages.
    pub(crate) fn new(api: Api, repository: &Repository, host: &str) -> Result<Self, Error> {
        let (owner, name) = repository.owner_and_name(host)?;
        Ok(Self { api, repository: format!("repos/{}/{}", segment(&owner), segment(&name)) })
    }

    /// Opens one with labels by their numbers, where that is how it is done.
    pub(crate) async fn open(&self, wanted: &Wanted<'_>, labels: Option<&[u64]>) -> Result<Known, Error> {
        let mut body = json!({
            "title": wanted.title, "body": wanted.body, "head": wanted.branch, "base": wanted.target,
        });
        if let Some(labels) = labels {
            body["labels"] = json!(labels);
        }
        let pull: Pull = self.api.send(Method::POST, &format!("{}/pulls", self.repository), &body).await?;
        Ok(pull.into())
    }

    pub(crate) async fn update(&self, known: &Known, wanted: &Wanted<'_>) -> Result<(), Error> {
        let path = format!("{}/pulls/{}", self.repository, known.number);
        let body = json!({ "title": wanted.title, "body": wanted.body });
        self.api.send::<Value>(Method::PATCH, &path, &body).await.map(drop)
    }

    /// Adds labels, which hosts name differently.
    pub(crate) async fn label(&self, known: &Known, labels: Value) -> Result<(), Error> {
        let path = format!("{}/issues/{}/labels", self.repository, known.number);
        self.api.send::<Value>(Method::POST, &path, &json!({ "labels": labels })).await.map(drop)
    }
}
