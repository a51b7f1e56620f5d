//! Azure DevOps' REST API: <https://learn.microsoft.com/en-us/rest/api/azure/devops/git/pull-requests>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::address::{Repository, segment};
use crate::api::{Access, Api, basic};
use crate::error::Error;
use crate::request::{Host, Known, State, Wanted};

/// The oldest version of the API that servers still in support know; newer ones serve it too.
const VERSION: &str = "api-version=5.0";
/// Labels are a preview at all versions.
const LABEL_VERSION: &str = "api-version=5.0-preview.1";
/// Pull requests that are looked at.
const PAGE: usize = 20;

#[derive(Debug)]
pub(crate) struct AzureDevOps {
    api: Api,
    /// `<project>/_apis/git/repositories/<name>/pullrequests`
    requests: String,
    /// Where people see pull requests.
    web: String,
}

#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
struct Pull {
    #[serde(rename = "pullRequestId")]
    id: u64,
    status: String,
    title: String,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
struct Label {
    name: String,
}

impl AzureDevOps {
    pub(crate) fn new(repository: &Repository, api: Option<String>, access: &Access) -> Result<Self, Error> {
        let Place { base, project, name } = Place::of(repository).ok_or_else(|| {
            Error::Config(format!(
                "'{}' is no repository of Azure DevOps: it needs organisation, project and name",
                repository.path
            ))
        })?;
        let web = format!("{base}/{}/_git/{}/pullrequest", segment(&project), segment(&name));
        // Tokens of people have no name; those of Entra ID are told by their form.
        let secret = access.credentials.secret();
        let is_jwt = secret.starts_with("ey") && secret.split('.').count() == 3;
        let authorization = if is_jwt { format!("Bearer {secret}") } else { basic("", secret) };
        Ok(Self {
            api: Api::new(api.unwrap_or(base), access, ("authorization", &authorization), &[])?,
            requests: format!("{}/_apis/git/repositories/{}/pullrequests", segment(&project), segment(&name)),
            web,
        })
    }

    fn known(&self, pull: Pull, labels: Vec<String>) -> Known {
        Known {
            number: pull.id,
            url: format!("{}/{}", self.web, pull.id),
            state: State::of(pull.status == "active", pull.status == "completed"),
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            labels,
        }
    }
}

/// Where a repository is.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// Server and organisation, or collection.
    base: String,
    project: String,
    name: String,
}

impl Place {
    fn of(repository: &Repository) -> Option<Self> {
        let parts: Vec<&str> = repository.path.split('/').collect();
        let host = Url::parse(&repository.host).ok()?.host_str()?.to_owned();
        let place = |base: String, project: &str, name: &str| {
            Some(Self { base, project: project.to_owned(), name: name.to_owned() })
        };
        match parts.as_slice() {
            // SSH has its own host and path.
            ["v3", organisation, project, name] if host == "ssh.dev.azure.com" => {
                place(format!("https://dev.azure.com/{}", segment(organisation)), project, name)
            }
            // The organisation may be part of the host; a repository may be named as its project.
            [project, "_git", name] if host.ends_with(".visualstudio.com") => {
                place(repository.host.clone(), project, name)
            }
            [organisation @ .., "_git", name] if organisation.len() == 1 => {
                let base = format!("{}/{}", repository.host, segment(organisation[0]));
                place(base, name, name)
            }
            [organisation @ .., project, "_git", name] if !organisation.is_empty() => {
                let base: Vec<String> = organisation.iter().map(|part| segment(part)).collect();
                place(format!("{}/{}", repository.host, base.join("/")), project, name)
            }
            _ => None,
        }
    }
}

impl Host for AzureDevOps {
    const LIMITS: (usize, usize) = (400, 4000);

    async fn list(&self, wanted: &Wanted<'_>) -> Result<Vec<Known>, Error> {
        let reference = |branch: &str| segment(&format!("refs/heads/{branch}"));
        let path = format!(
            "{}?searchCriteria.status=all&searchCriteria.sourceRefName={}&searchCriteria.targetRefName={}&$top={PAGE}&{VERSION}",
            self.requests,
            reference(wanted.branch),
            reference(wanted.target),
        );
        let pulls: List<Pull> = self.api.get(&path).await?;
        let mut found = Vec::new();
        for pull in pulls.value {
            if pull.status != "active" {
                found.push(self.known(pull, Vec::new()));
                continue;
            }
            // Lists cut descriptions short and leave labels out.
            let path = format!("{}/{}", self.requests, pull.id);
            let pull: Pull = self.api.get(&format!("{path}?{VERSION}")).await?;
            let mut labels = Vec::new();
            if !wanted.labels.is_empty() {
                let list: List<Label> = self.api.get(&format!("{path}/labels?{LABEL_VERSION}")).await?;
                labels = list.value.into_iter().map(|label| label.name).collect();
            }
            found.push(self.known(pull, labels));
        }
        Ok(found)
    }

    async fn open(&self, wanted: &Wanted<'_>) -> Result<Known, Error> {
        let body = json!({
            "title": wanted.title,
            "description": wanted.body,
            "sourceRefName": format!("refs/heads/{}", wanted.branch),
            "targetRefName": format!("refs/heads/{}", wanted.target),
        });
        let pull: Pull = self.api.send(Method::POST, &format!("{}?{VERSION}", self.requests), &body).await?;
        Ok(self.known(pull, Vec::new()))
    }

    async fn update(&self, known: &Known, wanted: &Wanted<'_>) -> Result<(), Error> {
        let path = format!("{}/{}?{VERSION}", self.requests, known.number);
        let body = json!({ "title": wanted.title, "description": wanted.body });
        self.api.send::<Value>(Method::PATCH, &path, &body).await.map(drop)
    }

    async fn label(&self, known: &Known, missing: &[String]) -> Result<(), Error> {
        let path = format!("{}/{}/labels?{LABEL_VERSION}", self.requests, known.number);
        for name in missing {
            self.api.send::<Value>(Method::POST, &path, &json!({ "name": name })).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_name_the_same_repository() {
        let of = |address: &str| {
            let place = Place::of(&Repository::parse(address))?;
            Some(format!("{} {} {}", place.base, place.project, place.name))
        };
        let known = Some("https://dev.azure.com/org proj repo".to_owned());
        assert_eq!(of("https://user@dev.azure.com/org/proj/_git/repo"), known);
        assert_eq!(of("ssh://git@ssh.dev.azure.com/v3/org/proj/repo"), known);
        assert_eq!(
            of("https://org.visualstudio.com/proj/_git/repo"),
            Some("https://org.visualstudio.com proj repo".to_owned())
        );
        assert_eq!(
            of("https://dev.azure.com/org/_git/repo"),
            Some("https://dev.azure.com/org repo repo".to_owned())
        );
        assert_eq!(
            of("https://tfs.example.com/tfs/Collection/proj/_git/repo"),
            Some("https://tfs.example.com/tfs/Collection proj repo".to_owned())
        );
        assert_eq!(of("https://dev.azure.com/org/repo"), None);
    }
}
