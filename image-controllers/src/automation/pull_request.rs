//! Phase: commits are proposed in pull requests (`spec.git.push.pullRequest`).

use sha2::{Digest as _, Sha256};
use sluice_apis::image::v1::{
    ImageUpdateAutomation, PullRequestProvider, PullRequestSpec, PullRequestSplit, PullRequestStatus,
};
use sluice_auth::secrets::{self, Data};
use sluice_forge::{Access, Credentials, Error as ForgeError, Forge, Kind, Outcome, PullRequest, Wanted};
use sluice_git::{Auth, Commit, Remote, Tls};
use sluice_runtime::Pass;

use super::AutomationReconciler;
use super::edit::Change;
use super::message;
use super::policies::Chosen;
use super::push::Pushed;
use super::source::{PushPlan, Source};
use super::wiring::{namespace_of, source_of};
use crate::failure::{Failure, Then, reasons};

/// The most lines of changes that a text lists.
const MAX_LISTED: usize = 100;

/// How commits are proposed.
pub(super) struct Proposals {
    forge: Forge,
    /// The branch to merge into.
    target: String,
}

/// A commit of its own: on which branch, with which images, for which policy.
struct Part {
    plan: PushPlan,
    chosen: Chosen,
    policy: Option<String>,
}

/// The branch to push to where none is named.
pub(super) fn branch(object: &ImageUpdateAutomation) -> String {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    format!("image-updates/{}/{name}", namespace_of(object))
}

/// Where commits go that are to be proposed, and the branch to merge them into; `plan` is what it would be without.
pub(super) fn plan(spec: &PullRequestSpec, plan: PushPlan) -> Result<(PushPlan, String), String> {
    if !plan.refspec.is_empty() {
        return Err("spec.git.push has both refspec and pullRequest: use one of them".to_owned());
    }
    let target = spec.target.clone().filter(|target| !target.is_empty());
    let Some(target) = target.or_else(|| plan.from.clone()) else {
        return Err("spec.git.push.pullRequest.target is needed: what is checked out is no branch".to_owned());
    };
    let branch = &plan.branch;
    for (other, what) in [(Some(&target), "merged into"), (plan.from.as_ref(), "checked out")] {
        if other == Some(branch) {
            return Err(format!(
                "spec.git.push.branch '{branch}' is the branch that is {what}: a pull request needs one of its own"
            ));
        }
    }
    Ok((PushPlan { switches: true, ..plan }, target))
}

impl AutomationReconciler {
    /// How commits are proposed, if they are.
    pub(super) async fn proposals(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        spec: &PullRequestSpec,
        remote: &Remote,
        target: String,
        timeout: std::time::Duration,
    ) -> Result<Proposals, Failure> {
        let invalid = |text: String| Failure::stall(reasons::INVALID_SOURCE_CONFIGURATION, text);
        let kind = kind(&spec.provider).map_err(invalid)?;
        if let PullRequestSplit::Other(word) = &spec.split {
            return Err(invalid(format!("spec.git.push.pullRequest.split '{word}' is not supported")));
        }
        let own = match &spec.secret_ref {
            None => None,
            Some(reference) => {
                let data = secrets::read(pass.client(), &pass.key().namespace, &reference.name).await;
                Some(data.map_err(|error| {
                    Failure::retry(
                        reasons::SOURCE_MANAGER_FAILED,
                        format!("failed configuring source manager: {error}"),
                    )
                })?)
            }
        };
        let own = own.map(|data| Own::of(&data)).transpose().map_err(invalid)?;
        let is_foreign = *source_of(&pass.object).namespace != *namespace_of(&pass.object);
        if is_foreign && own.as_ref().is_some_and(|own| own.address.is_none()) {
            // Whoever owns the source may point it elsewhere; the token is not theirs.
            return Err(invalid(
                "the Secret of spec.git.push.pullRequest needs the key 'address', the API's, since the source is of another namespace"
                    .to_owned(),
            ));
        }
        let (credentials, ca, address) = match own {
            Some(own) => (own.credentials, own.ca, own.address),
            None => (of_remote(remote).map_err(invalid)?, None, None),
        };
        let tls = Tls { ca: ca.or_else(|| remote.tls.ca.clone()), ..remote.tls.clone() };
        let access = Access { credentials, tls, proxy: remote.proxy.clone(), timeout };
        let forge = Forge::new(kind, remote.url.as_str(), address.as_deref(), &access)
            .map_err(|error| invalid(error.to_string()))?;
        forge.check_labels(&spec.labels).map_err(|error| invalid(error.to_string()))?;
        Ok(Proposals { forge, target })
    }

    /// Commits what the policies selected to branches of their own, and proposes it. What was pushed, if anything was.
    pub(super) async fn propose(
        &self,
        pass: &mut Pass<ImageUpdateAutomation>,
        source: &Source,
        proposals: &Proposals,
        commit: &Commit,
        chosen: &Chosen,
    ) -> Result<Option<Pushed>, Failure> {
        let Some(spec) = spec_of(&pass.object).cloned() else { return Ok(None) };
        let (mut all, mut open, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        // One that fails does not keep the others back.
        for part in parts(&spec, &source.push, chosen) {
            match self.propose_part(pass, source, proposals, &spec, commit, &part).await {
                Ok(Some((pushed, status))) => {
                    all.push(pushed);
                    open.extend(status);
                }
                Ok(None) => {}
                Err(failure) if failure.then == Then::Superseded => return Err(failure),
                Err(failure) => {
                    let known = pass.object.status.as_ref().map(|status| &status.pull_requests);
                    let same = |status: &&PullRequestStatus| status.branch == part.plan.branch;
                    open.extend(known.and_then(|known| known.iter().find(same)).cloned());
                    failures.push(failure);
                }
            }
        }
        pass.object.status.get_or_insert_default().pull_requests = open;
        let mut failures = failures.into_iter();
        if let Some(mut first) = failures.next() {
            for other in failures {
                first.message = format!("{}; {}", first.message, other.message);
            }
            return Err(first);
        }
        Ok(merge(all))
    }

    async fn propose_part(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
        proposals: &Proposals,
        spec: &PullRequestSpec,
        commit: &Commit,
        part: &Part,
    ) -> Result<Option<(Pushed, Option<PullRequestStatus>)>, Failure> {
        let source = Source { push: part.plan.clone(), ..source.clone() };
        let Some(mut pushed) = self.apply(pass, &source, commit, &part.chosen).await? else {
            return Ok(None);
        };
        let (title, body) = texts(&pass.object, spec, &pushed)?;
        let proposal = proposal(&pushed.changes);
        let wanted = Wanted {
            branch: &part.plan.branch,
            target: &proposals.target,
            title: &title,
            body: &body,
            labels: &spec.labels,
            proposal: &proposal,
        };
        let work = async || proposals.forge.ensure(&wanted).await;
        let found = self.lanes.ask(pass, &source.remote.url, work).await?.map_err(|error| failed(&error))?;
        pushed.is_told |= matches!(found.outcome, Outcome::Opened | Outcome::Updated);
        pushed.summary = format!("{}\n{}", pushed.summary, told(&found));
        let status = (found.outcome != Outcome::Declined).then(|| PullRequestStatus {
            policy: part.policy.clone(),
            branch: part.plan.branch.clone(),
            url: found.url.clone(),
        });
        Ok(Some((pushed, status)))
    }
}

fn failed(error: &ForgeError) -> Failure {
    let text = format!("failed to propose the changes: {error}");
    match error {
        ForgeError::Config(_) => Failure::stall(reasons::INVALID_SOURCE_CONFIGURATION, text),
        ForgeError::Call { .. } => Failure::retry(reasons::PULL_REQUEST_FAILED, text),
    }
}

fn told(request: &PullRequest) -> String {
    let done = match request.outcome {
        Outcome::Opened => "opened",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "is open in",
        Outcome::Declined => "was declined in",
    };
    format!("{done} pull request #{}: {}", request.number, request.url)
}

fn spec_of(object: &ImageUpdateAutomation) -> Option<&PullRequestSpec> {
    object.spec.git.as_ref()?.push.as_ref()?.pull_request.as_ref()
}

/// What is committed apart.
fn parts(spec: &PullRequestSpec, plan: &PushPlan, chosen: &Chosen) -> Vec<Part> {
    if spec.split != PullRequestSplit::Policy {
        return vec![Part { plan: plan.clone(), chosen: chosen.clone(), policy: None }];
    }
    let part = |(policy, chosen): (String, Chosen)| {
        // Behind a dash: a branch can't have others below it.
        let branch = format!("{}-{policy}", plan.branch);
        Part { plan: PushPlan { branch, ..plan.clone() }, chosen, policy: Some(policy) }
    };
    chosen.each().into_iter().map(part).collect()
}

/// Title and text.
fn texts(
    object: &ImageUpdateAutomation,
    spec: &PullRequestSpec,
    pushed: &Pushed,
) -> Result<(String, String), Failure> {
    let render = |field: &str, template: &Option<String>, default: String| match template {
        Some(template) if !template.is_empty() => {
            message::of(object, template, &pushed.changes).map_err(|failure| Failure {
                message: format!("spec.git.push.pullRequest.{field}: {}", failure.message),
                ..failure
            })
        }
        _ => Ok(default),
    };
    let first = pushed.message.lines().next().unwrap_or_default().to_owned();
    let title = render("title", &spec.title, first)?;
    let body = render("body", &spec.body, listed(&pushed.changes))?;
    Ok((if title.trim().is_empty() { "Update images".to_owned() } else { title }, body))
}

/// The changes as a table.
fn listed(changes: &[Change]) -> String {
    let cell = |text: &str| format!("`{}`", text.replace('|', "\\|").replace(['`', '\n', '\r'], ""));
    let mut lines = vec!["| file | from | to |".to_owned(), "|---|---|---|".to_owned()];
    for change in changes.iter().take(MAX_LISTED) {
        lines.push(format!("| {} | {} | {} |", cell(&change.file), cell(&change.old), cell(&change.new)));
    }
    if let Some(more) = changes.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        lines.push(format!("\nand {more} more"));
    }
    lines.join("\n")
}

/// Names what is proposed, whatever it is based on.
fn proposal(changes: &[Change]) -> String {
    let mut hasher = Sha256::new();
    for change in changes {
        for part in [&change.file, &change.new, &change.setter] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    let digest = hex::encode(hasher.finalize());
    digest.get(..16).unwrap_or(&digest).to_owned()
}

/// The last commit stands for all.
fn merge(all: Vec<Pushed>) -> Option<Pushed> {
    let is_new = all.iter().any(|pushed| pushed.is_new);
    let is_told = all.iter().any(|pushed| pushed.is_told);
    let of_news = |pushed: &&Pushed| !(is_new || is_told) || pushed.is_new || pushed.is_told;
    let summaries: Vec<&str> = all.iter().filter(of_news).map(|pushed| pushed.summary.as_str()).collect();
    let summary = summaries.join("\n\n");
    let last = all.into_iter().reduce(|last, next| if next.is_new || !last.is_new { next } else { last })?;
    Some(Pushed { summary, is_new, is_told, ..last })
}

fn kind(provider: &PullRequestProvider) -> Result<Kind, String> {
    Ok(match provider {
        PullRequestProvider::GitHub => Kind::GitHub,
        PullRequestProvider::GitLab => Kind::GitLab,
        PullRequestProvider::Gitea => Kind::Gitea,
        PullRequestProvider::Bitbucket => Kind::Bitbucket,
        PullRequestProvider::BitbucketServer => Kind::BitbucketServer,
        PullRequestProvider::AzureDevOps => Kind::AzureDevOps,
        PullRequestProvider::Other(word) => {
            return Err(format!("spec.git.push.pullRequest.provider '{word}' is not supported"));
        }
    })
}

/// What a Secret of its own says of an API.
struct Own {
    credentials: Credentials,
    address: Option<String>,
    ca: Option<Vec<u8>>,
}

impl Own {
    fn of(data: &Data) -> Result<Self, String> {
        let text = |key: &str| {
            let value = data.get(key).map(|value| String::from_utf8_lossy(value).trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        let credentials = match (text("token"), text("username"), text("password")) {
            (Some(token), _, _) => Credentials::Token(token),
            (None, Some(user), Some(password)) => Credentials::Basic { user, password },
            _ => {
                return Err(
                    "the Secret of spec.git.push.pullRequest needs the key 'token', or 'username' and 'password'"
                        .to_owned(),
                );
            }
        };
        Ok(Self { credentials, address: text("address"), ca: data.get("ca.crt").cloned() })
    }
}

/// The credentials of the repository as those of its host's API.
fn of_remote(remote: &Remote) -> Result<Credentials, String> {
    match &remote.auth {
        Auth::Basic { user, password } if !password.is_empty() => {
            Ok(Credentials::Basic { user: user.clone(), password: password.clone() })
        }
        Auth::Bearer(token) => Ok(Credentials::Token(token.clone())),
        _ => Err(
            "spec.git.push.pullRequest.secretRef is needed: the source has no token that its host's API takes"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn automation(push: &serde_json::Value) -> ImageUpdateAutomation {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
            "metadata": {"namespace": "ns", "name": "all"},
            "spec": {
                "interval": "1m",
                "sourceRef": {"kind": "GitRepository", "name": "app"},
                "git": {"commit": {"author": {"email": "a@b"}}, "push": push},
            },
        }))
        .unwrap()
    }

    fn planned(push: &serde_json::Value, from: Option<&str>) -> Result<(String, String), String> {
        let object = automation(push);
        let git = object.spec.git.clone().unwrap().push.unwrap();
        let refspec = git.refspec.unwrap_or_default();
        let without = PushPlan {
            branch: git.branch.unwrap_or_else(|| branch(&object)),
            from: from.map(str::to_owned),
            switches: false,
            refspec,
            options: Vec::new(),
        };
        let spec = spec_of(&object).unwrap();
        plan(spec, without).map(|(plan, target)| (plan.branch, target))
    }

    #[test]
    fn branches() {
        let with = |mut push: serde_json::Value| {
            push["pullRequest"]["provider"] = "gitea".into();
            push
        };
        let is = |branch: &str, target: &str| Ok((branch.to_owned(), target.to_owned()));
        let json = |text: &str| with(serde_json::from_str(text).unwrap());
        assert_eq!(planned(&json("{}"), Some("main")), is("image-updates/ns/all", "main"));
        assert_eq!(planned(&json(r#"{"branch": "x"}"#), Some("main")), is("x", "main"));
        let target = json(r#"{"branch": "x", "pullRequest": {"target": "prod"}}"#);
        assert_eq!(planned(&target, Some("main")), is("x", "prod"));
        assert_eq!(planned(&target, None), is("x", "prod"));
        let error = |text: &str, from| planned(&json(text), from).unwrap_err();
        assert!(error("{}", None).starts_with("spec.git.push.pullRequest.target is needed"));
        assert!(error(r#"{"branch": "main"}"#, Some("main")).contains("needs one of its own"));
        assert!(error(r#"{"refspec": "a:b"}"#, Some("main")).contains("both refspec and pullRequest"));
    }

    #[test]
    fn proposals_are_told_apart_by_what_they_write() {
        let change = |old: &str, new: &str| Change {
            file: "a.yaml".to_owned(),
            object: sluice_image::setters::Object::default(),
            old: old.to_owned(),
            new: new.to_owned(),
            setter: "ns:app".to_owned(),
        };
        let (one, same, other) = (change("x:1", "x:2"), change("x:0", "x:2"), change("x:1", "x:3"));
        assert_eq!(proposal(std::slice::from_ref(&one)), proposal(&[same]));
        assert_ne!(proposal(std::slice::from_ref(&one)), proposal(&[other]));
        assert_eq!(listed(&[one]), "| file | from | to |\n|---|---|---|\n| `a.yaml` | `x:1` | `x:2` |");
    }

    #[test]
    fn secrets_of_their_own() {
        let of = |pairs: &[(&str, &str)]| {
            let data: BTreeMap<_, _> =
                pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
            Own::of(&data).map(|own| (own.credentials, own.address))
        };
        let basic = Credentials::Basic { user: "u".to_owned(), password: "p".to_owned() };
        assert_eq!(of(&[("username", "u"), ("password", "p")]), Ok((basic, None)));
        let token = Credentials::Token("t".to_owned());
        assert_eq!(
            of(&[("token", "t\n"), ("address", "https://a/api")]),
            Ok((token, Some("https://a/api".to_owned())))
        );
        assert!(of(&[("username", "u")]).unwrap_err().contains("needs the key 'token'"));
    }
}
