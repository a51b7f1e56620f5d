//! `suspend`: switches reconciliation off.

use anyhow::{Result, bail};
use clap::Args;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt, api::DynamicObject};
use serde_json::json;

use crate::cluster::explain;
use crate::context::Context;
use crate::kinds::Kind;
use crate::objects::ObjectCommand;
use crate::text::chain;

/// Arguments of `suspend`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    object: ObjectCommand<Targets>,
}

/// Which objects.
#[derive(Args, Clone, Debug)]
pub(crate) struct Targets {
    /// Names of objects
    pub(super) names: Vec<String>,
    /// All objects of the namespace
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (kind, targets) = arguments.object.split();
    check_supported(kind)?;
    let namespace = context.namespace();
    let api = kind.api(&context.client().await?, namespace);
    let Some(names) = resolve(&api, kind, &targets, namespace).await? else {
        bail!("no {} objects found in {namespace} namespace", kind.kind);
    };
    for name in names {
        match api.get_opt(&name).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                context
                    .output
                    .failure(format_args!("{} {name} not found in {namespace} namespace", kind.kind));
                continue;
            }
            Err(error) => return Err(explain(error)),
        }
        context.output.action(format_args!("suspending {} {name} in {namespace} namespace", kind.human));
        let patch = Patch::Merge(json!({ "spec": { "suspend": true } }));
        match api.patch(&name, &PatchParams::default(), &patch).await {
            Ok(_) => context.output.success(format_args!("{} suspended", kind.human)),
            Err(error) => context.output.failure(format_args!(
                "failed suspending {} {name} in {namespace} namespace: {}",
                kind.kind,
                chain(&explain(error))
            )),
        }
    }
    Ok(())
}

/// Kinds without the field cannot be suspended: the API server would drop it without a word.
pub(crate) fn check_supported(kind: &Kind) -> Result<()> {
    if matches!(kind.kind, "ExternalArtifact" | "ArtifactGenerator") {
        bail!("{} objects cannot be suspended", kind.kind);
    }
    Ok(())
}

/// The names given, once each, or with `all` those of the namespace; nothing if there are none.
pub(crate) async fn resolve(
    api: &Api<DynamicObject>,
    kind: &Kind,
    targets: &Targets,
    namespace: &str,
) -> Result<Option<Vec<String>>> {
    let Targets { names, all } = targets;
    if !names.is_empty() {
        let mut unique: Vec<String> = Vec::new();
        for name in names {
            if !unique.contains(name) {
                unique.push(name.clone());
            }
        }
        return Ok(Some(unique));
    }
    if !all {
        bail!("{} name is required: give names, or --all for all in the {namespace} namespace", kind.human);
    }
    let list = api.list(&ListParams::default()).await.map_err(explain)?;
    let names: Vec<String> = list.items.iter().map(ResourceExt::name_any).collect();
    Ok((!names.is_empty()).then_some(names))
}
