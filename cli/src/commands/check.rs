//! `check`: is the cluster fit, is the installation well?

use anyhow::{Result, bail};
use clap::Args;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use sluice_apis::k8s::CustomResourceDefinition;
use sluice_apply::cluster::{Cluster, ClusterCache};
use sluice_apply::wait::{WaitOptions, Waiter};
use sluice_apply::{ObjectId, wait::WaitError};

use crate::cluster::explain;
use crate::context::Context;
use crate::installation;
use crate::progress::Progress;

/// The oldest minor version of Kubernetes 1 that Flux 2.9 supports.
const OLDEST_MINOR: u64 = 33;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Check only what an installation needs
    #[arg(long)]
    pre: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let output = context.output;
    output.action("checking prerequisites");
    let client = context.within(context.client()).await?;
    let mut passed = context.within(kubernetes(&client, context)).await?;
    if arguments.pre {
        if !passed {
            bail!("prerequisites checks failed");
        }
        output.success("prerequisites checks passed");
        return Ok(());
    }
    output.action("checking version in cluster");
    passed &= context.within(version(&client, context)).await?;
    output.action("checking controllers");
    passed &= controllers(&client, context).await?;
    output.action("checking crds");
    passed &= context.within(definitions(&client, context)).await?;
    if !passed {
        bail!("check failed");
    }
    output.success("all checks passed");
    Ok(())
}

async fn kubernetes(client: &Client, context: &Context) -> Result<bool> {
    let info = client.apiserver_version().await.map_err(explain)?;
    let version = info.git_version.trim_start_matches('v');
    let supported = is_supported(version);
    if supported {
        context.output.success(format_args!("Kubernetes {version} >=1.{OLDEST_MINOR}.0-0"));
    } else {
        context.output.failure(format_args!(
            "Kubernetes version {} does not match >=1.{OLDEST_MINOR}.0-0",
            info.git_version
        ));
    }
    Ok(supported)
}

/// Whether a version such as `1.33.2+k3s1` is new enough.
fn is_supported(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(1)), Some(Ok(minor))) => minor >= OLDEST_MINOR,
        (Some(Ok(major)), _) => major > 1,
        _ => false,
    }
}

async fn version(client: &Client, context: &Context) -> Result<bool> {
    let Some(found) = installation::find(client).await? else {
        context.output.failure(
            "checking failed: the GitRepository definition is not installed; install the controllers with `sluice install`",
        );
        return Ok(false);
    };
    if !found.distribution.is_empty() {
        context.output.success(format_args!("distribution: {}", found.distribution));
    }
    context.output.success(format_args!("bootstrapped: {}", found.bootstrapped));
    Ok(true)
}

async fn controllers(client: &Client, context: &Context) -> Result<bool> {
    let namespace = context.namespace();
    let deployments = context.within(installation::deployments(client, namespace)).await?;
    if deployments.is_empty() {
        context.output.failure(format_args!(
            "no controllers found in the '{namespace}' namespace with the label selector '{}'",
            installation::SELECTOR
        ));
        return Ok(false);
    }
    let mut all_ready = true;
    for deployment in &deployments {
        let id = deployment_id(namespace, &deployment.name_any());
        all_ready &= is_ready(client, context, &id).await;
        for image in installation::images(deployment) {
            context.output.action(image);
        }
    }
    Ok(all_ready)
}

/// The identity of a deployment.
pub(crate) fn deployment_id(namespace: &str, name: &str) -> ObjectId {
    ObjectId {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
    }
}

/// Waits for a deployment as long as the command may take, and tells how it went.
pub(crate) async fn is_ready(client: &Client, context: &Context, id: &ObjectId) -> bool {
    let cluster = Cluster::new(client.clone(), ClusterCache::new(client.clone()));
    let options = WaitOptions {
        timeout: context.deadline().saturating_duration_since(tokio::time::Instant::now()),
        fail_fast: true,
        jobs_with_ttl: std::collections::HashSet::default(),
    };
    let progress = Progress::start(context.output);
    progress.show(&format!("{} is on its way", id.subject()));
    let result = Waiter::new(cluster, Vec::new()).wait(std::slice::from_ref(id), &options).await;
    drop(progress);
    match result {
        Ok(()) => {
            context.output.success(format_args!("{}: deployment ready", id.name));
            true
        }
        Err(error) => {
            context.output.failure(format_args!("{}: deployment not ready: {}", id.name, one_line(&error)));
            false
        }
    }
}

fn one_line(error: &WaitError) -> String {
    error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

async fn definitions(client: &Client, context: &Context) -> Result<bool> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let list = api.list(&ListParams::default().labels(installation::SELECTOR)).await.map_err(explain)?;
    if list.items.is_empty() {
        context
            .output
            .failure(format_args!("no crds found with the label selector '{}'", installation::SELECTOR));
        return Ok(false);
    }
    let mut complete = true;
    for definition in &list.items {
        let name = definition.name_any();
        let stored = definition.status.as_ref().and_then(|status| status.stored_versions.as_ref()?.last());
        if let Some(version) = stored {
            context.output.success(format_args!("{name}/{version}"));
        } else {
            complete = false;
            context.output.failure(format_args!("no stored versions for {name}"));
        }
    }
    Ok(complete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_1_33_on_are_supported() {
        for version in ["1.33.0", "1.36.1+k3s1", "1.33.0-alpha.1", "2.0.0"] {
            assert!(is_supported(version), "{version}");
        }
        for version in ["1.32.9", "0.9", "", "x.y"] {
            assert!(!is_supported(version), "{version}");
        }
    }
}
