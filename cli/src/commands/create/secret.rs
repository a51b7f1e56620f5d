//! `create secret`: Secrets as the controllers read them.

pub(super) mod git;
mod githubapp;
pub(super) mod helm;
mod notation;
mod oci;
mod proxy;
mod receiver;
mod tls;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Map, Value, json};
use sluice_apis::k8s;

use super::flags::Meta;
use crate::cluster::explain;
use crate::commands::export::document;
use crate::context::Context;

/// What the Secret is for.
#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    /// Credentials of a Git repository
    Git(Box<git::Arguments>),
    /// GitHub App
    Githubapp(githubapp::Arguments),
    /// Credentials of a Helm repository
    Helm(helm::Arguments),
    /// Trust policy and authorities of Notation
    Notation(notation::Arguments),
    /// Credentials of a registry
    Oci(oci::Arguments),
    /// Address and credentials of a proxy
    Proxy(proxy::Arguments),
    /// Token of a receiver
    Receiver(receiver::Arguments),
    /// Certificates
    Tls(tls::Arguments),
}

/// Runs the command.
pub(crate) async fn run(kind: Kind, context: &Context) -> Result<()> {
    match kind {
        Kind::Git(arguments) => git::run(*arguments, context).await,
        Kind::Githubapp(arguments) => githubapp::run(&arguments, context).await,
        Kind::Helm(arguments) => helm::run(arguments, context).await,
        Kind::Notation(arguments) => notation::run(&arguments, context).await,
        Kind::Oci(arguments) => oci::run(&arguments, context).await,
        Kind::Proxy(arguments) => proxy::run(&arguments, context).await,
        Kind::Receiver(arguments) => receiver::run(&arguments, context).await,
        Kind::Tls(arguments) => tls::run(&arguments, context).await,
    }
}

/// A Secret to be written.
#[derive(Clone, Debug, Default)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) type_: Option<&'static str>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// Texts by their keys.
    pub(super) data: Map<String, Value>,
}

impl Secret {
    pub(super) fn new(name: String, labels: &[(String, String)], data: Map<String, Value>) -> Self {
        Self { name, labels: labels.iter().cloned().collect(), data, ..Self::default() }
    }

    fn of(meta: &Meta, data: Map<String, Value>) -> Self {
        Self::new(meta.name.clone(), &meta.labels, data)
    }

    fn typed(self, type_: &'static str) -> Self {
        Self { type_: Some(type_), ..self }
    }

    /// What is written, without what would be empty.
    fn to_json(&self, namespace: &str) -> Value {
        let mut metadata = json!({ "name": self.name, "namespace": namespace });
        for (key, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !map.is_empty() {
                metadata[key] = json!(map);
            }
        }
        let mut secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata });
        if !self.data.is_empty() {
            secret["stringData"] = Value::Object(self.data.clone());
        }
        if let Some(type_) = self.type_ {
            secret["type"] = json!(type_);
        }
        secret
    }

    /// Creates it, or sets these keys, labels and annotations of one that is there.
    pub(super) async fn apply(&self, context: &Context) -> Result<()> {
        context
            .within(async {
                let api: Api<k8s::Secret> = Api::namespaced(context.client().await?, context.namespace());
                let mut value = self.to_json(context.namespace());
                if api.get_metadata_opt(&self.name).await.map_err(explain)?.is_none() {
                    let secret = serde_json::from_value(value)?;
                    api.create(&PostParams::default(), &secret).await.map_err(explain)?;
                    return Ok(());
                }
                if let Some(fields) = value.as_object_mut() {
                    // The type of a Secret is for good.
                    fields.remove("type");
                }
                api.patch(&self.name, &PatchParams::default(), &Patch::Merge(value))
                    .await
                    .map_err(explain)?;
                Ok(())
            })
            .await
    }

    /// Prints it, or writes it and says so.
    async fn put(&self, noun: &str, meta: &Meta, context: &Context) -> Result<()> {
        if meta.export {
            return context.output.data(&document(&self.to_json(context.namespace())));
        }
        self.apply(context).await?;
        let namespace = context.namespace();
        context.output.action(format_args!("{noun} '{}' created in '{namespace}' namespace", self.name));
        Ok(())
    }
}

/// The text of a file.
pub(super) fn read(path: &Path, what: &str) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("unable to read {what} {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_left_out() {
        let secret = Secret { name: "a".to_owned(), ..Secret::default() };
        let expected =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a", "namespace": "ns"}});
        assert_eq!(secret.to_json("ns"), expected);
    }
}
