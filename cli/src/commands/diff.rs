//! `diff kustomization`: what applying a local directory would change in the cluster.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::Pin;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::Value;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apply::ignore::IgnoreRules;
use sluice_apply::inventory::{self, Entry};
use sluice_apply::{
    Action, Applier, ApplyOptions, Cluster, ClusterCache, Difference, normalize, order, read,
};

use super::helmrelease;
use crate::context::Context;
use crate::exit::Exit;
use crate::local::{self, Builder, Built, Flags};
use crate::{mask, report};

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Show what applying a local directory would change. Exits with 1 if it would change anything, with 2 if that
    /// can't be told.
    #[command(visible_alias = "ks")]
    Kustomization(Source),
    /// Show what releasing a local chart would change. Exits with 1 if it would change anything, with 2 if that can't
    /// be told.
    #[command(visible_alias = "hr")]
    Helmrelease(helmrelease::Source),
}

/// What to compare.
#[derive(Args, Clone, Debug)]
struct Source {
    /// Name of the Kustomization
    name: String,
    #[command(flatten)]
    flags: Flags,
    /// Show progress
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    progress_bar: bool,
    /// Don't fail when the Kustomization of --kustomization-file is not in the cluster yet
    #[arg(long)]
    ignore_not_found: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let changes = match arguments.target {
        Target::Kustomization(source) => context.within(Box::pin(compare(source, context))).await,
        Target::Helmrelease(source) => context.within(Box::pin(helmrelease::diff(&source, context))).await,
    }
    .map_err(Exit::Undecided)?;
    if changes {
        return Err(Exit::Notice("identified at least one change, exiting with non-zero exit code").into());
    }
    Ok(())
}

async fn compare(source: Source, context: &Context) -> Result<bool> {
    if source.ignore_not_found && source.flags.kustomization_file.is_none() {
        bail!("kustomization file is required when assuming new kustomizations");
    }
    if source.progress_bar && context.output.is_terminal() {
        context.output.action("Kustomization diffing...");
    }
    let path = source.flags.path.clone();
    let builder =
        Builder { context, flags: source.flags, offline: false, may_be_missing: source.ignore_not_found };
    let client = context.client().await?;
    let comparison = Comparison { builder, cluster: Cluster::new(client.clone(), ClusterCache::new(client)) };
    let kustomization = comparison.builder.kustomization(&source.name).await?;
    let mut seen = BTreeSet::new();
    let found = comparison.kustomization(kustomization, path, &mut seen).await?;
    context.output.data(&found.text)?;
    if !found.errors.is_empty() {
        bail!("{}", found.errors.join("\n"));
    }
    Ok(found.changes)
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    text: String,
    changes: bool,
    errors: Vec<String>,
}

impl Found {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

struct Comparison<'c> {
    builder: Builder<'c>,
    cluster: Cluster,
}

impl Comparison<'_> {
    /// Compares what a directory makes with the cluster.
    fn kustomization<'a>(
        &'a self,
        kustomization: Kustomization,
        directory: PathBuf,
        seen: &'a mut BTreeSet<String>,
    ) -> Pin<Box<dyn Future<Output = Result<Found>> + 'a>> {
        Box::pin(async move {
            let mut found = Found::default();
            if !seen.insert(local::subject(&kustomization)) {
                return Ok(found);
            }
            let built = self.builder.build(kustomization, &directory).await?;
            let mut now = Vec::new();
            let mut created = BTreeSet::new();
            for difference in self.differences(&built).await? {
                match difference {
                    Ok(difference) => {
                        let Difference { change, .. } = &difference;
                        now.push(Entry { id: change.id.clone(), version: change.version.clone() });
                        if change.action == Action::Created {
                            created.insert(change.id.subject());
                        }
                        show(&difference, &built.objects, &mut found);
                    }
                    Err(error) => found.errors.push(error.to_string()),
                }
            }
            if self.builder.flags.recursive {
                self.children(&built, &created, seen, &mut found).await;
            }
            if built.kustomization.spec.prune && found.errors.is_empty() {
                for subject in deleted(&built.kustomization, &now) {
                    found.line(&format!("► {subject} deleted"));
                    found.changes = true;
                }
            }
            Ok(found)
        })
    }

    async fn differences(&self, built: &Built) -> Result<Vec<Result<Difference, sluice_apply::ObjectError>>> {
        let mut objects = read::objects(built.objects.clone());
        normalize::normalize(&mut objects);
        let spec = &built.kustomization.spec;
        let options = ApplyOptions {
            force: spec.force,
            ignore: IgnoreRules::of(&spec.ignore).context("spec.ignore")?,
            ..ApplyOptions::default()
        };
        Ok(Applier::new(self.cluster.clone(), options, Vec::new()).diff(objects).await)
    }

    /// Compares what the Kustomizations among the objects make.
    async fn children(
        &self,
        built: &Built,
        created: &BTreeSet<String>,
        seen: &mut BTreeSet<String>,
        found: &mut Found,
    ) {
        let children = match built.kustomizations() {
            Ok(children) => children,
            Err(error) => return found.errors.push(format!("{error:#}")),
        };
        for child in children {
            let subject = local::subject(&child);
            if created.contains(&subject) {
                continue;
            }
            if child.spec.kube_config.is_some() {
                let text = format!("⚠️ {subject} skipped: diff not supported for remote clusters\n");
                found.text.push_str(&text);
                continue;
            }
            match self.child(child, seen).await {
                Ok(below) => {
                    if below.changes {
                        found.changes = true;
                        found.line(&format!("📁 {subject} changed"));
                        found.text.push_str(&below.text);
                    }
                    found.errors.extend(below.errors);
                }
                Err(error) => found.errors.push(format!("{error:#}")),
            }
        }
    }

    async fn child(&self, child: Kustomization, seen: &mut BTreeSet<String>) -> Result<Found> {
        let directory = self.builder.local_path(&child)?;
        let mut live = self.builder.live_or(child.clone()).await?;
        // What would be applied is the new spec, on top of what the old one has applied.
        live.spec = child.spec;
        self.kustomization(live, directory, seen).await
    }
}

/// Tells what would become of an object.
fn show(difference: &Difference, objects: &[Value], found: &mut Found) {
    let subject = difference.change.id.subject();
    match difference.change.action {
        Action::Skipped => found.line(&format!("► {subject} skipped")),
        Action::Created => {
            found.line(&format!("► {subject} created"));
            found.changes = true;
        }
        Action::Configured => {
            let states = difference.states.as_ref().map(|(live, merged)| {
                let (mut live, mut merged) = (live.as_value().clone(), merged.as_value().clone());
                if is_masked(&subject, objects) {
                    only_keys(&mut live);
                    only_keys(&mut merged);
                }
                (live, merged)
            });
            if let Some((live, merged)) = &states
                && live == merged
            {
                return;
            }
            found.changes = true;
            found.line(&format!("► {subject} drifted"));
            if let Some((live, merged)) = states {
                found.text.push_str(&report::differences(&live, &merged));
            }
        }
        _ => {}
    }
}

/// Whether the object's values were masked before they were compared.
fn is_masked(subject: &str, objects: &[Value]) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    objects.iter().filter(|object| mask::is_masked(object)).any(|object| {
        let metadata = &object["metadata"];
        subject == format!("Secret/{}/{}", text(&metadata["namespace"]), text(&metadata["name"]))
    })
}

/// Of a Secret with masked values only the keys mean anything.
fn only_keys(secret: &mut Value) {
    if let Some(metadata) = secret.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| matches!(field.as_str(), "name" | "namespace"));
    }
    for value in
        secret.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut())
    {
        *value = "*****".into();
    }
}

/// What was applied before and is built no more.
fn deleted(kustomization: &Kustomization, now: &[Entry]) -> Vec<String> {
    let entries = kustomization.status.as_ref().and_then(|status| status.inventory.as_ref());
    let before: Vec<Entry> = entries
        .map(|inventory| &inventory.entries[..])
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| Entry::parse(&entry.id, &entry.version).ok())
        .collect();
    let mut stale: Vec<_> = inventory::stale(&before, now).into_iter().map(|entry| entry.id).collect();
    stale.sort_by(order::compare);
    stale.iter().map(sluice_apply::ObjectId::subject).collect()
}
