//! `create secret git`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::super::flags::Meta;
use super::super::{fields, text};
use super::{Secret, read};
use crate::context::Context;
use crate::ssh::{self, KeyFlags};

/// Arguments of `create secret git`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// Address of the repository: http, https or ssh
    #[arg(long)]
    url: String,
    /// Name of a user
    #[arg(short, long)]
    username: Option<String>,
    /// Password of the user, or of the private key
    #[arg(short, long)]
    password: Option<String>,
    /// Token in place of a user and a password
    #[arg(long, value_name = "TOKEN", conflicts_with = "username")]
    bearer_token: Option<String>,
    #[command(flatten)]
    key: KeyFlags,
    /// File with the authority of the server's certificate
    #[arg(long, value_name = "FILE")]
    ca_crt_file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let data = match scheme(&arguments.url)? {
        "ssh" => {
            let password = arguments.password.as_deref();
            ssh_data(&arguments.url, &arguments.key, password, context).await?
        }
        _ => web_data(&arguments)?,
    };
    if let Some(key) = data.get("identity.pub").and_then(Value::as_str).filter(|_| !arguments.meta.export) {
        context.output.generate(format_args!("deploy key: {}", key.trim_end()));
    }
    Secret::of(&arguments.meta, data).put("git secret", &arguments.meta, context).await
}

/// The scheme of an address, if it is one that Git is used with.
pub(in super::super) fn scheme(url: &str) -> Result<&str> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !["ssh", "http", "https"].contains(&scheme) {
        bail!("git URL scheme '{scheme}' not supported, can be: ssh, http and https");
    }
    Ok(scheme)
}

fn web_data(arguments: &Arguments) -> Result<Map<String, Value>> {
    let (username, password) = (text(arguments.username.as_ref()), text(arguments.password.as_ref()));
    let token = text(arguments.bearer_token.as_ref());
    if token.is_none() && (username.is_none() || password.is_none()) {
        bail!("for Git over HTTP/S the username and password, or a bearer token is required");
    }
    if token.is_some() && password.is_some() {
        bail!("user credentials and bearer token cannot be used together");
    }
    let authority = arguments.ca_crt_file.as_ref().map(|path| read(path, "TLS CA file")).transpose()?;
    Ok(fields([
        ("username", username),
        ("password", password),
        ("bearerToken", token),
        ("ca.crt", authority.map(|authority| json!(authority))),
    ]))
}

/// A private key, its public key, and the key of the host, which is asked for it.
pub(in super::super) async fn ssh_data(
    url: &str,
    flags: &KeyFlags,
    password: Option<&str>,
    context: &Context,
) -> Result<Map<String, Value>> {
    let pair = flags.pair(password)?;
    let known_hosts = context.within(ssh::known_hosts(url)).await?;
    Ok(fields([
        ("identity", Some(json!(pair.private))),
        ("identity.pub", Some(json!(pair.public))),
        ("known_hosts", Some(json!(known_hosts))),
        ("password", password.map(|password| json!(password)).filter(|_| flags.is_given())),
    ]))
}
