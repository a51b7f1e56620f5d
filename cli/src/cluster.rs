//! Connecting to the cluster, and saying what it answered.

use anyhow::{Context as _, Result, anyhow};
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig};
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
        None => Config::infer().await.map_err(|error| no_cluster(&error))?,
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

/// Outside of a pod only the kubeconfig matters: what was wrong with it is the source of the error.
fn no_cluster(error: &InferConfigError) -> anyhow::Error {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    anyhow!("no cluster: set KUBECONFIG, give --kubeconfig, or run in a pod with a service account: {cause}")
}

/// An error of the client as one line: what the API server says, or why it cannot be asked.
pub(crate) fn explain(error: kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if is_unknown_kind(&status) => anyhow!(
            "the cluster does not know this kind: install the controllers and their definitions with `sluice install`"
        ),
        kube::Error::Api(status) if !status.message.is_empty() => anyhow!("{}", status.message),
        kube::Error::Api(status) => anyhow!("the API server answered {} {}", status.code, status.reason),
        error @ (kube::Error::Service(_) | kube::Error::HyperError(_)) => {
            anyhow::Error::new(error).context("cannot reach the API server")
        }
        other => anyhow::Error::new(other),
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
