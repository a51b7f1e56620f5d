//! Azure DevOps' commit statuses.

use futures::future::BoxFuture;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{address::Repository, invalid_id, segment, status};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    providers::{Provider, is_progressing},
    settings::Settings,
};

const GENRE: &str = "fluxcd";
/// The oldest version of the API that servers still in support know; newer ones serve it too.
const ACCEPT: &str = "application/json;api-version=5.0";

pub(in crate::providers) struct AzureDevOps {
    /// Of the repository's commits.
    commits: String,
    access: Access,
    status_id: String,
}

enum Access {
    /// A personal access token.
    Personal(String),
    /// A token of Entra ID.
    Identity(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Statuses {
    value: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: Option<Context>,
    state: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Context {
    name: Option<String>,
    genre: Option<String>,
}

impl AzureDevOps {
    pub(in crate::providers) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let access = match (settings.token.as_str(), settings.identity_token.as_str()) {
            ("", "") => return Err(ConfigError::provider("azure devops token cannot be empty")),
            ("", token) => Access::Identity(token.to_owned()),
            (token, _) => Access::Personal(token.to_owned()),
        };
        let repository = Repository::parse(&settings.address);
        // Organisation, project, `_git`, repository.
        let parts: Vec<&str> = repository.path.split('/').collect();
        let [organisation, project, _, name] = parts[..] else { return Err(invalid_id(&repository.path)) };
        let commits = format!(
            "{}/{}/{}/_apis/git/repositories/{}/commits",
            repository.host,
            segment(organisation),
            segment(project),
            segment(name)
        );
        Ok(Self { commits, access, status_id: settings.commit_status.clone() })
    }

    fn request(&self, method: Method, url: String) -> Request {
        let request = Request::new(method, url).header("Accept", ACCEPT);
        match &self.access {
            Access::Personal(token) => request.basic("", token),
            Access::Identity(token) => request.bearer(token),
        }
    }

    async fn set_status(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        if is_progressing(event) {
            return Ok(());
        }
        let commit = status::commit(event)?;
        let state = status::state(event, "succeeded", "error", "can't convert to azure devops state")?;
        let genre = event.metadata.get("summary").map_or(GENRE.to_owned(), |text| format!("{GENRE}:{text}"));
        let description = status::description(event);
        let url = format!("{}/{}/statuses", self.commits, segment(commit));
        let known = net
            .call(&self.request(Method::GET, url.clone()))
            .await
            .and_then(|answer| answer.json::<Statuses>())
            .map_err(|error| error.context("could not list commit statuses"))?;
        let last = known.value.iter().find_map(|known| {
            let context = known.context.as_ref()?;
            let whole = (known.state.as_deref()?, known.description.as_deref()?);
            let ours = context.name.as_deref()? == self.status_id && context.genre.as_deref()? == genre;
            ours.then_some(whole)
        });
        if last == Some((state, &description)) {
            return Ok(());
        }
        let status = json!({
            "state": state,
            "description": description,
            "context": { "name": self.status_id, "genre": genre },
        });
        let sent = net.call(&self.request(Method::POST, url).json(&status)?).await;
        sent.map(drop).map_err(|error| error.context("could not create commit status"))
    }
}

impl Provider for AzureDevOps {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(self.set_status(event, net))
    }
}
