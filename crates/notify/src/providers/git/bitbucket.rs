//! Bitbucket Cloud's API 2.0.

use futures::future::BoxFuture;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use sha1::{Digest, Sha1};

use super::{address::Repository, invalid_id, owner_and_name, segment, status};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    providers::{Provider, is_progressing},
    settings::Settings,
};

const API: &str = "https://api.bitbucket.org/2.0";

pub(in crate::providers) struct Bitbucket {
    /// Of the repository.
    base: String,
    username: String,
    password: String,
    status_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    state: Option<String>,
    description: Option<String>,
}

impl Bitbucket {
    pub(in crate::providers) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let token = &settings.token;
        if token.is_empty() {
            return Err(ConfigError::provider("bitbucket token cannot be empty"));
        }
        let Some((username, password)) =
            token.split_once(':').filter(|(_, password)| !password.contains(':'))
        else {
            return Err(ConfigError::provider("invalid token format, expected to be <user>:<password>"));
        };
        let path = Repository::parse(&settings.address).path;
        let (owner, name) = owner_and_name(&path).ok_or_else(|| invalid_id(&path))?;
        Ok(Self {
            base: format!("{API}/repositories/{}/{}", segment(&owner), segment(&name)),
            username: username.to_owned(),
            password: password.to_owned(),
            status_id: settings.commit_status.clone(),
        })
    }

    fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("{}/{path}", self.base)).basic(&self.username, &self.password)
    }

    async fn set_status(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        if is_progressing(event) {
            return Ok(());
        }
        let commit = segment(status::commit(event)?);
        let state = status::state(event, "SUCCESSFUL", "FAILED", "can't convert to bitbucket state")?;
        let description = status::description(event);
        // Keys have at most 40 characters.
        let key = hex::encode(Sha1::digest(&self.status_id));
        let builds = format!("commit/{commit}/statuses/build");
        let known = net.send(&self.request(Method::GET, &format!("{builds}/{key}"))).await;
        let known = match known {
            Ok(answer) if answer.status.as_u16() == 404 => Ok(Status::default()),
            Ok(answer) => answer.checked().and_then(|answer| answer.json::<Status>()),
            Err(error) => Err(error),
        };
        let known = known.map_err(|error| error.context("could not get commit status"))?;
        if known.state.as_deref() == Some(state) && known.description.as_deref() == Some(&description) {
            return Ok(());
        }
        let status = json!({
            "state": state,
            "key": key,
            "name": status::name(event),
            "description": description,
            "url": "https://bitbucket.org",
        });
        net.call(&self.request(Method::POST, &builds).json(&status)?).await.map(drop)
    }
}

impl Provider for Bitbucket {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(self.set_status(event, net))
    }
}
