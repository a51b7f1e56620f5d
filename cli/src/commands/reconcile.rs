//! `reconcile`: asks for a reconciliation now and waits for it.

use std::pin::Pin;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use kube::Client;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;
use sluice_apis::meta::{
    FORCE_REQUESTED_AT_ANNOTATION, REQUESTED_AT_ANNOTATION, RESET_REQUESTED_AT_ANNOTATION,
};

use crate::cluster::explain;
use crate::context::Context;
use crate::kinds::{self, Kind};
use crate::object::{self, condition, is_suspended, some_text, text};
use crate::objects::ObjectCommand;
use crate::progress::Progress;
use crate::wait::{self, Verdict};

/// Arguments of `reconcile`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    object: ObjectCommand<Request>,
}

/// What to reconcile, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct Request {
    /// Name of the object
    name: String,
    /// Reconcile the source first
    #[arg(long)]
    with_source: bool,
    /// Upgrade the Helm release even if nothing has changed
    #[arg(long)]
    force: bool,
    /// Forget the failures of the Helm release
    #[arg(long)]
    reset: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (kind, request) = arguments.object.split();
    if (request.force || request.reset) && kind.kind != "HelmRelease" {
        bail!("--force and --reset are for Helm releases only");
    }
    let client = context.within(context.client()).await?;
    reconcile(context, &client, kind, context.namespace(), &request).await
}

/// Reconciles an object, with its source first if that is asked for.
fn reconcile<'a>(
    context: &'a Context,
    client: &'a Client,
    kind: &'a Kind,
    namespace: &'a str,
    request: &'a Request,
) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>> {
    Box::pin(async move {
        let api = kind.api(client, namespace);
        let item = context.within(async { api.get(&request.name).await.map_err(explain) }).await?;
        if kind.is_static(&item) {
            context.output.success("reconciliation not supported by the object");
            return Ok(());
        }
        if is_suspended(&item) {
            bail!("resource is suspended");
        }
        if request.with_source {
            let source = source_of(kind, &item)
                .with_context(|| format!("{} {} has no source to reconcile", kind.kind, request.name))?;
            let inner = Request {
                name: source.name,
                // A chart in turn comes from a source.
                with_source: source.kind.kind == "HelmChart",
                force: false,
                reset: false,
            };
            reconcile(context, client, source.kind, &source.namespace, &inner).await?;
        }
        annotate_and_wait(context, client, kind, namespace, request, &item).await
    })
}

async fn annotate_and_wait(
    context: &Context,
    client: &Client,
    kind: &Kind,
    namespace: &str,
    request: &Request,
    before: &DynamicObject,
) -> Result<()> {
    let output = context.output;
    let api = kind.api(client, namespace);
    output.action(format_args!("annotating {} {} in {namespace} namespace", kind.kind, request.name));
    let patch = Patch::Merge(request_patch(&Timestamp::now().to_string(), request.force, request.reset));
    context
        .within(async { api.patch(&request.name, &PatchParams::default(), &patch).await.map_err(explain) })
        .await?;
    output.success(format_args!("{} annotated", kind.kind));

    output.waiting(format_args!("waiting for {} reconciliation", kind.kind));
    let progress = Progress::start(output);
    let handled_before = text(before, "/status/lastHandledReconcileAt").to_owned();
    let result = wait::until(api, &request.name, context.deadline(), &progress, |item| {
        if text(item, "/status/lastHandledReconcileAt") == handled_before {
            let message = condition(item, "Ready").map(|ready| ready.message).unwrap_or_default();
            return Verdict::Pending(message.to_owned());
        }
        match wait::judge(item) {
            // A stalled object's own words are enough; a failed try is told with what failed.
            Verdict::Failed(message)
                if condition(item, "Stalled").is_none_or(|stalled| stalled.status != "True") =>
            {
                Verdict::Failed(format!("{} reconciliation failed: '{message}'", kind.kind))
            }
            verdict => verdict,
        }
    })
    .await;
    drop(progress);
    output.success((kind.success)(&result?));
    Ok(())
}

/// The annotations that ask for a reconciliation; all with the same value, as the controllers compare them.
fn request_patch(token: &str, force: bool, reset: bool) -> serde_json::Value {
    let mut annotations = json!({ REQUESTED_AT_ANNOTATION: token });
    if force {
        annotations[FORCE_REQUESTED_AT_ANNOTATION] = json!(token);
    }
    if reset {
        annotations[RESET_REQUESTED_AT_ANNOTATION] = json!(token);
    }
    json!({ "metadata": { "annotations": annotations } })
}

/// An object that another one is made from.
#[derive(Debug)]
struct Source {
    kind: &'static Kind,
    namespace: String,
    name: String,
}

/// Where the object's content comes from.
fn source_of(kind: &Kind, item: &DynamicObject) -> Result<Source> {
    let reference = match kind.kind {
        "HelmRelease" if item.data.pointer("/spec/chartRef").is_some() => "/spec/chartRef",
        "HelmRelease" => {
            let chart =
                some_text(item, "/status/helmChart").ok_or_else(|| anyhow!("it has no HelmChart yet"))?;
            let (namespace, name) =
                chart.split_once('/').ok_or_else(|| anyhow!("status.helmChart is {chart:?}"))?;
            return Ok(Source {
                kind: &kinds::HELM_CHART,
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            });
        }
        "ImagePolicy" => "/spec/imageRepositoryRef",
        _ => "/spec/sourceRef",
    };
    let part = |field: &str| text(item, &format!("{reference}/{field}"));
    let name = part("name");
    if name.is_empty() {
        bail!("it refers to none");
    }
    let source_kind = match (kind.kind, part("kind")) {
        ("ImagePolicy", _) => "ImageRepository",
        (_, kind) => kind,
    };
    let namespace = Some(part("namespace")).filter(|namespace| !namespace.is_empty());
    Ok(Source {
        kind: kinds::find(source_kind)
            .ok_or_else(|| anyhow!("cannot reconcile source of kind {source_kind}"))?,
        namespace: namespace.map_or_else(|| object::namespace(item), str::to_owned),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::object;

    #[test]
    fn force_and_reset_carry_the_same_token() {
        let patch = request_patch("now", true, true);
        assert_eq!(
            patch["metadata"]["annotations"],
            json!({
                "reconcile.fluxcd.io/requestedAt": "now",
                "reconcile.fluxcd.io/forceAt": "now",
                "reconcile.fluxcd.io/resetAt": "now",
            })
        );
    }

    #[test]
    fn sources_default_to_the_namespace_of_the_object() {
        let item = object(json!({"spec": {"sourceRef": {"kind": "GitRepository", "name": "repo"}}}));
        let source = source_of(&kinds::KUSTOMIZATION, &item).unwrap();
        assert_eq!(
            (source.kind.kind, source.namespace.as_str(), source.name.as_str()),
            ("GitRepository", "apps", "repo")
        );
        let chart = object(json!({"status": {"helmChart": "infra/apps-web"}}));
        let source = source_of(&kinds::HELM_RELEASE, &chart).unwrap();
        assert_eq!((source.kind.kind, source.namespace.as_str()), ("HelmChart", "infra"));
        let error = source_of(&kinds::ALERT, &object(json!({}))).unwrap_err();
        assert_eq!(error.to_string(), "it refers to none");
    }
}
