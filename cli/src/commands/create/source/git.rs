//! `create source git`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Args};
use serde_json::{Map, Value, json};
use sluice_apis::source::v1::GitProvider;

use super::super::flags::Fetch;
use super::super::secret::{Secret, git};
use super::super::{Common, Words, fields, put, text, words};
use super::fetched;
use crate::context::Context;
use crate::kinds::GIT_REPOSITORY;
use crate::prompt::confirm;
use crate::ssh::KeyFlags;

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
    /// Name of a user; a Secret is made of it and of the password
    #[arg(short, long, conflicts_with = "secret_ref")]
    username: Option<String>,
    /// Password of the user, or of the private key
    #[arg(short, long, conflicts_with = "secret_ref")]
    password: Option<String>,
    #[command(flatten)]
    key: KeyFlags,
    /// File with the authority of the server's certificate
    #[arg(long, value_name = "FILE", conflicts_with = "secret_ref")]
    ca_file: Option<PathBuf>,
    /// Don't ask whether the repository knows the key
    #[arg(short, long)]
    silent: bool,
    /// Who hosts the repository
    #[arg(long, value_parser = words(GitProvider::WORDS))]
    provider: Option<String>,
    /// Fetch submodules too
    #[arg(long)]
    recurse_submodules: bool,
    /// Directories to check out
    #[arg(long, value_delimiter = ',', value_name = "DIR,…")]
    sparse_checkout_paths: Vec<String>,
    #[command(flatten)]
    fetch: Fetch,
}

const WORDS: Words = Words {
    noun: "GitRepository source",
    ready: |_| "GitRepository source reconciliation completed".to_owned(),
    result: fetched,
};

/// Runs the command.
pub(crate) async fn run(mut arguments: Arguments, context: &Context) -> Result<()> {
    let scheme = git::scheme(&arguments.url)?;
    if scheme == "ssh" && arguments.ca_file.is_some() {
        bail!("specifying a CA file is not supported for Git over SSH");
    }
    spec(&arguments)?;
    if arguments.fetch.secret_ref.is_none() && !arguments.common.meta.export {
        let data = credentials(&arguments, scheme, context).await?;
        if !data.is_empty() {
            let secret = Secret::new(arguments.common.meta.name.clone(), &arguments.common.meta.labels, data);
            context.output.action("applying secret with repository credentials");
            secret.apply(context).await?;
            context.output.success("authentication configured");
            arguments.fetch.secret_ref = Some(secret.name);
        }
    }
    put(context, &GIT_REPOSITORY, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

/// The data of a Secret for the repository; none if it needs none.
async fn credentials(arguments: &Arguments, scheme: &str, context: &Context) -> Result<Map<String, Value>> {
    let output = context.output;
    if scheme != "ssh" {
        let authority = arguments.ca_file.as_ref().map(|path| {
            std::fs::read_to_string(path)
                .with_context(|| format!("unable to read TLS CA file {}", path.display()))
        });
        let data = fields([
            ("username", text(arguments.username.as_ref())),
            ("password", text(arguments.password.as_ref())),
            ("ca.crt", authority.transpose()?.map(|authority| json!(authority))),
        ]);
        if scheme == "http" && !data.is_empty() {
            output.warning("insecure configuration: credentials configured for an HTTP URL");
        }
        return Ok(data);
    }
    let password = arguments.password.as_deref();
    let data = git::ssh_data(&arguments.url, &arguments.key, password, context).await?;
    let line = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().trim_end();
    output.success(format_args!("collected public key from SSH server:\n{}", line("known_hosts")));
    output.generate(format_args!("deploy key: {}", line("identity.pub")));
    if !arguments.silent {
        confirm("Have you added the deploy key to your repository")?;
    }
    Ok(data)
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    let reference = fields([
        ("branch", text(arguments.branch.as_ref())),
        ("tag", text(arguments.tag.as_ref())),
        ("semver", text(arguments.tag_semver.as_ref())),
        ("name", text(arguments.ref_name.as_ref())),
        ("commit", text(arguments.commit.as_ref())),
    ]);
    if reference.is_empty() {
        bail!(
            "a Git ref is required, use one of the following: --branch, --commit, --ref-name, --tag or --tag-semver"
        );
    }
    let paths = &arguments.sparse_checkout_paths;
    let mut spec = fields([
        ("url", Some(json!(arguments.url))),
        ("ref", Some(Value::Object(reference))),
        ("interval", Some(json!(arguments.common.interval))),
        ("provider", text(arguments.provider.as_ref())),
        ("recurseSubmodules", arguments.recurse_submodules.then_some(json!(true))),
        ("sparseCheckout", (!paths.is_empty()).then(|| json!(paths))),
    ]);
    spec.extend(arguments.fetch.spec());
    Ok(spec)
}
