//! `create`: objects from flags.

mod git;
mod kustomization;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use kube::api::{DynamicObject, PostParams};
use serde_json::Value;
use sluice_apis::meta::Duration;

use super::export::document;
use crate::cluster::explain;
use crate::context::Context;
use crate::kinds::Kind;
use crate::progress::Progress;
use crate::wait;

/// Arguments of `create`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    object: Object,
}

#[derive(Debug, Subcommand)]
enum Object {
    /// Sources
    #[command(subcommand, visible_alias = "sources")]
    Source(Source),
    /// Kustomization
    #[command(visible_alias = "ks")]
    Kustomization(kustomization::Arguments),
}

#[derive(Debug, Subcommand)]
enum Source {
    /// GitRepository
    Git(git::Arguments),
}

/// Flags of all kinds.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Name of the object
    #[arg(value_parser = object_name)]
    name: String,
    /// How often to reconcile
    #[arg(long, default_value = "1m0s")]
    interval: Duration,
    /// Print the object instead of creating it
    #[arg(long)]
    export: bool,
    /// Labels of the object
    #[arg(long = "label", value_delimiter = ',', value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    match arguments.object {
        Object::Source(Source::Git(arguments)) => git::run(arguments, context).await,
        Object::Kustomization(arguments) => kustomization::run(arguments, context).await,
    }
}

/// How the messages about a kind are worded.
struct Words {
    /// The kind in messages.
    noun: &'static str,
    /// What is said when the object is ready.
    ready: fn(name: &str) -> String,
    /// What the object then shows.
    result: fn(&DynamicObject) -> String,
}

/// Prints the object, or creates or updates it and waits until it is ready.
async fn put(
    context: &Context,
    kind: &Kind,
    common: &Common,
    mut object: Value,
    words: &Words,
) -> Result<()> {
    let output = context.output;
    object["metadata"]["namespace"] = context.namespace().into();
    if !common.labels.is_empty() {
        object["metadata"]["labels"] =
            serde_json::to_value(common.labels.iter().cloned().collect::<BTreeMap<_, _>>())?;
    }
    if common.export {
        return output.data(&document(&object));
    }
    output.generate(format_args!("generating {}", words.noun));
    output.action(format_args!("applying {}", words.noun));
    let client = context.within(context.client()).await?;
    let api = kind.api(&client, context.namespace());
    let done = context.within(upsert(&api, &common.name, object)).await?;
    output.success(format_args!("{} {done}", words.noun));
    output.waiting(format_args!("waiting for {} reconciliation", words.noun));
    let progress = Progress::start(output);
    let ready = wait::until(api, &common.name, context.deadline(), &progress, wait::judge).await;
    drop(progress);
    let ready = ready?;
    output.success((words.ready)(&common.name));
    output.success((words.result)(&ready));
    Ok(())
}

/// Creates the object, or gives an object of that name its labels and spec.
async fn upsert(api: &kube::Api<DynamicObject>, name: &str, object: Value) -> Result<&'static str> {
    let wanted: DynamicObject = serde_json::from_value(object)?;
    let Some(mut existing) = api.get_opt(name).await.map_err(explain)? else {
        api.create(&PostParams::default(), &wanted).await.map_err(explain)?;
        return Ok("created");
    };
    if wanted.metadata.labels.is_some() {
        existing.metadata.labels = wanted.metadata.labels;
    }
    existing.data["spec"] = wanted.data["spec"].clone();
    api.replace(name, &PostParams::default(), &existing).await.map_err(explain)?;
    Ok("updated")
}

/// A spec with its kind and name around it.
fn object(kind: &Kind, name: &str, spec: impl serde::Serialize) -> Result<Value> {
    Ok(serde_json::json!({
        "apiVersion": format!("{}/{}", kind.group, kind.version),
        "kind": kind.kind,
        "metadata": { "name": name },
        "spec": serde_json::to_value(spec)?,
    }))
}

fn object_name(text: &str) -> Result<String, String> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "name '{text}' is invalid, it should adhere to standard defined in RFC 1123, the name can only contain \
             alphanumeric characters or '-'"
        ))
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("invalid label format '{text}', must be key=value")),
    }
}

/// `Kind/name[.namespace]`; without a kind the default one.
fn reference<'a>(text: &'a str, default_kind: &'a str) -> Result<(&'a str, &'a str, Option<&'a str>)> {
    let (kind, rest) = text.split_once('/').unwrap_or((default_kind, text));
    let (name, namespace) = match rest.rsplit_once('.') {
        Some((name, namespace)) => (name, Some(namespace)),
        None => (rest, None),
    };
    if kind.is_empty() || name.is_empty() || namespace == Some("") {
        bail!("invalid reference '{text}', must be kind/name or kind/name.namespace");
    }
    Ok((kind, name, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_an_optional_kind_and_namespace() {
        assert_eq!(
            reference("GitRepository/app.infra", "x").unwrap(),
            ("GitRepository", "app", Some("infra"))
        );
        assert_eq!(reference("app", "GitRepository").unwrap(), ("GitRepository", "app", None));
        for text in ["", "/app", "Kind/", "Kind/app."] {
            assert!(reference(text, "x").is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_labels_are_checked() {
        assert!(object_name("app-1").is_ok() && object_name("App").is_err() && object_name("-a").is_err());
        assert_eq!(label("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(label("a"), Err("invalid label format 'a', must be key=value".into()));
    }
}
