//! GitLab's API v4.

use futures::future::BoxFuture;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    Purpose,
    address::Repository,
    comment::{self, Comment},
    segment, status,
};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    providers::{Provider, is_progressing},
    settings::Settings,
};

pub(in crate::providers) struct GitLab {
    purpose: Purpose,
    /// Of the API, with the version.
    base: String,
    /// Of the project, as the API names it.
    project: String,
    token: String,
    status_id: String,
    provider_uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_field_names, reason = "the names of the API")]
struct Status {
    sha: Option<String>,
    status: Option<String>,
    name: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    #[serde(default)]
    author: User,
    #[serde(default)]
    body: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
}

impl GitLab {
    pub(in crate::providers) fn new(purpose: Purpose, settings: &Settings) -> Result<Self, ConfigError> {
        let token = settings.token_or_password();
        if token.is_empty() {
            return Err(ConfigError::provider("gitlab token cannot be empty"));
        }
        let repository = Repository::parse(&settings.address);
        Ok(Self {
            purpose,
            base: format!("{}/api/v4", repository.host),
            project: format!("projects/{}", segment(&repository.path).replace('.', "%2E")),
            token: token.to_owned(),
            status_id: settings.commit_status.clone(),
            provider_uid: settings.uid.clone(),
        })
    }

    fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("{}/{path}", self.base)).header("PRIVATE-TOKEN", &self.token)
    }

    async fn set_status(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        if is_progressing(event) {
            return Ok(());
        }
        let commit = status::commit(event)?;
        let state = status::state(event, "success", "failed", "can't convert to gitlab state")?;
        let description = status::description(event);
        let name = &self.status_id;
        let sha = segment(commit);
        let list = format!("{}/repository/commits/{sha}/statuses?name={}", self.project, query(name));
        let known = net
            .call(&self.request(Method::GET, &list))
            .await
            .and_then(|answer| answer.json::<Vec<Status>>())
            .map_err(|error| error.context("unable to list commit status"))?;
        let same = |known: &Status| {
            let is = |have: &Option<String>, want: &str| have.as_deref().unwrap_or_default() == want;
            is(&known.sha, commit)
                && is(&known.status, state)
                && is(&known.description, &description)
                && is(&known.name, name)
        };
        if known.iter().any(same) {
            return Ok(());
        }
        let set = json!({ "state": state, "name": name, "description": description });
        let path = format!("{}/statuses/{sha}", self.project);
        net.call(&self.request(Method::POST, &path).json(&set)?).await.map(drop)
    }

    async fn comment(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        let user: User = net
            .call(&self.request(Method::GET, "user"))
            .await
            .and_then(|answer| answer.json())
            .map_err(|error| error.context("failed to get authenticated user info").in_setup())?;
        let number = comment::number(event, "strconv.ParseInt")?;
        let comment = Comment::new("flux-mr-comment-key", &self.provider_uid, event);
        let notes = format!("{}/merge_requests/{number}/notes", self.project);
        let list = format!("{notes}?order_by=created_at&per_page={}&sort=asc", comment::PAGE);
        let known = net
            .call(&self.request(Method::GET, &list))
            .await
            .and_then(|answer| answer.json::<Vec<Note>>())
            .map_err(|error| error.context("failed to list merge request notes"))?;
        let ours = known.iter().find(|note| comment.is(&note.author.username, &user.username, &note.body));
        let (method, path, doing) = match ours {
            Some(note) => {
                (Method::PUT, format!("{notes}/{}", note.id), "failed to update merge request note")
            }
            None => (Method::POST, notes, "failed to create merge request note"),
        };
        let request = self.request(method, &path).json(&json!({ "body": comment.body }))?;
        net.call(&request).await.map(drop).map_err(|error| error.context(doing))
    }
}

impl Provider for GitLab {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            match self.purpose {
                Purpose::Comment => self.comment(event, net).await,
                _ => self.set_status(event, net).await,
            }
        })
    }
}

/// A text as a value of a query, as Go writes it.
fn query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
