//! `tree`: what a Kustomization has applied, and what that has applied in turn.

use std::collections::BTreeSet;
use std::pin::Pin;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use kube::Client;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_apply::ObjectId;

use crate::cluster::explain;
use crate::context::Context;
use crate::kinds;

/// Groups of Flux's kinds end so.
const FLUX_GROUP: &str = "toolkit.fluxcd.io";

/// Arguments of `tree`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// What a Kustomization has applied
    #[command(visible_alias = "ks", alias = "kustomizations")]
    Kustomization {
        /// Name of the Kustomization
        name: String,
        /// Only Flux's own kinds
        #[arg(long)]
        compact: bool,
        /// How to print
        #[arg(short, long, value_enum)]
        output: Option<Format>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

/// An object and what it has applied.
#[derive(Debug)]
struct Tree {
    id: ObjectId,
    children: Vec<Tree>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let Target::Kustomization { name, compact, output } = arguments.target;
    let client = context.client().await?;
    let root = ObjectId {
        namespace: context.namespace().to_owned(),
        name: name.clone(),
        group: kinds::KUSTOMIZATION.group.to_owned(),
        kind: kinds::KUSTOMIZATION.kind.to_owned(),
    };
    let object = kinds::KUSTOMIZATION.api(&client, &root.namespace).get(&name).await.map_err(explain)?;
    let mut path = BTreeSet::from([root.clone()]);
    let children = children(&client, &object, compact, &mut path).await?;
    let tree = Tree { id: root, children };
    match output {
        None => context.output.data_line(format_args!("{}", tree.text())),
        Some(Format::Json) => context.output.data_line(format_args!("{:#}", tree.to_json())),
        Some(Format::Yaml) => {
            context.output.data_line(format_args!("{}", sluice_yaml::to_yaml(&tree.to_json())))
        }
    }
}

/// What stands in the inventory of the object, with what those objects have applied in turn. `path` are the objects
/// above: one that applies its own parent does not make an endless tree.
fn children<'a>(
    client: &'a Client,
    object: &'a DynamicObject,
    compact: bool,
    path: &'a mut BTreeSet<ObjectId>,
) -> Pin<Box<dyn Future<Output = Result<Vec<Tree>>> + 'a>> {
    Box::pin(async move {
        // The objects of another cluster cannot be asked for what they have applied.
        let is_remote = object.data.pointer("/spec/kubeConfig").is_some_and(|config| !config.is_null());
        let mut trees = Vec::new();
        for id in inventory(object)? {
            if path.contains(&id) || (compact && !id.group.contains(FLUX_GROUP)) {
                continue;
            }
            let kind = [&kinds::KUSTOMIZATION, &kinds::HELM_RELEASE]
                .into_iter()
                .find(|kind| kind.group == id.group && kind.kind == id.kind);
            let mut tree = Tree { id, children: Vec::new() };
            if let Some(kind) = kind
                && !is_remote
                && let Some(child) =
                    kind.api(client, &tree.id.namespace).get_opt(&tree.id.name).await.map_err(explain)?
            {
                path.insert(tree.id.clone());
                tree.children = children(client, &child, compact, path).await?;
                path.remove(&tree.id);
            }
            trees.push(tree);
        }
        Ok(trees)
    })
}

/// The ids of the object's inventory, in order.
fn inventory(object: &DynamicObject) -> Result<Vec<ObjectId>> {
    let entries = object.data.pointer("/status/inventory/entries").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .map(|entry| {
            let id = entry["id"].as_str().unwrap_or_default();
            id.parse().with_context(|| {
                format!("inventory of {}", object.metadata.name.as_deref().unwrap_or_default())
            })
        })
        .collect()
}

impl Tree {
    fn text(&self) -> String {
        let mut text = format!("{}\n", self.id.subject());
        self.render_children("", &mut text);
        text
    }

    fn render_children(&self, indent: &str, text: &mut String) {
        for (index, child) in self.children.iter().enumerate() {
            let is_last = index + 1 == self.children.len();
            let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
            text.extend([indent, branch, &child.id.subject(), "\n"]);
            child.render_children(&format!("{indent}{below}"), text);
        }
    }

    fn to_json(&self) -> Value {
        let mut value = json!({
            "resource": {
                "Namespace": self.id.namespace,
                "Name": self.id.name,
                "GroupKind": { "Group": self.id.group, "Kind": self.id.kind },
            },
        });
        if !self.children.is_empty() {
            value["resources"] = self.children.iter().map(Self::to_json).collect();
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(id: &str, children: Vec<Tree>) -> Tree {
        Tree { id: id.parse().unwrap(), children }
    }

    fn example() -> Tree {
        tree(
            "flux-system_all_kustomize.toolkit.fluxcd.io_Kustomization",
            vec![
                tree("_flux-system__Namespace", vec![]),
                tree(
                    "flux-system_infra_kustomize.toolkit.fluxcd.io_Kustomization",
                    vec![
                        tree("_cert-manager__Namespace", vec![]),
                        tree("cert-manager_repo_source.toolkit.fluxcd.io_HelmRepository", vec![]),
                    ],
                ),
                tree("flux-system_repo_source.toolkit.fluxcd.io_GitRepository", vec![]),
            ],
        )
    }

    #[test]
    fn branches_are_drawn_as_flux_draws_them() {
        let expected = "\
Kustomization/flux-system/all
├── Namespace/flux-system
├── Kustomization/flux-system/infra
│   ├── Namespace/cert-manager
│   └── HelmRepository/cert-manager/repo
└── GitRepository/flux-system/repo
";
        assert_eq!(example().text(), expected);
    }

    #[test]
    fn json_nests_resources() {
        let json = example().to_json();
        assert_eq!(json["resources"][1]["resources"][0]["resource"]["GroupKind"]["Kind"], "Namespace");
        assert!(json["resources"][0].get("resources").is_none());
    }
}
