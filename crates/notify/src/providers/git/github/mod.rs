//! GitHub's REST API, at github.com or an enterprise's own host.

mod app;

use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

pub(crate) use self::app::Tokens;
use self::app::{App, Identity};
use super::{
    Purpose,
    address::{Repository, github_api},
    comment::{self, Comment},
    owner_and_name, segment, status,
};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    providers::{Provider, is_progressing},
    settings::Settings,
};

const ACCEPT: &str = "application/vnd.github.v3+json";
/// Statuses that are looked at to find one that is the same.
const STATUSES: usize = 50;

pub(in crate::providers) struct GitHub {
    purpose: Purpose,
    /// Of the API.
    base: String,
    /// Of the repository.
    repository: String,
    credentials: Credentials,
    status_id: String,
    provider_uid: String,
}

enum Credentials {
    Token(String),
    App(Box<App>, Arc<Tokens>),
}

#[derive(Deserialize)]
struct Status {
    context: Option<String>,
    state: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    id: i64,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

impl GitHub {
    pub(in crate::providers) fn new(
        purpose: Purpose,
        settings: &Settings,
        tokens: &Arc<Tokens>,
    ) -> Result<Self, ConfigError> {
        let token = settings.token_or_password();
        let credentials = if !token.is_empty() {
            Credentials::Token(token.to_owned())
        } else if settings.secret.contains_key(app::APP_ID) {
            Credentials::App(Box::new(App::new(settings)?), Arc::clone(tokens))
        } else {
            return Err(ConfigError::provider("github token or github app details must be specified"));
        };
        let repository = Repository::parse(&settings.address);
        let (owner, name) = owner_and_name(&repository.path)
            .ok_or_else(|| ConfigError::provider(format!("invalid repository id: '{}'", repository.path)))?;
        Ok(Self {
            purpose,
            base: github_api(&repository.host),
            repository: format!("repos/{}/{}", segment(&owner), segment(&name)),
            credentials,
            status_id: settings.commit_status.clone(),
            provider_uid: settings.uid.clone(),
        })
    }

    /// Who we are; the login only where it is needed.
    async fn identity(&self, net: &Net) -> Result<Identity, PostError> {
        match &self.credentials {
            Credentials::Token(token) => {
                let mut login = String::new();
                if self.purpose == Purpose::Comment {
                    let answer = net.call(&self.request(token, Method::GET, "user")).await;
                    let user: User = answer
                        .and_then(|answer| answer.json())
                        .map_err(|error| error.context("failed to get authenticated user info").in_setup())?;
                    login = user.login;
                }
                Ok(Identity { token: token.clone(), login })
            }
            Credentials::App(app, tokens) => tokens.get(app, net).await.map_err(PostError::in_setup),
        }
    }

    fn request(&self, token: &str, method: Method, path: &str) -> Request {
        Request::new(method, format!("{}/{path}", self.base)).bearer(token).header("Accept", ACCEPT)
    }

    async fn set_status(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        if is_progressing(event) {
            return Ok(());
        }
        let commit = segment(status::commit(event)?);
        let state = status::state(event, "success", "failure", "can't convert to github state")?;
        let description = status::description(event);
        let token = self.identity(net).await?.token;
        let list = format!("{}/commits/{commit}/statuses?per_page={STATUSES}", self.repository);
        let known = net
            .call(&self.request(&token, Method::GET, &list))
            .await
            .and_then(|answer| answer.json::<Vec<Status>>())
            .map_err(|error| error.context("could not list commit statuses"))?;
        let latest = known.iter().find_map(|known| {
            let whole = (known.state.as_deref()?, known.description.as_deref()?);
            (known.context.as_deref()? == self.status_id).then_some(whole)
        });
        if latest == Some((state, &description)) {
            return Ok(());
        }
        let status = json!({ "state": state, "description": description, "context": self.status_id });
        let path = format!("{}/statuses/{commit}", self.repository);
        let sent = net.call(&self.request(&token, Method::POST, &path).json(&status)?).await;
        sent.map(drop).map_err(|error| error.context("could not create commit status"))
    }

    async fn comment(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        let Identity { token, login } = self.identity(net).await?;
        let number = comment::number(event, "strconv.Atoi")?;
        let comment = Comment::new("flux-pr-comment-key", &self.provider_uid, event);
        let comments = format!("{}/issues/{number}/comments", self.repository);
        let list = format!("{comments}?direction=asc&per_page={}&sort=created", comment::PAGE);
        let known = net
            .call(&self.request(&token, Method::GET, &list))
            .await
            .and_then(|answer| answer.json::<Vec<Written>>())
            .map_err(|error| error.context("failed to list pull request comments"))?;
        let is_ours = |known: &&Written| {
            let author = known.user.as_ref().map(|user| user.login.as_str()).unwrap_or_default();
            comment.is(author, &login, known.body.as_deref().unwrap_or_default())
        };
        let (method, path, doing) = match known.iter().find(is_ours) {
            Some(ours) => (
                Method::PATCH,
                format!("{}/issues/comments/{}", self.repository, ours.id),
                "failed to update pull request comment",
            ),
            None => (Method::POST, comments, "failed to create pull request comment"),
        };
        let request = self.request(&token, method, &path).json(&json!({ "body": comment.body }))?;
        net.call(&request).await.map(drop).map_err(|error| error.context(doing))
    }

    async fn dispatch(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        let object = &event.involved_object;
        let payload = json!({
            "event_type": format!("{}/{}.{}", object.kind, object.name, object.namespace),
            "client_payload": event,
        });
        let token = self.identity(net).await?.token;
        let path = format!("{}/dispatches", self.repository);
        let sent = net.call(&self.request(&token, Method::POST, &path).json(&payload)?).await;
        sent.map(drop).map_err(|error| error.context("could not send github repository dispatch webhook"))
    }
}

impl GitHub {
    async fn act(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        match self.purpose {
            Purpose::Status => self.set_status(event, net).await,
            Purpose::Comment => self.comment(event, net).await,
            Purpose::Dispatch => self.dispatch(event, net).await,
        }
    }
}

impl Provider for GitHub {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            match (self.act(event, net).await, &self.credentials) {
                // A token may end before its time: somebody revokes it, or changes what the App may do.
                (Err(error), Credentials::App(app, tokens))
                    if error.is_unauthorized() && !error.is_in_setup() =>
                {
                    tokens.forget(app);
                    self.act(event, net).await
                }
                (sent, _) => sent,
            }
        })
    }
}
