//! `create alert-provider`.

use anyhow::Result;
use clap::Args;
use serde_json::json;
use sluice_apis::notification::v1beta3::ProviderType;

use super::{Common, Words, fields, local, nothing, put, text, words};
use crate::context::Context;
use crate::kinds::PROVIDER;

/// Arguments of `create alert-provider`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Where alerts go
    #[arg(long = "type", value_name = "TYPE", value_parser = words(ProviderType::WORDS))]
    type_: String,
    /// Channel to send to
    #[arg(long)]
    channel: Option<String>,
    /// Name that messages are sent under
    #[arg(long)]
    username: Option<String>,
    /// Address of the service, or of the Git repository
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Secret with the credentials
    #[arg(long, value_name = "SECRET")]
    secret_ref: Option<String>,
}

const WORDS: Words =
    Words { noun: "Provider", ready: |name| format!("Provider {name} is ready"), result: nothing };

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let spec = fields([
        ("type", Some(json!(arguments.type_))),
        ("channel", text(arguments.channel.as_ref())),
        ("username", text(arguments.username.as_ref())),
        ("address", text(arguments.address.as_ref())),
        ("secretRef", local(arguments.secret_ref.as_ref())),
    ]);
    put(context, &PROVIDER, &arguments.common.meta, spec, &WORDS).await
}
