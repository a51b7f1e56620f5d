//! `create receiver`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::notification::v1::ReceiverType;

use super::{Common, Words, fields, put, words};
use crate::context::Context;
use crate::kinds::RECEIVER;
use crate::object::text;

/// Arguments of `create receiver`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Who sends the webhooks
    #[arg(long = "type", value_name = "TYPE", value_parser = words(ReceiverType::WORDS))]
    type_: String,
    /// Secret with the token
    #[arg(long, value_name = "SECRET")]
    secret_ref: String,
    /// Events that count; all when none is given
    #[arg(long, value_name = "EVENT,…", value_delimiter = ',')]
    event: Vec<String>,
    /// Objects to reconcile
    #[arg(long, value_name = "KIND/NAME,…", value_delimiter = ',', required = true)]
    resource: Vec<String>,
}

const WORDS: Words = Words {
    noun: "Receiver",
    ready: |name| format!("Receiver {name} is ready"),
    result: |item| format!("generated webhook URL {}", text(item, "/status/webhookPath")),
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &RECEIVER, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    let resources = arguments.resource.iter().map(|resource| match resource.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() => {
            Ok(json!({ "kind": kind, "name": name }))
        }
        _ => bail!("invalid event source '{resource}', must be in format <kind>/<name>"),
    });
    Ok(fields([
        ("type", Some(json!(arguments.type_))),
        ("secretRef", Some(json!({ "name": arguments.secret_ref }))),
        ("events", (!arguments.event.is_empty()).then(|| json!(arguments.event))),
        ("resources", Some(json!(resources.collect::<Result<Vec<_>>>()?))),
    ]))
}
