//! `create secret oci`.

use anyhow::{Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use serde_json::json;
use sluice_oci::Repository;

use super::super::fields;
use super::super::flags::Meta;
use super::Secret;
use crate::context::Context;

/// Arguments of `create secret oci`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// Address of the registry, or of a repository in it, without a scheme
    #[arg(long)]
    url: String,
    /// Name of a user
    #[arg(short, long)]
    username: String,
    /// Password
    #[arg(short, long)]
    password: String,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    if let Err(error) = Repository::parse(&arguments.url, false) {
        bail!("error parsing url: '{error}'");
    }
    let data = fields([(".dockerconfigjson", Some(json!(config(arguments))))]);
    let secret = Secret::of(&arguments.meta, data).typed("kubernetes.io/dockerconfigjson");
    secret.put("oci secret", &arguments.meta, context).await
}

/// The file that `docker login` keeps, laid out as flux does.
fn config(arguments: &Arguments) -> String {
    let Arguments { url, username, password, .. } = arguments;
    let auth = BASE64_STANDARD.encode(format!("{username}:{password}"));
    let quoted = |text: &str| json!(text).to_string();
    format!(
        "{{\n  \"auths\": {{\n    {}: {{\n      \"username\": {},\n      \"password\": {},\n      \"auth\": {}\n    }}\n  }}\n}}",
        quoted(url),
        quoted(username),
        quoted(password),
        quoted(&auth)
    )
}
