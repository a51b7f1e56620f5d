//! The definitions in a chart's `crds/`: applied before anything else, never deleted.

use std::time::Duration;

use serde_json::json;
use sluice_chart::Crd;

use super::Context;
use crate::Failure;
use crate::objects::{self, CreateOptions, Target, UpdateOptions};

/// How long definitions may take to be established.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What to do with the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrdPolicy {
    /// Nothing.
    Skip,
    /// Create those that are missing. Applied by the server, those that are there are changed too.
    Create,
    /// Create those that are missing, replace the others.
    CreateReplace,
}

/// Applies definitions, labelled with where they come from.
pub(super) async fn apply(
    context: &Context<'_>,
    crds: &[Crd],
    policy: CrdPolicy,
    server_side: bool,
    labels: &[(String, String)],
    namespace: &str,
) -> Result<(), Failure> {
    if crds.is_empty() {
        return Ok(());
    }
    if policy == CrdPolicy::Skip {
        let text = format!("skipping CustomResourceDefinition apply: policy is set to {policy:?}");
        context.log.line(&text, &json!({}));
        return Ok(());
    }
    let targets = read(context, crds, labels, namespace).await?;
    context.log.line(&format!("applying CustomResourceDefinition(s) with policy {policy:?}"), &json!({}));
    let mut applied = Vec::new();
    match policy {
        CrdPolicy::Skip => {}
        CrdPolicy::Create => {
            for target in targets {
                let options = CreateOptions { server_side, force: server_side };
                if !server_side && context.requests.get(&target).await.is_ok_and(|live| live.is_some()) {
                    let name = target.object.name();
                    let text = format!("CustomResourceDefinition {name} is already present. Skipping.");
                    context.log.line(&text, &json!({}));
                    continue;
                }
                objects::create(&context.requests, std::slice::from_ref(&target), options, &context.log)
                    .await
                    .map_err(|error| {
                        let name = target.object.name();
                        let text = format!("failed to create CustomResourceDefinition {name}: {error}");
                        logged(context, Failure::new(text))
                    })?;
                applied.push(target);
            }
        }
        CrdPolicy::CreateReplace => {
            let options =
                UpdateOptions { server_side, replace: !server_side, merge_live: false, migrate: false };
            let (_, result) =
                objects::update(&context.requests, &targets, &targets, options, &context.log).await;
            result.map_err(|error| {
                Failure::new(format!("failed to update CustomResourceDefinition(s): {error}"))
            })?;
            applied = targets;
        }
    }
    if applied.is_empty() {
        return Ok(());
    }
    context
        .waiting
        .ready(&applied, &[], false, TIMEOUT)
        .await
        .map_err(super::within("failed to wait for CustomResourceDefinition(s)"))
        .map_err(|failure| logged(context, failure))?;
    let count = applied.len();
    context.log.line(&format!("successfully applied {count} CustomResourceDefinition(s)"), &json!({}));
    context.capabilities.forget(context.cluster());
    Ok(())
}

/// A failure that the log of the action tells of too.
fn logged(context: &Context<'_>, failure: Failure) -> Failure {
    context.log.error(&failure.message, &json!({}));
    failure
}

/// The definitions among the objects of the files. What else is there does not belong there.
async fn read(
    context: &Context<'_>,
    crds: &[Crd],
    labels: &[(String, String)],
    namespace: &str,
) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for crd in crds {
        let text = String::from_utf8_lossy(&crd.file.data);
        let parsed = objects::build(context.cluster(), &text, namespace).await.map_err(|error| {
            let file = &crd.file.name;
            let text = format!("failed to parse CustomResourceDefinitions from {file}: {error}");
            logged(context, Failure::new(text))
        })?;
        for mut target in parsed {
            if !target.object.is_crd() {
                let object = target.object.subject();
                tracing::warn!(object, file = crd.path, "only definitions belong in crds/: it is left out");
                continue;
            }
            let mut all = target.object.labels();
            all.extend(labels.iter().cloned());
            target.object.set_labels(all);
            targets.push(target);
        }
    }
    Ok(targets)
}
