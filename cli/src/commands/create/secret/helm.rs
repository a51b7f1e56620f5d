//! `create secret helm`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use super::super::flags::{Certificates, Meta, User};
use super::{Secret, read};
use crate::context::Context;

/// Arguments of `create secret helm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    #[command(flatten)]
    user: User,
    #[command(flatten)]
    files: Certificates,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let mut secret = Secret::of(&arguments.meta, Map::new());
    if let Some((type_, data)) = data(&arguments.user, &arguments.files)? {
        (secret.type_, secret.data) = (Some(type_), data);
    }
    secret.put("helm secret", &arguments.meta, context).await
}

/// Type and data of a Secret for a Helm repository; None if there is nothing to say. A certificate counts before a name
/// and a password.
pub(in super::super) fn data(
    user: &User,
    files: &Certificates,
) -> Result<Option<(&'static str, Map<String, Value>)>> {
    let mut data = user.data();
    if data.is_empty() || files.tls_crt_file.is_some() {
        return files.data();
    }
    if let Some(path) = &files.ca_crt_file {
        data.insert("ca.crt".to_owned(), json!(read(path, "TLS CA file")?));
    }
    Ok(Some(("kubernetes.io/basic-auth", data)))
}
