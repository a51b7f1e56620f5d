//! `create source git`.

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use sluice_apis::meta::{Duration, LocalObjectReference};
use sluice_apis::source::v1::{GitProvider, GitRepositoryRef, GitRepositorySpec};

use super::{Common, Words, object, put};
use crate::context::Context;
use crate::kinds::GIT_REPOSITORY;
use crate::object::text;

/// Arguments of `create source git`.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("reference").multiple(true))]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Address of the repository: http, https or ssh
    #[arg(long)]
    url: String,
    /// Branch
    #[arg(long, group = "reference")]
    branch: Option<String>,
    /// Tag
    #[arg(long, group = "reference")]
    tag: Option<String>,
    /// Range of versions of tags
    #[arg(long, group = "reference", value_name = "RANGE")]
    tag_semver: Option<String>,
    /// Full name of a reference
    #[arg(long, group = "reference", value_name = "REF")]
    ref_name: Option<String>,
    /// Commit
    #[arg(long, group = "reference", value_name = "SHA")]
    commit: Option<String>,
    /// Secret with the credentials
    #[arg(long, value_name = "SECRET")]
    secret_ref: Option<String>,
    /// Who hosts the repository
    #[arg(long, value_parser = ["generic", "azure", "github", "aws"])]
    provider: Option<String>,
    /// Fetch submodules too
    #[arg(long)]
    recurse_submodules: bool,
    /// Patterns of what to leave out
    #[arg(long, value_delimiter = ',', value_name = "PATTERN,…")]
    ignore_paths: Vec<String>,
    /// Directories to check out
    #[arg(long, value_delimiter = ',', value_name = "DIR,…")]
    sparse_checkout_paths: Vec<String>,
    /// Secret with the address of a proxy
    #[arg(long, value_name = "SECRET")]
    proxy_secret_ref: Option<String>,
}

const WORDS: Words = Words {
    noun: "GitRepository source",
    ready: |_| "GitRepository source reconciliation completed".to_owned(),
    result: |item| format!("fetched revision: {}", text(item, "/status/artifact/revision")),
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let spec = spec(&arguments)?;
    let object = object(&GIT_REPOSITORY, &arguments.common.name, spec)?;
    put(context, &GIT_REPOSITORY, &arguments.common, object, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<GitRepositorySpec> {
    let scheme = arguments.url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !["ssh", "http", "https"].contains(&scheme) {
        bail!("git URL scheme '{scheme}' not supported, can be: ssh, http and https");
    }
    if scheme == "ssh" && arguments.secret_ref.is_none() && !arguments.common.export {
        bail!("an SSH address needs a Secret with identity and known_hosts: give --secret-ref");
    }
    let reference = GitRepositoryRef {
        branch: arguments.branch.clone(),
        tag: arguments.tag.clone(),
        semver: arguments.tag_semver.clone(),
        name: arguments.ref_name.clone(),
        commit: arguments.commit.clone(),
    };
    if reference == GitRepositoryRef::default() {
        bail!(
            "a Git ref is required, use one of the following: --branch, --commit, --ref-name, --tag or --tag-semver"
        );
    }
    let local = |name: &Option<String>| name.clone().map(|name| LocalObjectReference { name });
    let ignore = arguments.ignore_paths.join("\n");
    Ok(GitRepositorySpec {
        url: arguments.url.clone(),
        reference: Some(reference),
        interval: arguments.common.interval,
        timeout: Duration::from_secs(60),
        secret_ref: local(&arguments.secret_ref),
        proxy_secret_ref: local(&arguments.proxy_secret_ref),
        provider: arguments.provider.as_deref().map(GitProvider::from),
        recurse_submodules: arguments.recurse_submodules,
        sparse_checkout: arguments.sparse_checkout_paths.clone(),
        ignore: (!ignore.is_empty()).then_some(ignore),
        ..GitRepositorySpec::default()
    })
}
