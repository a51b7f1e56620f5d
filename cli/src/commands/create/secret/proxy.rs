//! `create secret proxy`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::super::{fields, text};
use super::{Common, Secret};
use crate::context::Context;

/// Arguments of `create secret proxy`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Address of the proxy
    #[arg(long, value_name = "URL")]
    address: String,
    /// Name of a user
    #[arg(short, long)]
    username: Option<String>,
    /// Password
    #[arg(short, long)]
    password: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let data = fields([
        ("address", Some(json!(arguments.address))),
        ("username", text(arguments.username.as_ref())),
        ("password", text(arguments.password.as_ref())),
    ]);
    let secret = Secret::of(&arguments.common, data).typed("Opaque");
    secret.put("proxy secret", arguments.common.export, context).await
}
