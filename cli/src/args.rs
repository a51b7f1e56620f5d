//! The command line.

use clap::{Args, Parser, Subcommand};
use sluice_apis::meta::Duration;

use crate::commands::{
    build, check, completion, create, debug, delete, diff, envsubst, events, export, get, helm, install,
    kustomize, logs, migrate, reconcile, resume, stats, suspend, trace, tree, trigger, uninstall, version,
};

/// GitOps for Kubernetes, compatible with Flux.
#[derive(Debug, Parser)]
#[command(
    name = "sluice",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of all commands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Namespace of the command
    #[arg(short, long, global = true, env = "FLUX_SYSTEM_NAMESPACE", default_value = "flux-system")]
    #[arg(value_parser = namespace, hide_env = true)]
    pub(crate) namespace: String,
    /// How long the command may take
    #[arg(long, global = true, default_value = "5m0s")]
    pub(crate) timeout: Duration,
    /// Kubeconfig file; by default that of $KUBECONFIG, ~/.kube/config, or the pod's service account
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<std::path::PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, global = true)]
    pub(crate) context: Option<String>,
    /// Cluster of the kubeconfig
    #[arg(long, global = true)]
    pub(crate) cluster: Option<String>,
    /// User of the kubeconfig
    #[arg(long, global = true)]
    pub(crate) user: Option<String>,
    /// Bearer token for the API server
    #[arg(long, global = true)]
    pub(crate) token: Option<String>,
    /// Address of the API server
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// User to act as
    #[arg(long = "as", global = true, value_name = "USER")]
    pub(crate) act_as: Option<String>,
    /// Group to act as; may be repeated
    #[arg(long, global = true, value_name = "GROUP")]
    pub(crate) as_group: Vec<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the state of Flux objects
    Get(get::Arguments),
    /// Ask for a reconciliation now and wait for it
    Reconcile(reconcile::Arguments),
    /// Suspend the reconciliation of objects
    Suspend(suspend::Arguments),
    /// Resume the reconciliation of objects
    Resume(resume::Arguments),
    /// Print objects as YAML to apply elsewhere
    Export(export::Arguments),
    /// Create or update objects
    Create(create::Arguments),
    /// Delete objects
    Delete(delete::Arguments),
    /// Show what a Kustomization has applied
    Tree(tree::Arguments),
    /// Show the events of Flux objects
    Events(events::Arguments),
    /// Show what the controllers have logged about Flux objects
    Logs(logs::Arguments),
    /// Count Flux objects, and what their artifacts take
    Stats(stats::Arguments),
    /// Show what a HelmRelease or a Kustomization works with
    Debug(debug::Arguments),
    /// Build what the controllers would apply
    Build(build::Arguments),
    /// Compare what the controllers would apply with the cluster
    Diff(diff::Arguments),
    /// Show which Flux objects manage an object
    Trace(trace::Arguments),
    /// Substitute environment variables in a text, as Kustomizations substitute theirs
    Envsubst(envsubst::Arguments),
    /// Send webhooks
    Trigger(trigger::Arguments),
    /// Build kustomizations as `kustomize build` does
    Kustomize(kustomize::Arguments),
    /// Render Helm charts as `helm` does
    Helm(helm::Arguments),
    /// Install or upgrade the controllers
    Install(install::Arguments),
    /// Move Flux objects to the latest version of their API, in the cluster or in files
    Migrate(migrate::Arguments),
    /// Remove the controllers and their custom resource definitions; what they applied stays
    Uninstall(uninstall::Arguments),
    /// Check the cluster and the installation
    Check(check::Arguments),
    /// Show versions
    Version(version::Arguments),
    /// Print a completion script for a shell
    Completion(completion::Arguments),
}

/// An RFC 1123 label.
fn namespace(text: &str) -> Result<String, String> {
    let is_label = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_label {
        Ok(text.to_owned())
    } else {
        Err("namespaces are up to 63 lowercase letters, digits and dashes, with a letter or digit at both ends".into())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn users_of_flux_find_their_words() {
        for line in [
            "get ks -A",
            "get kustomizations --status-selector ready=false",
            "get sources git -n apps --no-header",
            "get source all",
            "get hr podinfo -w",
            "get images all",
            "get all -A -l app=web",
            "get alert-providers",
            "reconcile source git app",
            "reconcile ks app --with-source --timeout 1m30s",
            "reconcile hr app --force --reset",
            "suspend kustomization a b",
            "suspend source git --all",
            "resume hr app --wait",
            "export source git --all",
            "delete ks app -s",
            "tree ks app --compact -o json",
            "events --for Kustomization/app --types Warning",
            "create source git app --url https://example.com/app --branch main",
            "create ks app --source GitRepository/app.infra --path ./deploy --prune --export",
            "install --export --components source-controller,kustomize-controller",
            "uninstall -s --keep-namespace",
            "check --pre",
            "version --client -o json",
            "completion bash",
            "build kustomization app --path .",
            "build ks app --path . --kustomization-file ks.yaml --dry-run --recursive --local-sources GitRepository/a/b=./",
            "diff kustomization app --path . --progress-bar=false --ignore-not-found",
            "stats -A",
            "logs --level error --kind Kustomization --name app -n apps --tail 10 -f",
            "logs -A --flux-namespace flux --since 2m",
            "debug hr app --show-values",
            "debug helmrelease app --show-status --show-values=false",
            "debug ks app --show-vars",
            "envsubst --strict",
            "migrate",
            "migrate -f . --extensions=.yml,.tpl -v 2.8 --dry-run -y",
            "trigger receiver app --url https://example.com --token t --retries 0 --retry-delay 1s",
            "trace deployment/podinfo -n default",
            "trace podinfo --kind deployment --api-version apps/v1",
            "kustomize build overlays/prod",
            "helm template web ./chart --namespace web -f values.yaml --set a=b",
        ] {
            let words = std::iter::once("sluice").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn namespaces_are_labels() {
        assert!(namespace("flux-system").is_ok());
        for text in ["", "-a", "a-", "A", "a.b", &"a".repeat(64)] {
            assert!(namespace(text).is_err(), "{text}");
        }
    }
}
