//! Gitea's and Forgejo's API v1.

use futures::future::BoxFuture;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    Purpose,
    address::Repository,
    comment::{self, Comment},
    invalid_id, owner_and_name, segment, status,
};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    providers::{Provider, is_progressing},
    settings::Settings,
};

/// Statuses that are looked at to find one that is the same.
const STATUSES: usize = 50;

pub(in crate::providers) struct Gitea {
    purpose: Purpose,
    /// Of the API, with the version.
    base: String,
    /// Of the repository.
    repository: String,
    token: String,
    status_id: String,
    provider_uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_field_names, reason = "the names of the API")]
struct Status {
    id: i64,
    context: Option<String>,
    status: Option<String>,
    description: Option<String>,
}

impl Status {
    /// All of it, if nothing is missing.
    fn parts(&self) -> Option<[&str; 3]> {
        let parts =
            [&self.context, &self.status, &self.description].map(|part| part.as_deref().unwrap_or_default());
        parts.iter().all(|part| !part.is_empty()).then_some(parts)
    }
}

#[derive(Deserialize)]
struct Written {
    id: i64,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    body: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    login: String,
}

impl Gitea {
    pub(in crate::providers) fn new(purpose: Purpose, settings: &Settings) -> Result<Self, ConfigError> {
        let token = settings.token_or_password();
        if token.is_empty() {
            return Err(ConfigError::provider("gitea token cannot be empty"));
        }
        let repository = Repository::parse(&settings.address);
        let (owner, name) = owner_and_name(&repository.path).ok_or_else(|| invalid_id(&repository.path))?;
        Ok(Self {
            purpose,
            base: format!("{}/api/v1", repository.host),
            repository: format!("repos/{}/{}", segment(&owner), segment(&name)),
            token: token.to_owned(),
            status_id: settings.commit_status.clone(),
            provider_uid: settings.uid.clone(),
        })
    }

    fn request(&self, method: Method, path: &str) -> Request {
        let authorization = format!("token {}", self.token);
        Request::new(method, format!("{}/{path}", self.base)).header("Authorization", authorization)
    }

    async fn set_status(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        let commit = segment(status::commit(event)?);
        let state = if is_progressing(event) {
            "pending"
        } else {
            status::state(event, "success", "failure", "can't convert to gitea state")?
        };
        let description = status::description(event);
        let list = format!("{}/commits/{commit}/statuses?limit={STATUSES}&page=1", self.repository);
        let list = self.request(Method::GET, &list).header("Content-Type", "application/json");
        let known = net
            .call(&list)
            .await
            .and_then(|answer| answer.json::<Option<Vec<Status>>>())
            .map_err(|error| error.context("could not list commit statuses"))?;
        let known = known.unwrap_or_default();
        // Gitea's order is that of seconds, so that the newest of one second may not be the first.
        let mut latest: Option<(i64, [&str; 3])> = None;
        for known in &known {
            let parts = known.parts().filter(|[context, ..]| *context == self.status_id);
            if let Some(parts) = parts
                && latest.is_none_or(|(id, _)| known.id > id)
            {
                latest = Some((known.id, parts));
            }
        }
        if latest.is_some_and(|(_, [_, known, about])| known == state && about == description) {
            return Ok(());
        }
        let status = json!({
            "state": state, "target_url": "", "description": description, "context": self.status_id,
        });
        let path = format!("{}/statuses/{commit}", self.repository);
        let sent = net.call(&self.request(Method::POST, &path).json(&status)?).await;
        sent.map(drop).map_err(|error| error.context("could not create commit status"))
    }

    async fn comment(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        let user: User = net
            .call(&self.request(Method::GET, "user"))
            .await
            .and_then(|answer| answer.json())
            .map_err(|error| error.context("failed to get authenticated user info").in_setup())?;
        let number = comment::number(event, "strconv.Atoi")?;
        let comment = Comment::new("flux-pr-comment-key", &self.provider_uid, event);
        let comments = format!("{}/issues/{number}/comments", self.repository);
        let list = format!("{comments}?limit={}&page=1", comment::PAGE);
        let known = net
            .call(&self.request(Method::GET, &list))
            .await
            .and_then(|answer| answer.json::<Option<Vec<Written>>>())
            .map_err(|error| error.context("failed to list pull request comments"))?
            .unwrap_or_default();
        let is_ours = |known: &&Written| {
            known.user.as_ref().is_some_and(|author| comment.is(&author.login, &user.login, &known.body))
        };
        let (method, path, doing) = match known.iter().find(is_ours) {
            Some(ours) => (
                Method::PATCH,
                format!("{}/issues/comments/{}", self.repository, ours.id),
                "failed to update pull request comment",
            ),
            None => (Method::POST, comments, "failed to create pull request comment"),
        };
        let request = self.request(method, &path).json(&json!({ "body": comment.body }))?;
        net.call(&request).await.map(drop).map_err(|error| error.context(doing))
    }
}

impl Provider for Gitea {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            match self.purpose {
                Purpose::Comment => self.comment(event, net).await,
                _ => self.set_status(event, net).await,
            }
        })
    }
}
