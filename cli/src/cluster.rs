//! Connecting to the cluster, and saying what it answered.

use anyhow::{Context as _, Result, anyhow};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Status;
use kube::{Client, Config};

use crate::args::Global;

/// A client for the cluster that the flags name.
pub(crate) async fn client(global: &Global) -> Result<Client> {
    // A second call finds a provider in place, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = config(global).await?;
    let server = config.cluster_url.clone();
    Client::try_from(config)
        .map_err(explain)
        .with_context(|| format!("client for the API server at {server}"))
}

async fn config(global: &Global) -> Result<Config> {
    let options = KubeConfigOptions {
        context: global.context.clone(),
        cluster: global.cluster.clone(),
        user: global.user.clone(),
    };
    let from_file = options.context.is_some() || options.cluster.is_some() || options.user.is_some();
    let mut config = match &global.kubeconfig {
        Some(path) => {
            let kubeconfig =
                Kubeconfig::read_from(path).with_context(|| format!("kubeconfig {}", path.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .with_context(|| format!("kubeconfig {}", path.display()))?
        }
        None if from_file => Config::from_kubeconfig(&options).await.context("kubeconfig")?,
        None => Config::infer().await.map_err(|_| {
            anyhow!(
                "no kubeconfig: set KUBECONFIG, give --kubeconfig, or run in a pod with a service account"
            )
        })?,
    };
    if let Some(server) = &global.server {
        config.cluster_url = server.parse().with_context(|| format!("--server {server}"))?;
    }
    if let Some(token) = &global.token {
        config.auth_info.token = Some(token.clone().into());
    }
    if global.act_as.is_some() {
        config.auth_info.impersonate.clone_from(&global.act_as);
    }
    if !global.as_group.is_empty() {
        config.auth_info.impersonate_groups = Some(global.as_group.clone());
    }
    Ok(config)
}

/// An error of the client as one line: what the API server says, or why it cannot be asked.
pub(crate) fn explain(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if is_unknown_kind(&status) => anyhow!(
            "the cluster does not know this kind: install the controllers and their definitions with `sluice install`"
        ),
        kube::Error::Api(status) if !status.message.is_empty() => anyhow!("{}", status.message),
        kube::Error::Api(status) => anyhow!("the API server answered {} {}", status.code, status.reason),
        other => {
            let mut line = String::new();
            let mut next: Option<&dyn std::error::Error> = Some(&other);
            while let Some(error) = next {
                let text = error.to_string();
                // Many layers repeat what their source says.
                if !line.contains(&text) {
                    if !line.is_empty() {
                        line.push_str(": ");
                    }
                    line.push_str(&text);
                }
                next = error.source();
            }
            anyhow!("{line}")
        }
    }
}

/// A missing object is named in the answer; a missing kind is not.
fn is_unknown_kind(status: &Status) -> bool {
    status.code == 404 && status.details.as_ref().is_none_or(|details| details.name.is_empty())
}

/// Whether the object, or the whole kind, does not exist.
pub(crate) fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
