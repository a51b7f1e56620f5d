//! `create secret proxy`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::super::flags::{Meta, User};
use super::Secret;
use crate::context::Context;

/// Arguments of `create secret proxy`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// Address of the proxy
    #[arg(long, value_name = "URL")]
    address: String,
    #[command(flatten)]
    user: User,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let mut data = arguments.user.data();
    data.insert("address".to_owned(), json!(arguments.address));
    let secret = Secret::of(&arguments.meta, data).typed("Opaque");
    secret.put("proxy secret", &arguments.meta, context).await
}
