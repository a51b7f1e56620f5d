//! `create secret githubapp`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgGroup, Args};
use serde_json::json;

use super::super::flags::Meta;
use super::super::{fields, text};
use super::{Secret, read};
use crate::context::Context;

/// Arguments of `create secret githubapp`.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("installation").required(true))]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// ID of the app
    #[arg(long, value_name = "ID")]
    app_id: String,
    /// User or organisation that has installed it
    #[arg(long, value_name = "NAME", group = "installation")]
    app_installation_owner: Option<String>,
    /// ID of the installation
    #[arg(long, value_name = "ID", group = "installation")]
    app_installation_id: Option<String>,
    /// File with the private key of the app
    #[arg(long, value_name = "FILE")]
    app_private_key: PathBuf,
    /// Address of the API of an enterprise's own host
    #[arg(long, value_name = "URL")]
    app_base_url: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let key = read(&arguments.app_private_key, "private key file")?;
    let data = fields([
        ("githubAppID", Some(json!(arguments.app_id))),
        ("githubAppInstallationOwner", text(arguments.app_installation_owner.as_ref())),
        ("githubAppInstallationID", text(arguments.app_installation_id.as_ref())),
        ("githubAppPrivateKey", Some(json!(key))),
        ("githubAppBaseURL", text(arguments.app_base_url.as_ref())),
    ]);
    let secret = Secret::of(&arguments.meta, data).typed("Opaque");
    secret.put("githubapp secret", &arguments.meta, context).await
}
