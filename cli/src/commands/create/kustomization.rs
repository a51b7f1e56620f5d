//! `create kustomization`.

use anyhow::{Result, bail};
use clap::Args;
use sluice_apis::kustomize::v1::{
    CrossNamespaceSourceReference, Decryption, DecryptionProvider, KustomizationSourceKind, KustomizationSpec,
};
use sluice_apis::meta::{
    DependencyReference, Duration, KubeConfigReference, LocalObjectReference, NamespacedObjectKindReference,
    SecretKeyReference,
};

use super::{Common, Words, put, reference};
use crate::context::Context;
use crate::kinds::KUSTOMIZATION;

/// The kinds that can be checked.
const HEALTH_CHECK_KINDS: [&str; 4] = ["HelmRelease", "Deployment", "DaemonSet", "StatefulSet"];

/// Arguments of `create kustomization`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Where the manifests come from; a GitRepository without a kind
    #[arg(long, value_name = "[KIND/]NAME[.NAMESPACE]")]
    source: String,
    /// Directory in the source
    #[arg(long, default_value = "./")]
    path: String,
    /// Delete objects that have left the manifests
    #[arg(long)]
    prune: bool,
    /// Wait until everything applied is ready
    #[arg(long)]
    wait: bool,
    /// Objects to wait for
    #[arg(long, value_delimiter = ',', value_name = "KIND/NAME.NAMESPACE,…")]
    health_check: Vec<String>,
    /// How long to wait for them
    #[arg(long, default_value = "2m0s")]
    health_check_timeout: Duration,
    /// Kustomizations that must be ready first
    #[arg(long, value_delimiter = ',', value_name = "[NAMESPACE/]NAME,…")]
    depends_on: Vec<String>,
    /// Service account to act as
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// Tool that decrypts Secrets
    #[arg(long, value_parser = ["sops"])]
    decryption_provider: Option<String>,
    /// Secret with the keys
    #[arg(long, value_name = "SECRET", requires = "decryption_provider")]
    decryption_secret: Option<String>,
    /// Namespace to put everything in
    #[arg(long, value_name = "NAMESPACE")]
    target_namespace: Option<String>,
    /// Secret with the kubeconfig of another cluster
    #[arg(long, value_name = "SECRET")]
    kubeconfig_secret_ref: Option<String>,
    /// How soon to try again after a failure
    #[arg(long, value_name = "DURATION")]
    retry_interval: Option<Duration>,
    /// Without effect: manifests are always checked
    #[arg(long, hide = true)]
    #[allow(dead_code, reason = "scripts still have it")]
    validation: Option<String>,
}

const WORDS: Words = Words {
    noun: "Kustomization",
    ready: |name| format!("Kustomization {name} is ready"),
    result: KUSTOMIZATION.success,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &KUSTOMIZATION, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<KustomizationSpec> {
    if !arguments.path.starts_with("./") {
        bail!("path must begin with ./");
    }
    let (kind, name, namespace) = reference(&arguments.source, "GitRepository")?;
    let checked = !arguments.health_check.is_empty() || arguments.wait;
    // Waiting for everything includes what is named.
    let health_checks = if arguments.wait { &[] } else { arguments.health_check.as_slice() };
    Ok(KustomizationSpec {
        interval: arguments.common.interval,
        path: Some(arguments.path.clone()),
        prune: arguments.prune,
        source_ref: CrossNamespaceSourceReference {
            api_version: None,
            kind: source_kind(kind)?,
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
        },
        depends_on: arguments.depends_on.iter().map(|text| dependency(text)).collect(),
        health_checks: health_checks.iter().map(|text| health_check(text)).collect::<Result<_>>()?,
        wait: arguments.wait,
        timeout: checked.then_some(arguments.health_check_timeout),
        service_account_name: arguments.service_account.clone(),
        decryption: arguments.decryption_provider.as_deref().map(|provider| Decryption {
            provider: DecryptionProvider::from(provider),
            secret_ref: arguments.decryption_secret.clone().map(|name| LocalObjectReference { name }),
            service_account_name: None,
        }),
        target_namespace: arguments.target_namespace.clone(),
        kube_config: arguments.kubeconfig_secret_ref.clone().map(|name| KubeConfigReference {
            secret_ref: Some(SecretKeyReference { name, key: None }),
            config_map_ref: None,
        }),
        retry_interval: arguments.retry_interval,
        ..KustomizationSpec::default()
    })
}

fn source_kind(kind: &str) -> Result<KustomizationSourceKind> {
    let known = KustomizationSourceKind::WORDS.iter().find(|known| known.eq_ignore_ascii_case(kind));
    match known {
        Some(known) => Ok(KustomizationSourceKind::from(*known)),
        None => bail!(
            "source kind '{kind}' is not supported, must be one of: {}",
            KustomizationSourceKind::WORDS.join(", ")
        ),
    }
}

fn dependency(text: &str) -> DependencyReference {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, text),
    };
    DependencyReference { name: name.to_owned(), namespace, ready_expr: None }
}

fn health_check(text: &str) -> Result<NamespacedObjectKindReference> {
    let (kind, name, namespace) = reference(text, "")?;
    let Some(namespace) = namespace else {
        bail!("invalid health check '{text}' must be in the format 'kind/name.namespace'");
    };
    if !HEALTH_CHECK_KINDS.contains(&kind) {
        bail!("invalid health check kind '{kind}' can be HelmRelease, Deployment, DaemonSet or StatefulSet");
    }
    let api_version = if kind == "HelmRelease" { "helm.toolkit.fluxcd.io/v2" } else { "apps/v1" };
    Ok(NamespacedObjectKindReference {
        api_version: Some(api_version.to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: Some(namespace.to_owned()),
    })
}
