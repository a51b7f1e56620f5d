//! Bitbucket Server's and Data Center's build statuses.

use futures::future::BoxFuture;
use percent_encoding::percent_decode_str;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use sha1::{Digest, Sha1};
use url::Url;

use super::{owner_and_name, segment, status};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request, Response},
    providers::{Provider, is_progressing},
    settings::Settings,
};

/// What stands before the project in every address to clone from.
const MARK: &str = "/scm/";

pub(in crate::providers) struct BitbucketServer {
    /// Of the repository's commits.
    commits: String,
    address: String,
    token: String,
    username: String,
    password: String,
    status_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Build {
    key: Option<String>,
    name: Option<String>,
    state: Option<String>,
    description: Option<String>,
}

impl BitbucketServer {
    pub(in crate::providers) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let commits = commits(&settings.address)
            .map_err(|reason| ConfigError::provider(format!("could not parse git address: {reason}")))?;
        if settings.token.is_empty() && (settings.username.is_empty() || settings.password.is_empty()) {
            return Err(ConfigError::provider(
                "invalid credentials, expected to be one of username/password or API Token",
            ));
        }
        Ok(Self {
            commits,
            address: settings.address.clone(),
            token: settings.token.clone(),
            username: settings.username.clone(),
            password: settings.password.clone(),
            status_id: settings.commit_status.clone(),
        })
    }

    fn request(&self, method: Method, url: String) -> Request {
        let request = Request::new(method, url)
            .header("x-atlassian-token", "no-check")
            .header("x-requested-with", "XMLHttpRequest");
        if self.token.is_empty() {
            request.basic(&self.username, &self.password)
        } else {
            request.bearer(&self.token)
        }
    }

    async fn set_status(&self, event: &Event, net: &Net) -> Result<(), PostError> {
        if is_progressing(event) {
            return Ok(());
        }
        let has_revision =
            ["commit", "originRevision", "revision"].iter().any(|key| event.metadata.contains_key(*key));
        let commit = status::commit(event)
            .map_err(|error| if has_revision { error.context("could not parse revision") } else { error })?;
        let state = status::state(
            event,
            "SUCCESSFUL",
            "FAILED",
            "couldn't convert to bitbucket server state: bitbucket server state generated on info or error events only",
        )?;
        let description = status::description(event);
        // The list of builds shows names only.
        let name = format!("{} [{description}]", status::name(event));
        // Keys have at most 40 characters.
        let key = hex::encode(Sha1::digest(&self.status_id));
        let builds = format!("{}/{}/builds", self.commits, segment(commit));
        let known = net
            .persist(&self.request(Method::GET, format!("{builds}?key={key}")))
            .await
            .map_err(|error| error.context("failed api call to check duplicate commit status"))
            .and_then(|answer| build(&answer))
            .map_err(|error| error.context("could not get existing commit status"))?;
        let is = |have: Option<String>, want: &str| have.as_deref() == Some(want);
        if is(known.key, &key)
            && is(known.state, state)
            && is(known.description, &description)
            && is(known.name, &name)
        {
            return Ok(());
        }
        let mut status = json!({ "key": key, "name": name, "state": state, "url": self.address });
        if !description.is_empty() {
            status["description"] = description.into();
        }
        let sent = net.persist(&self.request(Method::POST, builds).json(&status)?).await;
        let posted = sent.and_then(|answer| refused(&answer));
        posted.map_err(|error| {
            error.context("could not post build commit status").context("could not post build status")
        })
    }
}

/// The address of the repository's commits in the API.
fn commits(address: &str) -> Result<String, String> {
    let not_ours = || "supplied provider address is not http(s) git clone url".to_owned();
    let url = Url::parse(address);
    let scheme = url.as_ref().map(Url::scheme).unwrap_or_default().to_owned();
    if !matches!(&*scheme, "http" | "https") {
        return Err(format!("unsupported scheme type in address: {scheme}. Must be http or https"));
    }
    let url = url.map_err(|error| error.to_string())?;
    let path = percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
    let path = path.strip_suffix(".git").unwrap_or(&path);
    let (context, repository) = path.rsplit_once(MARK).ok_or_else(not_ours)?;
    let (project, name) =
        owner_and_name(repository).ok_or_else(|| format!("invalid repository id {repository:?}"))?;
    let origin = url.origin().ascii_serialization();
    let context: Vec<String> = context.split('/').map(segment).collect();
    Ok(format!(
        "{origin}{}/rest/api/latest/projects/{}/repos/{}/commits",
        context.join("/"),
        segment(&project),
        segment(&name)
    ))
}

fn build(answer: &Response) -> Result<Build, PostError> {
    match answer.status.as_u16() {
        200 => answer.json(),
        404 => Ok(Build::default()),
        _ => refused(answer)
            .map(|()| Build::default())
            .map_err(|error| error.context("failed api call to check duplicate commit status")),
    }
}

fn refused(answer: &Response) -> Result<(), PostError> {
    if answer.status.as_u16() < 400 {
        return Ok(());
    }
    let reason = answer.status.canonical_reason().unwrap_or_default();
    Err(answer.error(format!("{} - {reason}", answer.status.as_u16())))
}

impl Provider for BitbucketServer {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(self.set_status(event, net))
    }
}

#[cfg(test)]
mod tests {
    use super::commits;

    #[test]
    fn context_paths_stay_before_the_api() {
        assert_eq!(
            commits("https://h:7990/a/b/scm/PROJ/repo.git").unwrap(),
            "https://h:7990/a/b/rest/api/latest/projects/PROJ/repos/repo/commits"
        );
        for address in [
            "ssh://git@h/scm/a/b",
            "git@h:scm/a/b",
            "https://h/a/b",
            "https://h/scm/a",
            "https://h/scm/a/b/c",
            "",
        ] {
            assert!(commits(address).is_err(), "{address}");
        }
    }
}
