//! `create alert`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::notification::v1beta3::EventSeverity;

use super::{Common, Words, fields, nothing, put, reference, text, words};
use crate::context::Context;
use crate::kinds::ALERT;

/// Arguments of `create alert`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Name of the provider
    #[arg(long, value_name = "NAME")]
    provider_ref: String,
    /// The least severity of events
    #[arg(long, value_name = "SEVERITY", value_parser = words(EventSeverity::WORDS))]
    event_severity: Option<String>,
    /// Objects whose events are sent; * for all of a kind
    #[arg(long, value_name = "KIND/NAME[.NAMESPACE],…", value_delimiter = ',', required = true)]
    event_source: Vec<String>,
}

const WORDS: Words = Words { noun: "Alert", ready: |name| format!("Alert {name} is ready"), result: nothing };

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &ALERT, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    let sources = arguments.event_source.iter().map(|source| {
        if !source.contains('/') {
            bail!("invalid event source '{source}', must be in format <kind>/<name>");
        }
        let (kind, name, namespace) = reference(source, "")?;
        let namespace = namespace.map(|namespace| json!(namespace));
        Ok(Value::Object(fields([
            ("kind", Some(json!(kind))),
            ("name", Some(json!(name))),
            ("namespace", namespace),
        ])))
    });
    Ok(fields([
        ("providerRef", Some(json!({ "name": arguments.provider_ref }))),
        ("eventSeverity", text(arguments.event_severity.as_ref())),
        ("eventSources", Some(json!(sources.collect::<Result<Vec<_>>>()?))),
    ]))
}
