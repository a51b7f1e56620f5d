//! `resume`: switches reconciliation on again.

use anyhow::{Result, bail};
use clap::Args;
use futures::future::join_all;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;

use super::suspend::{self, check_supported, resolve};
use crate::cluster::explain;
use crate::context::Context;
use crate::kinds::Kind;
use crate::objects::ObjectCommand;
use crate::progress::Progress;
use crate::text::chain;
use crate::wait::{self, Verdict};

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    object: ObjectCommand<AwaitedTargets>,
}

/// Which objects, and whether to wait for them.
#[derive(Args, Clone, Debug)]
pub(crate) struct AwaitedTargets {
    #[command(flatten)]
    which: suspend::Targets,
    /// Wait until all are reconciled; a single one is always awaited
    #[arg(long)]
    wait: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (kind, targets) = arguments.object.split();
    check_supported(kind)?;
    let namespace = context.namespace();
    let awaited = targets.wait || targets.which.names.len() == 1;
    let (api, resumed) = context
        .within(async {
            let api = kind.api(&context.client().await?, namespace);
            let Some(names) = resolve(&api, kind, &targets.which, namespace).await? else {
                context
                    .output
                    .failure(format_args!("no {} objects found in {namespace} namespace", kind.kind));
                return Ok((api, Vec::new()));
            };
            let resumed = resume(&api, kind, names, context).await?;
            Ok((api, resumed))
        })
        .await?;
    if awaited { wait_for(&api, kind, resumed, context).await } else { Ok(()) }
}

/// Resumes the objects that exist, and returns them.
async fn resume(
    api: &Api<DynamicObject>,
    kind: &Kind,
    names: Vec<String>,
    context: &Context,
) -> Result<Vec<DynamicObject>> {
    let namespace = context.namespace();
    let mut resumed = Vec::new();
    for name in names {
        if api.get_opt(&name).await.map_err(explain)?.is_none() {
            context
                .output
                .failure(format_args!("{} object '{name}' not found in {namespace} namespace", kind.kind));
            continue;
        }
        context.output.action(format_args!("resuming {} {name} in {namespace} namespace", kind.human));
        // Absent is the default: nothing is left behind.
        let patch = Patch::Merge(json!({ "spec": { "suspend": null } }));
        resumed.push(api.patch(&name, &PatchParams::default(), &patch).await.map_err(explain)?);
        context.output.success(format_args!("{} resumed", kind.human));
    }
    Ok(resumed)
}

async fn wait_for(
    api: &Api<DynamicObject>,
    kind: &Kind,
    resumed: Vec<DynamicObject>,
    context: &Context,
) -> Result<()> {
    let output = context.output;
    let waits = resumed.iter().filter_map(|item| {
        let name = item.metadata.name.clone()?;
        output.waiting(format_args!("waiting for {} reconciliation", kind.kind));
        Some((name, item))
    });
    let waits: Vec<_> = waits.collect();
    let progress = Progress::start(output);
    let results = join_all(waits.iter().map(|(name, item)| {
        let progress = &progress;
        async move {
            if kind.is_static(item) {
                return Ok((*item).clone());
            }
            // What failed before it was suspended is tried again first.
            let generation = item.metadata.generation.unwrap_or_default();
            wait::until(api.clone(), name, context.deadline(), progress, |item| judge_since(item, generation))
                .await
        }
    }))
    .await;
    drop(progress);
    let mut failed = 0;
    for ((name, _), result) in waits.iter().zip(results) {
        match result {
            Ok(item) => {
                output.success(format_args!("{} {name} reconciliation completed", kind.kind));
                output.success((kind.success)(&item));
            }
            Err(error) => {
                failed += 1;
                output.failure(format_args!("{} {name} reconciliation failed: {}", kind.kind, chain(&error)));
            }
        }
    }
    if failed > 0 {
        bail!("reconciliation failed for {failed} {}(s)", kind.kind);
    }
    Ok(())
}

/// Failures count only if they are of the spec that was resumed.
fn judge_since(item: &DynamicObject, generation: i64) -> Verdict {
    let ready = crate::object::condition(item, "Ready").map(|ready| ready.message.to_owned());
    match wait::judge(item) {
        Verdict::Failed(_) if observed_by_conditions(item) < generation => {
            Verdict::Pending(ready.unwrap_or_default())
        }
        verdict => verdict,
    }
}

/// The generation that the Ready condition is about; conditions without one count as up to date.
fn observed_by_conditions(item: &DynamicObject) -> i64 {
    item.data
        .pointer("/status/conditions")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready")
        .and_then(|condition| condition["observedGeneration"].as_i64())
        .unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::object;

    #[test]
    fn a_failure_from_before_is_not_the_answer() {
        let failed = |generation: i64| {
            object(json!({"status": {"conditions": [
                {"type": "Ready", "status": "False", "message": "broken", "observedGeneration": generation},
                {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry"},
            ]}}))
        };
        assert_eq!(judge_since(&failed(1), 2), Verdict::Pending("broken".into()));
        assert_eq!(judge_since(&failed(2), 2), Verdict::Failed("broken".into()));
    }
}
