//! `uninstall`: takes the controllers and their kinds out of the cluster; what they have applied stays.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use sluice_apis::k8s::{CustomResourceDefinition, Namespace, Pod};

use crate::cluster::{explain, is_not_found};
use crate::context::Context;
use crate::installation::{self, SELECTOR};
use crate::kinds;
use crate::object::namespace;
use crate::progress::Progress;
use crate::prompt::confirm;
use crate::text::chain;

/// How often to look whether the controllers' pods are gone.
const PAUSE: Duration = Duration::from_millis(500);

/// Arguments of `uninstall`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Don't ask
    #[arg(short, long)]
    silent: bool,
    /// Keep the namespace of the installation
    #[arg(long)]
    keep_namespace: bool,
    /// Say what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let client = context.within(context.client()).await?;
    if !arguments.dry_run && !arguments.silent {
        let found = context.within(installation::find(&client)).await?.unwrap_or_default();
        match found.managed_by {
            Some(manager) => confirm(&format!(
                "Flux is managed by {manager}! Are you sure you want to delete it and its CRDs all the same"
            ))?,
            None => confirm("Are you sure you want to delete Flux and its custom resource definitions")?,
        }
    }
    let uninstall = Uninstall { client, context, dry_run: arguments.dry_run };
    context.within(uninstall.run(arguments.keep_namespace)).await
}

struct Uninstall<'a> {
    client: Client,
    context: &'a Context,
    dry_run: bool,
}

impl Uninstall<'_> {
    async fn run(&self, keep_namespace: bool) -> Result<()> {
        let output = self.context.output;
        let namespace = self.context.namespace();
        let mut complete = true;
        output.action(format_args!("deleting components in {namespace} namespace"));
        complete &= self.delete_components(&["Deployment"]).await?;
        self.wait_for_pods().await?;
        complete &= self
            .delete_components(&[
                "Service",
                "NetworkPolicy",
                "ServiceAccount",
                "Role",
                "RoleBinding",
                "ResourceQuota",
            ])
            .await?;
        complete &= self.delete_components(&["ClusterRole", "ClusterRoleBinding"]).await?;
        output.action("deleting toolkit.fluxcd.io finalizers in all namespaces");
        complete &= self.remove_finalizers().await?;
        if !complete {
            bail!(
                "uninstall failed: the definitions stay, because deleting them might delete what was applied"
            );
        }
        output.action("deleting toolkit.fluxcd.io custom resource definitions");
        complete &= self.delete_definitions().await?;
        if !keep_namespace {
            let api: Api<Namespace> = Api::all(self.client.clone());
            let deleted = api.delete(namespace, &self.delete_params()).await.map(|_| ());
            complete &= self.report(&format!("Namespace/{namespace}"), "deleted", deleted);
        }
        if !complete {
            bail!("uninstall failed");
        }
        output.success("uninstall finished");
        Ok(())
    }

    fn delete_params(&self) -> DeleteParams {
        DeleteParams { dry_run: self.dry_run, ..DeleteParams::default() }
    }

    /// Tells how a deletion went; what is gone already is deleted too.
    fn report(&self, subject: &str, done: &str, result: Result<(), kube::Error>) -> bool {
        let note = if self.dry_run { " (dry run)" } else { "" };
        match result {
            Err(error) if !is_not_found(&error) => {
                self.context
                    .output
                    .failure(format_args!("{subject} deletion failed: {}", chain(&explain(error))));
                false
            }
            _ => {
                self.context.output.success(format_args!("{subject} {done}{note}"));
                true
            }
        }
    }

    /// Deletes the objects of the installation of these kinds.
    async fn delete_components(&self, wanted: &[&str]) -> Result<bool> {
        let mut complete = true;
        for resource in
            component_resources().into_iter().filter(|resource| wanted.contains(&resource.kind.as_str()))
        {
            let is_namespaced = !resource.kind.starts_with("Cluster");
            let api: Api<DynamicObject> = if is_namespaced {
                Api::namespaced_with(self.client.clone(), self.context.namespace(), &resource)
            } else {
                Api::all_with(self.client.clone(), &resource)
            };
            let instance =
                format!("{SELECTOR},app.kubernetes.io/instance in ({}, )", self.context.namespace());
            let selector = if is_namespaced { SELECTOR.to_owned() } else { instance };
            for object in api.list(&ListParams::default().labels(&selector)).await.map_err(explain)?.items {
                let name = object.name_any();
                let subject = match namespace(&object) {
                    namespace if namespace.is_empty() => format!("{}/{name}", resource.kind),
                    namespace => format!("{}/{namespace}/{name}", resource.kind),
                };
                let deleted = api.delete(&name, &self.delete_params()).await.map(|_| ());
                complete &= self.report(&subject, "deleted", deleted);
            }
        }
        Ok(complete)
    }

    /// A controller that still runs would answer the deletion of its objects by deleting what they have applied.
    async fn wait_for_pods(&self) -> Result<()> {
        if self.dry_run {
            return Ok(());
        }
        let api: Api<Pod> = Api::namespaced(self.client.clone(), self.context.namespace());
        let progress = Progress::start(self.context.output);
        progress.show("waiting for the controllers to stop");
        while !api
            .list_metadata(&ListParams::default().labels(SELECTOR))
            .await
            .map_err(explain)?
            .items
            .is_empty()
        {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn remove_finalizers(&self) -> Result<bool> {
        let mut complete = true;
        let params = PatchParams { dry_run: self.dry_run, ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        for kind in kinds::all() {
            let objects = match kind.api_all(&self.client).list_metadata(&ListParams::default()).await {
                Ok(list) => list.items,
                Err(error) if is_not_found(&error) => continue,
                Err(error) => return Err(explain(error)),
            };
            for object in objects.iter().filter(|object| !object.finalizers().is_empty()) {
                let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
                let patched =
                    kind.api(&self.client, &namespace).patch(&name, &params, &patch).await.map(|_| ());
                let subject = format!("{}/{namespace}/{name}", kind.kind);
                complete &= self.report(&subject, "finalizers deleted", patched);
            }
        }
        Ok(complete)
    }

    async fn delete_definitions(&self) -> Result<bool> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let mut complete = true;
        for definition in
            api.list_metadata(&ListParams::default().labels(SELECTOR)).await.map_err(explain)?.items
        {
            let name = definition.name_any();
            let deleted = api.delete(&name, &self.delete_params()).await.map(|_| ());
            complete &= self.report(&format!("CustomResourceDefinition/{name}"), "deleted", deleted);
        }
        Ok(complete)
    }
}

/// The kinds that an installation consists of.
fn component_resources() -> Vec<ApiResource> {
    let resource = |group: &str, kind: &str, plural: &str| ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        api_version: if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    };
    vec![
        resource("apps", "Deployment", "deployments"),
        resource("", "Service", "services"),
        resource("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
        resource("", "ServiceAccount", "serviceaccounts"),
        resource("rbac.authorization.k8s.io", "Role", "roles"),
        resource("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
        resource("", "ResourceQuota", "resourcequotas"),
        resource("rbac.authorization.k8s.io", "ClusterRole", "clusterroles"),
        resource("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings"),
    ]
}
