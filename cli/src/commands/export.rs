//! `export`: objects as YAML to apply elsewhere.

use anyhow::{Result, bail};
use clap::Args;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Map, Value, json};

use crate::cluster::explain;
use crate::context::Context;
use crate::kinds::Kind;
use crate::objects::ObjectCommand;

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    object: ObjectCommand<Names>,
}

/// Which objects.
#[derive(Args, Clone, Debug)]
pub(crate) struct Names {
    /// Name of an object
    name: Option<String>,
    /// All objects of the namespace
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (kind, names) = arguments.object.split();
    let namespace = context.namespace();
    let api = kind.api(&context.client().await?, namespace);
    let items = match names.name {
        _ if names.all => {
            let list = api.list(&ListParams::default()).await.map_err(explain)?;
            if list.items.is_empty() {
                bail!("no objects found in {namespace} namespace");
            }
            list.items
        }
        Some(name) => vec![api.get(&name).await.map_err(explain)?],
        None => bail!("name is required"),
    };
    for item in &items {
        context.output.data(&document(&exported(kind, item)))?;
    }
    Ok(())
}

/// A YAML document behind its separator.
pub(crate) fn document(value: &Value) -> String {
    format!("---\n{}", sluice_yaml::to_yaml(value))
}

/// What makes the object what it is: neither status nor what the API server adds.
fn exported(kind: &Kind, item: &DynamicObject) -> Value {
    let mut metadata = Map::new();
    let source = &item.metadata;
    let texts = [("name", &source.name), ("namespace", &source.namespace)];
    metadata
        .extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text.as_ref()?)))));
    let maps = [("labels", &source.labels), ("annotations", &source.annotations)];
    metadata.extend(maps.into_iter().filter_map(|(key, map)| Some((key.to_owned(), json!(map.as_ref()?)))));
    json!({
        "apiVersion": format!("{}/{}", kind.group, kind.version),
        "kind": kind.kind,
        "metadata": metadata,
        "spec": item.data.get("spec").cloned().unwrap_or_else(|| json!({})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;
    use crate::object::tests::object;

    #[test]
    fn only_what_the_user_wrote_is_exported() {
        let mut item = object(json!({"spec": {"prune": true}, "status": {"observedGeneration": 1}}));
        item.metadata.uid = Some("u".into());
        item.metadata.labels = Some([("team".to_owned(), "a".to_owned())].into());
        let expected = "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  labels:\n    \
                        team: a\n  name: app\n  namespace: apps\nspec:\n  prune: true\n";
        assert_eq!(document(&exported(&kinds::KUSTOMIZATION, &item)), expected);
    }
}
