//! `create image update`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::image::v1::{PullRequestProvider, PullRequestSplit, UnmarkedUpdate};

use super::super::{Common, Words, fields, nothing, put, words};
use crate::context::Context;
use crate::kinds::IMAGE_UPDATE;

/// Arguments of `create image update`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Name of the GitRepository
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    git_repo_ref: String,
    /// Namespace of the GitRepository; that of the object when not given
    #[arg(long, value_name = "NAMESPACE")]
    git_repo_namespace: Option<String>,
    /// Directory with the manifests; the root when not given
    #[arg(long, value_name = "DIR")]
    git_repo_path: Option<String>,
    /// Branch to check out
    #[arg(long, default_value = "", hide_default_value = true, value_name = "BRANCH")]
    checkout_branch: String,
    /// Branch to push to; that which is checked out when not given
    #[arg(long, value_name = "BRANCH")]
    push_branch: Option<String>,
    /// Template of the commits' messages
    #[arg(long, value_name = "TEMPLATE")]
    commit_template: Option<String>,
    /// Name of the commits' author
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME")]
    author_name: String,
    /// Mail address of the commits' author
    #[arg(long, default_value = "", hide_default_value = true, value_name = "ADDRESS")]
    author_email: String,
    /// Secret with the key that signs commits
    #[arg(long, value_name = "SECRET")]
    signing_key_secret: Option<String>,
    /// Kind of that key: gpg or ssh
    #[arg(long, value_name = "TYPE")]
    signing_key_type: Option<String>,
    #[command(flatten)]
    pull_request: PullRequest,
    #[command(flatten)]
    unmarked: Unmarked,
}

/// Flags for pull requests, which only Sluice's controller opens.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Pull requests in place of pushes (of Sluice, not of Flux)")]
struct PullRequest {
    /// Open pull requests from the push branch, at this kind of host
    #[arg(long = "pull-request-provider", value_name = "PROVIDER")]
    #[arg(value_parser = words(PullRequestProvider::WORDS))]
    provider: Option<String>,
    /// Secret with the token for the host's API; the credentials of the GitRepository when not given
    #[arg(long = "pull-request-secret-ref", value_name = "SECRET", requires = "provider")]
    secret_ref: Option<String>,
    /// One for all changes, or one for each policy
    #[arg(long = "pull-request-split", value_name = "SPLIT", requires = "provider")]
    #[arg(value_parser = words(PullRequestSplit::WORDS))]
    split: Option<String>,
    /// Branch to merge into; that which is checked out when not given
    #[arg(long = "pull-request-target", value_name = "BRANCH", requires = "provider")]
    target: Option<String>,
    /// Template of the title; the first line of the commit's message when not given
    #[arg(long = "pull-request-title", value_name = "TEMPLATE", requires = "provider")]
    title: Option<String>,
    /// Template of the text; a table of the changes when not given
    #[arg(long = "pull-request-body", value_name = "TEMPLATE", requires = "provider")]
    body: Option<String>,
    /// Labels; may be repeated
    #[arg(id = "pull_request_labels", long = "pull-request-label", value_name = "LABEL,…")]
    #[arg(requires = "provider", value_delimiter = ',')]
    labels: Vec<String>,
}

/// Flags for places without markers, which only Sluice's controller updates.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Updates without markers (of Sluice, not of Flux)")]
struct Unmarked {
    /// What is updated where no marker stands; may be repeated
    #[arg(long = "unmarked", value_name = "KIND,…", value_delimiter = ',')]
    #[arg(value_parser = words(UnmarkedUpdate::WORDS))]
    kinds: Vec<String>,
    /// Files with values of charts that are updated where no marker stands: names or paths, as in a .gitignore
    #[arg(long, value_name = "PATTERN,…", value_delimiter = ',')]
    values_files: Vec<String>,
}

const WORDS: Words = Words {
    noun: "ImageUpdateAutomation",
    ready: |_| "ImageUpdateAutomation reconciliation completed".to_owned(),
    result: nothing,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &IMAGE_UPDATE, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    for (value, what) in [
        (&arguments.git_repo_ref, "a reference to a GitRepository is required (--git-repo-ref)"),
        (&arguments.checkout_branch, "the Git repository branch is required (--checkout-branch)"),
        (&arguments.author_name, "the author name is required (--author-name)"),
        (&arguments.author_email, "the author email is required (--author-email)"),
    ] {
        if value.is_empty() {
            bail!("{what}");
        }
    }
    let type_ = arguments.signing_key_type.as_deref();
    if type_.is_some() && arguments.signing_key_secret.is_none() {
        bail!("--signing-key-type requires --signing-key-secret");
    }
    if type_.is_some_and(|type_| !["gpg", "ssh"].contains(&type_)) {
        bail!("--signing-key-type must be one of: gpg, ssh");
    }
    let text = |value: &Option<String>| value.clone().map(Value::from);
    let key = arguments.signing_key_secret.as_ref().map(|name| {
        Value::Object(fields([
            ("secretRef", Some(json!({ "name": name }))),
            ("type", type_.map(Value::from)),
        ]))
    });
    let commit = fields([
        ("author", Some(json!({ "email": arguments.author_email, "name": arguments.author_name }))),
        ("messageTemplate", text(&arguments.commit_template)),
        ("signingKey", key),
    ]);
    let git = fields([
        ("checkout", Some(json!({ "ref": { "branch": arguments.checkout_branch } }))),
        ("commit", Some(Value::Object(commit))),
        ("push", push(arguments)?),
    ]);
    let source = fields([
        ("kind", Some(json!("GitRepository"))),
        ("name", Some(json!(arguments.git_repo_ref))),
        ("namespace", text(&arguments.git_repo_namespace)),
    ]);
    Ok(fields([
        ("interval", Some(json!(arguments.common.interval))),
        ("sourceRef", Some(Value::Object(source))),
        ("git", Some(Value::Object(git))),
        ("update", update(arguments)),
    ]))
}

/// Where commits go.
fn push(arguments: &Arguments) -> Result<Option<Value>> {
    let push = fields([
        ("branch", arguments.push_branch.clone().map(Value::from)),
        ("pullRequest", pull_request(arguments)?),
    ]);
    Ok((!push.is_empty()).then_some(Value::Object(push)))
}

fn pull_request(arguments: &Arguments) -> Result<Option<Value>> {
    let request = &arguments.pull_request;
    let Some(provider) = &request.provider else { return Ok(None) };
    let target = request.target.as_ref().unwrap_or(&arguments.checkout_branch);
    for (branch, what) in [(target, "merged into"), (&arguments.checkout_branch, "checked out")] {
        if arguments.push_branch.as_ref() == Some(branch) {
            bail!("a pull request needs a branch of its own: '{branch}' is the branch that is {what}");
        }
    }
    let has_labels = !matches!(
        PullRequestProvider::from(provider.as_str()),
        PullRequestProvider::Bitbucket | PullRequestProvider::BitbucketServer
    );
    if !has_labels && !request.labels.is_empty() {
        bail!("pull requests of {provider} have no labels: leave out --pull-request-label");
    }
    let text = |value: &Option<String>| value.clone().map(Value::from);
    Ok(Some(Value::Object(fields([
        ("provider", Some(json!(provider))),
        ("secretRef", request.secret_ref.as_ref().map(|name| json!({ "name": name }))),
        ("split", text(&request.split)),
        ("target", text(&request.target)),
        ("title", text(&request.title)),
        ("body", text(&request.body)),
        ("labels", list(&request.labels)),
    ]))))
}

/// What is updated, and how it is found.
fn update(arguments: &Arguments) -> Option<Value> {
    let mut update = fields([
        ("path", arguments.git_repo_path.clone().map(Value::from)),
        ("unmarked", list(&arguments.unmarked.kinds)),
        ("valuesFiles", list(&arguments.unmarked.values_files)),
    ]);
    if update.is_empty() {
        return None;
    }
    update.insert("strategy".to_owned(), json!("Setters"));
    Some(Value::Object(update))
}

/// A list, unless it is empty.
fn list(items: &[String]) -> Option<Value> {
    (!items.is_empty()).then(|| json!(items))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn of(more: &str) -> Result<Value, String> {
        let line = format!(
            "update app --git-repo-ref=app --checkout-branch=main --author-name=flux --author-email=flux@example.com {more}"
        );
        let line = Line::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())?;
        spec(&line.arguments).map(Value::Object).map_err(|error| error.to_string())
    }

    #[test]
    fn pull_requests_take_the_place_of_pushes() {
        let spec = of("--push-branch=updates --pull-request-provider=github --pull-request-secret-ref=api \
             --pull-request-split=Policy --pull-request-target=release --pull-request-title=t --pull-request-body=b \
             --pull-request-label=a,b --pull-request-label=c")
        .unwrap();
        let request = json!({
            "provider": "github", "secretRef": {"name": "api"}, "split": "Policy", "target": "release",
            "title": "t", "body": "b", "labels": ["a", "b", "c"],
        });
        assert_eq!(spec["git"]["push"], json!({"branch": "updates", "pullRequest": request}));
        let short = of("--pull-request-provider=gitea").unwrap();
        assert_eq!(short["git"]["push"], json!({"pullRequest": {"provider": "gitea"}}));
        assert_eq!(of("").unwrap()["git"].get("push"), None);
    }

    #[test]
    fn places_without_markers_are_asked_for() {
        let spec = of("--unmarked=HelmValues,KustomizeImages --values-files=values.yaml").unwrap();
        let expected = json!({
            "strategy": "Setters", "unmarked": ["HelmValues", "KustomizeImages"], "valuesFiles": ["values.yaml"],
        });
        assert_eq!(spec["update"], expected);
        let path = of("--git-repo-path=./apps").unwrap();
        assert_eq!(path["update"], json!({"path": "./apps", "strategy": "Setters"}));
        assert_eq!(of("").unwrap().get("update"), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |more: &str| of(more).unwrap_err();
        assert!(error("--pull-request-provider=sourcehut").contains("[possible values: github, gitlab,"));
        assert!(error("--pull-request-title=t").contains("--pull-request-provider"));
        assert!(error("--unmarked=Everything").contains("[possible values: KustomizeImages,"));
        let same = error("--push-branch=main --pull-request-provider=github");
        assert_eq!(
            same,
            "a pull request needs a branch of its own: 'main' is the branch that is merged into"
        );
        let checked_out =
            error("--push-branch=main --pull-request-provider=github --pull-request-target=release");
        assert!(checked_out.ends_with("is checked out"), "{checked_out}");
        let labels = error("--pull-request-provider=bitbucket --pull-request-label=a");
        assert_eq!(labels, "pull requests of bitbucket have no labels: leave out --pull-request-label");
        assert!(error("--signing-key-type=gpg").starts_with("--signing-key-type requires"));
    }
}
