//! `create`: objects from flags.

mod alert;
mod alert_provider;
mod flags;
mod helmrelease;
mod image;
mod kustomization;
mod receiver;
mod secret;
mod source;
mod tenant;

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use kube::api::{DynamicObject, PostParams};
use serde_json::{Map, Value, json};

use self::flags::{Common, Meta};
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
    Source(source::Source),
    /// Image repositories, policies and updates
    #[command(subcommand, visible_alias = "images")]
    Image(image::Image),
    /// Kustomization
    #[command(visible_alias = "ks")]
    Kustomization(Box<kustomization::Arguments>),
    /// HelmRelease
    #[command(visible_alias = "hr")]
    Helmrelease(Box<helmrelease::Arguments>),
    /// Alert
    Alert(alert::Arguments),
    /// Provider of alerts
    AlertProvider(alert_provider::Arguments),
    /// Receiver
    Receiver(receiver::Arguments),
    /// Secrets as the controllers read them
    #[command(subcommand)]
    Secret(secret::Kind),
    /// Namespaces, service accounts and role bindings of a tenant
    Tenant(tenant::Arguments),
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    match arguments.object {
        Object::Source(source) => source::run(source, context).await,
        Object::Image(image) => image::run(image, context).await,
        Object::Kustomization(arguments) => kustomization::run(*arguments, context).await,
        Object::Helmrelease(arguments) => helmrelease::run(*arguments, context).await,
        Object::Alert(arguments) => alert::run(arguments, context).await,
        Object::AlertProvider(arguments) => alert_provider::run(arguments, context).await,
        Object::Receiver(arguments) => receiver::run(arguments, context).await,
        Object::Secret(kind) => secret::run(kind, context).await,
        Object::Tenant(arguments) => tenant::run(arguments, context).await,
    }
}

/// How the messages about a kind are worded.
struct Words {
    /// The kind in messages.
    noun: &'static str,
    /// What is said when the object is ready.
    ready: fn(name: &str) -> String,
    /// What the object then shows, if anything.
    result: fn(&DynamicObject) -> String,
}

/// The result of objects that show nothing besides their readiness.
fn nothing(_: &DynamicObject) -> String {
    String::new()
}

/// Prints the object, or creates or updates it and waits until it is ready.
async fn put(
    context: &Context,
    kind: &Kind,
    meta: &Meta,
    spec: impl serde::Serialize,
    words: &Words,
) -> Result<()> {
    let output = context.output;
    let object = json!({
        "apiVersion": format!("{}/{}", kind.group, kind.version),
        "kind": kind.kind,
        "metadata": meta.of_object(context.namespace()),
        "spec": serde_json::to_value(spec)?,
    });
    if meta.export {
        return output.data(&document(&object));
    }
    output.generate(format_args!("generating {}", words.noun));
    output.action(format_args!("applying {}", words.noun));
    let client = context.within(context.client()).await?;
    let api = kind.api(&client, context.namespace());
    let (done, written) = context.within(upsert(&api, &meta.name, object)).await?;
    output.success(format_args!("{} {done}", words.noun));
    output.waiting(format_args!("waiting for {} reconciliation", words.noun));
    let ready = if kind.is_static(&written) {
        written
    } else {
        let progress = Progress::start(output);
        let ready = wait::until(api, &meta.name, context.deadline(), &progress, wait::judge).await;
        drop(progress);
        ready?
    };
    output.success((words.ready)(&meta.name));
    let result = (words.result)(&ready);
    if !result.is_empty() {
        output.success(result);
    }
    Ok(())
}

/// Creates the object, or gives an object of that name its labels and spec.
async fn upsert(
    api: &kube::Api<DynamicObject>,
    name: &str,
    object: Value,
) -> Result<(&'static str, DynamicObject)> {
    let wanted: DynamicObject = serde_json::from_value(object)?;
    let params = PostParams::default();
    let Some(mut existing) = api.get_opt(name).await.map_err(explain)? else {
        return Ok(("created", api.create(&params, &wanted).await.map_err(explain)?));
    };
    if wanted.metadata.labels.is_some() {
        existing.metadata.labels = wanted.metadata.labels;
    }
    existing.data["spec"] = wanted.data["spec"].clone();
    Ok(("updated", api.replace(name, &params, &existing).await.map_err(explain)?))
}

/// The fields that have a value.
fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// A text that was given and is not empty.
fn text(text: Option<&String>) -> Option<Value> {
    text.filter(|text| !text.is_empty()).map(|text| json!(text))
}

/// A reference to an object of the same namespace, by the name that was given.
fn local(name: Option<&String>) -> Option<Value> {
    text(name).map(|name| json!({ "name": name }))
}

/// Patterns as the lines of one text.
fn lines(patterns: &[String]) -> Option<Value> {
    (!patterns.is_empty()).then(|| json!(patterns.join("\n")))
}

/// A flag that is one of these words.
fn words(words: &'static [&'static str]) -> PossibleValuesParser {
    PossibleValuesParser::new(words.iter().copied())
}

/// The word that is written like the given one but for upper and lower case.
fn word(words: &[&'static str], given: &str, what: &str) -> Result<&'static str> {
    match words.iter().find(|known| known.eq_ignore_ascii_case(given)) {
        Some(known) => Ok(known),
        None => bail!("{what} '{given}' is not supported, must be one of: {}", words.join(", ")),
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
}
