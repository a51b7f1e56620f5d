//! `trace`: by which objects of Flux an object is managed, and how they are.

use std::fmt::Write;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use futures::future::BoxFuture;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::{Client, ResourceExt};
use serde_json::Value;

use crate::cluster::explain;
use crate::context::Context;
use crate::discovery::resources;
use crate::kinds::{self, Kind};
use crate::object::{condition, some_text, text};

/// How far up owners are followed.
const MAX_OWNERS: usize = 16;

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The object, as `<resource>/<name>` or `<resource> <name>`; only its name with --kind and --api-version
    #[arg(required = true, num_args = 1..=2)]
    object: Vec<String>,
    /// Kind of the object
    #[arg(long, default_value = "")]
    kind: String,
    /// API version of the object
    #[arg(long, default_value = "")]
    api_version: String,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let client = context.client().await?;
    let namespace = context.namespace();
    let object = if arguments.kind.is_empty() && arguments.api_version.is_empty() {
        by_resource(&client, namespace, &arguments.object).await?
    } else {
        by_kind(&client, namespace, &arguments).await?
    };
    let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
    let tracer = Tracer { client };
    let report = tracer.trace(&object, &kind).await.map_err(|error| {
        let namespace = object.namespace().unwrap_or_default();
        anyhow!("failed to trace {kind}/{} in namespace {namespace}: {error:#}", object.name_any())
    })?;
    context.output.data(&report)
}

async fn by_kind(client: &Client, namespace: &str, arguments: &Arguments) -> Result<DynamicObject> {
    let [name] = arguments.object.as_slice() else { bail!("object name is required") };
    if arguments.kind.is_empty() {
        bail!("object kind is required (--kind)");
    }
    if arguments.api_version.is_empty() {
        bail!("object apiVersion is required (--api-version)");
    }
    let found = resources(client).await?.into_iter().find(|found| {
        found.resource.kind == arguments.kind && found.resource.api_version == arguments.api_version
    });
    let found = found.ok_or_else(|| {
        anyhow!(
            "failed to find object: no matches for kind \"{}\" in version \"{}\"",
            arguments.kind,
            arguments.api_version
        )
    })?;
    get(client, namespace, &found.resource, found.is_namespaced, name).await
}

async fn by_resource(client: &Client, namespace: &str, words: &[String]) -> Result<DynamicObject> {
    let usage = "either `<resource>/<name>` or `<resource> <name>` is required as an argument";
    let (resource, name) = match words {
        [word] => word.split_once('/').ok_or_else(|| anyhow!(usage))?,
        [resource, name] => (resource.as_str(), name.as_str()),
        _ => bail!(usage),
    };
    let found = resources(client).await?.into_iter().find(|found| found.is_called(resource));
    let found = found.ok_or_else(|| anyhow!("the server doesn't have a resource type \"{resource}\""))?;
    get(client, namespace, &found.resource, found.is_namespaced, name).await
}

async fn get(
    client: &Client,
    namespace: &str,
    resource: &ApiResource,
    is_namespaced: bool,
    name: &str,
) -> Result<DynamicObject> {
    let api: Api<DynamicObject> = if is_namespaced {
        Api::namespaced_with(client.clone(), namespace, resource)
    } else {
        Api::all_with(client.clone(), resource)
    };
    let mut object = api.get(name).await.map_err(explain).context("failed to find object")?;
    object.types.get_or_insert(kube::api::TypeMeta {
        api_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
    });
    Ok(object)
}

struct Tracer {
    client: Client,
}

impl Tracer {
    async fn trace(&self, object: &DynamicObject, kind: &str) -> Result<String> {
        for (group, is_release) in [(kinds::KUSTOMIZATION.group, false), (kinds::HELM_RELEASE.group, true)] {
            if let Some((namespace, name)) = self.owner(object, group, MAX_OWNERS).await {
                let width = if is_release { 16 } else { 17 };
                let mut report = Report { out: String::from("\n"), width };
                report.line("Object", &format!("{kind}/{}", object.name_any()));
                if let Some(namespace) = object.namespace() {
                    report.line("Namespace", &namespace);
                }
                report.line("Status", "Managed by Flux");
                if is_release {
                    self.release(&namespace, &name, &mut report).await?;
                } else {
                    self.kustomization(&namespace, &name, &mut report).await?;
                }
                return Ok(report.out);
            }
        }
        bail!("object not managed by Flux")
    }

    /// Who manages the object, or one of its owners, according to labels of the group.
    fn owner<'a>(
        &'a self,
        object: &'a DynamicObject,
        group: &'a str,
        left: usize,
    ) -> BoxFuture<'a, Option<(String, String)>> {
        Box::pin(async move {
            let label = |name: &str| object.labels().get(&format!("{group}/{name}")).cloned();
            if let (Some(namespace), Some(name)) = (label("namespace"), label("name")) {
                return Some((namespace, name));
            }
            if left == 0 {
                return None;
            }
            for reference in object.owner_references() {
                let (group_name, version) =
                    reference.api_version.split_once('/').unwrap_or(("", &reference.api_version));
                let kind = kube::core::GroupVersionKind::gvk(group_name, version, &reference.kind);
                let resource = ApiResource::from_gvk(&kind);
                let namespace = object.namespace().unwrap_or_default();
                let owner =
                    get(&self.client, &namespace, &resource, object.namespace().is_some(), &reference.name)
                        .await;
                if let Ok(owner) = owner
                    && let Some(found) = self.owner(&owner, group, left - 1).await
                {
                    return Some(found);
                }
            }
            None
        })
    }

    async fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Result<DynamicObject> {
        let api = kind.api(&self.client, namespace);
        api.get(name).await.map_err(explain).with_context(|| format!("failed to find {}", kind.kind))
    }

    async fn kustomization(&self, namespace: &str, name: &str, report: &mut Report) -> Result<()> {
        let api = kinds::KUSTOMIZATION.api(&self.client, namespace);
        let object = api.get(name).await.map_err(explain).context("failed to find kustomization")?;
        report.head("Kustomization", &object);
        report.optional("Target", text(&object, "/spec/targetNamespace"));
        report.line("Path", text(&object, "/spec/path"));
        report.line("Revision", text(&object, "/status/lastAppliedRevision"));
        report.state(&object, false);
        self.source(&object, "/spec/sourceRef", report).await
    }

    /// The source that an object names, if it is one of those that can be shown.
    async fn source(&self, object: &DynamicObject, pointer: &str, report: &mut Report) -> Result<()> {
        let field = |name: &str| text(object, &format!("{pointer}/{name}")).to_owned();
        let own = object.namespace().unwrap_or_default();
        let namespace = some_text(object, &format!("{pointer}/namespace")).map_or(own, ToOwned::to_owned);
        let kind = match field("kind").as_str() {
            "GitRepository" => &kinds::GIT_REPOSITORY,
            "OCIRepository" => &kinds::OCI_REPOSITORY,
            "ExternalArtifact" => &kinds::EXTERNAL_ARTIFACT,
            "HelmRepository" => &kinds::HELM_REPOSITORY,
            "Bucket" => &kinds::BUCKET,
            _ => return Ok(()),
        };
        let source = self.get(kind, &namespace, &field("name")).await?;
        report.head(kind.kind, &source);
        if kind.kind == "ExternalArtifact" {
            let of = |name: &str| text(&source, &format!("/spec/sourceRef/{name}")).to_owned();
            report.line("Source", &format!("{}/{}/{}", of("kind"), of("namespace"), of("name")));
        } else {
            report
                .optional("URL", some_text(&source, "/spec/url").unwrap_or(text(&source, "/spec/endpoint")));
        }
        let reference = |name: &str| some_text(&source, &format!("/spec/ref/{name}")).map(ToOwned::to_owned);
        if let Some(tag) = reference("tag").or_else(|| reference("semver")) {
            report.line("Tag", &tag);
        } else if let Some(branch) = reference("branch") {
            report.line("Branch", &branch);
        } else if let Some(digest) = reference("digest") {
            report.line("Digest", &digest);
        }
        report.optional("Revision", text(&source, "/status/artifact/revision"));
        let metadata = source.data.pointer("/status/artifact/metadata");
        for (title, key) in [
            ("Origin Revision", "org.opencontainers.image.revision"),
            ("Origin Source", "org.opencontainers.image.source"),
        ] {
            report.optional(
                title,
                metadata.and_then(|m| m.get(key)).and_then(Value::as_str).unwrap_or_default(),
            );
        }
        report.state(&source, true);
        Ok(())
    }

    async fn release(&self, namespace: &str, name: &str, report: &mut Report) -> Result<()> {
        let release = self.get(&kinds::HELM_RELEASE, namespace, name).await?;
        report.head("HelmRelease", &release);
        report.optional("Target", text(&release, "/spec/targetNamespace"));
        report.line("Revision", text(&release, "/status/lastAttemptedRevision"));
        report.state(&release, false);
        if let Some((namespace, name)) = text(&release, "/status/helmChart").split_once('/') {
            let chart = self.get(&kinds::HELM_CHART, namespace, name).await?;
            report.head("HelmChart", &chart);
            report.line("Chart", text(&chart, "/spec/chart"));
            report.line("Version", text(&chart, "/spec/version"));
            report.optional("Revision", text(&chart, "/status/artifact/revision"));
            report.state(&chart, false);
        }
        let is_chart = release.data.pointer("/spec/chart").is_some_and(|chart| !chart.is_null());
        let pointer = if is_chart { "/spec/chart/spec/sourceRef" } else { "/spec/chartRef" };
        self.source(&release, pointer, report).await
    }
}

/// Blocks of aligned lines.
struct Report {
    out: String,
    width: usize,
}

impl Report {
    fn line(&mut self, key: &str, value: &str) {
        // Writing to a string can't fail.
        let _ = writeln!(self.out, "{:<width$}{value}", format!("{key}:"), width = self.width);
    }

    fn optional(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.line(key, value);
        }
    }

    fn head(&mut self, kind: &str, object: &DynamicObject) {
        self.out.push_str("---\n");
        self.line(kind, &object.name_any());
        self.line("Namespace", &object.namespace().unwrap_or_default());
    }

    fn state(&mut self, object: &DynamicObject, tells_failures: bool) {
        let Some(ready) = condition(object, "Ready") else { return self.line("Status", "Unknown") };
        let list = object.data.pointer("/status/conditions").and_then(Value::as_array);
        let time = list
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == "Ready")
            .and_then(|condition| condition["lastTransitionTime"].as_str())
            .map(go_time)
            .unwrap_or_default();
        let what = if tells_failures && ready.status == "False" {
            "Last reconciliation failed at"
        } else {
            "Last reconciled at"
        };
        self.line("Status", &format!("{what} {time}"));
        self.line("Message", ready.message);
    }
}

/// `2026-01-02 03:04:05 +0000 UTC`
fn go_time(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::object::tests::object;

    #[test]
    fn lines_are_aligned() {
        let item = object(json!({"status": {"conditions": [{
            "type": "Ready", "status": "False", "reason": "R", "message": "no",
            "lastTransitionTime": "2026-01-02T03:04:05Z"}]}}));
        let mut report = Report { out: String::new(), width: 17 };
        report.head("Kustomization", &item);
        report.optional("Target", "");
        report.state(&item, true);
        assert_eq!(
            report.out,
            "---\nKustomization:   app\nNamespace:       apps\nStatus:          Last reconciliation failed at 2026-01-02 03:04:05 +0000 UTC\nMessage:         no\n"
        );
    }
}
