//! The flags of `helm template`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser};

/// Render the templates of a Helm chart and print the manifests, without a cluster.
#[derive(Debug, Parser)]
#[command(name = "sluice helm template", max_term_width = 100, args_override_self = true)]
pub(super) struct Flags {
    /// Name of the release (`release-name` when not given), and the chart
    #[arg(value_name = "[NAME] CHART", required = true)]
    pub(super) words: Vec<String>,

    /// File or URL with values; `-` is the standard input; may be repeated, the last one wins
    #[arg(short = 'f', long, value_delimiter = ',', value_name = "FILE", help_heading = "Values", action = ArgAction::Append)]
    pub(super) values: Vec<String>,
    /// Set values: a.b=1,c[0]=x
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Values", action = ArgAction::Append)]
    pub(super) set: Vec<String>,
    /// Set values that are texts whatever they look like
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Values", action = ArgAction::Append)]
    pub(super) set_string: Vec<String>,
    /// Set values to the contents of files
    #[arg(long, value_name = "KEY=FILE", help_heading = "Values", action = ArgAction::Append)]
    pub(super) set_file: Vec<String>,
    /// Set values in JSON: key=JSON, or one JSON object
    #[arg(long, value_name = "KEY=JSON", help_heading = "Values", action = ArgAction::Append)]
    pub(super) set_json: Vec<String>,
    /// Set one value to a text as it stands, commas and all
    #[arg(long, value_name = "KEY=TEXT", help_heading = "Values", action = ArgAction::Append)]
    pub(super) set_literal: Vec<String>,

    /// Namespace of the release
    #[arg(short, long, env = "HELM_NAMESPACE", hide_env = true, default_value = "default")]
    pub(super) namespace: String,
    /// Make up a name for the release
    #[arg(short, long)]
    pub(super) generate_name: bool,
    /// Template of the release's name
    #[arg(long, value_name = "TEMPLATE")]
    pub(super) name_template: Option<String>,
    /// Set `.Release.IsUpgrade` instead of `.Release.IsInstall`
    #[arg(long)]
    pub(super) is_upgrade: bool,
    /// Version of Kubernetes that templates see
    #[arg(long, value_name = "VERSION")]
    pub(super) kube_version: Option<String>,
    /// Further API versions that templates see: group/version or group/version/Kind
    #[arg(short, long, value_delimiter = ',', value_name = "VERSION", action = ArgAction::Append)]
    pub(super) api_versions: Vec<String>,
    /// Don't check the values against the chart's schema
    #[arg(long)]
    pub(super) skip_schema_validation: bool,

    /// Print the chart's custom resource definitions too
    #[arg(long)]
    pub(super) include_crds: bool,
    /// Leave hooks out
    #[arg(long)]
    pub(super) no_hooks: bool,
    /// Leave tests out
    #[arg(long)]
    pub(super) skip_tests: bool,
    /// Print only what these templates give: templates/a.yaml, templates/*.yaml
    #[arg(short, long, value_name = "TEMPLATE", action = ArgAction::Append)]
    pub(super) show_only: Vec<String>,
    /// Write files into this directory instead of printing
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) output_dir: Option<PathBuf>,
    /// With --output-dir: write into a directory below it that has the name of the release
    #[arg(long)]
    pub(super) release_name: bool,
    /// Print what was rendered although it is no YAML
    #[arg(long)]
    pub(super) debug: bool,

    /// Fetch what the chart needs and charts/ lacks, and write it there, and Chart.lock
    #[arg(long)]
    pub(super) dependency_update: bool,
    #[command(flatten)]
    pub(super) from: From,

    #[command(flatten)]
    refused: Refused,
    #[command(flatten)]
    _without_effect: WithoutEffect,
}

/// Where charts come from, and who may ask for them.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Charts from elsewhere")]
pub(super) struct From {
    /// Repository that has the chart
    #[arg(long, value_name = "URL")]
    pub(super) repo: Option<String>,
    /// Version of the chart, or a range; the latest when not given
    #[arg(long)]
    pub(super) version: Option<String>,
    /// Take pre-releases too, where no version is given
    #[arg(long)]
    pub(super) devel: bool,
    /// Refuse charts that are not signed by a key of the keyring
    #[arg(long)]
    pub(super) verify: bool,
    /// Public keys that may sign; ~/.gnupg/pubring.gpg when not given
    #[arg(long, value_name = "FILE")]
    pub(super) keyring: Option<PathBuf>,
    /// User at the repository or registry
    #[arg(long)]
    pub(super) username: Option<String>,
    /// Password of the user
    #[arg(long)]
    pub(super) password: Option<String>,
    /// Send user and password to other hosts too, where the index names them
    #[arg(long)]
    pub(super) pass_credentials: bool,
    /// Certificates of authorities to trust
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Certificate to show to servers
    #[arg(long, value_name = "FILE")]
    pub(super) cert_file: Option<PathBuf>,
    /// Key of the certificate
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long)]
    pub(super) insecure_skip_tls_verify: bool,
    /// Speak to registries without encryption
    #[arg(long)]
    pub(super) plain_http: bool,
    /// Where the logins to registries are
    #[arg(long, value_name = "FILE")]
    pub(super) registry_config: Option<PathBuf>,
    /// Where the names of repositories are
    #[arg(long, value_name = "FILE")]
    pub(super) repository_config: Option<PathBuf>,
}

/// What can't be done here: saying so is better than leaving it out.
#[derive(Debug, clap::Args)]
struct Refused {
    #[arg(long, hide = true)]
    validate: bool,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "client", default_value = "client")]
    dry_run: String,
    #[arg(long, hide = true)]
    post_renderer: Option<String>,
    #[arg(long, hide = true)]
    post_renderer_args: Option<String>,
    #[arg(long, hide = true)]
    enable_dns: bool,
}

/// What `helm template` takes and makes no use of either: it is about installing, about the cluster, or about what is
/// kept from an earlier run.
#[derive(Debug, clap::Args)]
#[allow(dead_code, reason = "they are taken for the command line's sake")]
struct WithoutEffect {
    #[arg(long, hide = true)]
    create_namespace: bool,
    #[arg(long, hide = true, alias = "force")]
    force_replace: bool,
    #[arg(long, hide = true)]
    force_conflicts: bool,
    #[arg(long, hide = true)]
    server_side: bool,
    #[arg(long, hide = true)]
    replace: bool,
    #[arg(long, hide = true)]
    timeout: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    wait: Option<String>,
    #[arg(long, hide = true)]
    wait_for_jobs: bool,
    #[arg(long, hide = true)]
    description: Option<String>,
    #[arg(long, hide = true)]
    disable_openapi_validation: bool,
    #[arg(long, hide = true, alias = "atomic")]
    rollback_on_failure: bool,
    #[arg(long, hide = true)]
    skip_crds: bool,
    #[arg(long, hide = true)]
    render_subchart_notes: bool,
    #[arg(long, hide = true)]
    hide_notes: bool,
    #[arg(long, hide = true)]
    take_ownership: bool,
    #[arg(short, long, hide = true)]
    labels: Option<String>,
    #[arg(long, hide = true)]
    kubeconfig: Option<String>,
    #[arg(long, hide = true)]
    kube_context: Option<String>,
    #[arg(long, hide = true)]
    kube_apiserver: Option<String>,
    #[arg(long, hide = true)]
    kube_token: Option<String>,
    #[arg(long, hide = true)]
    kube_as_user: Option<String>,
    #[arg(long, hide = true)]
    kube_as_group: Option<String>,
    #[arg(long, hide = true)]
    kube_ca_file: Option<String>,
    #[arg(long, hide = true)]
    kube_insecure_skip_tls_verify: bool,
    #[arg(long, hide = true)]
    kube_tls_server_name: Option<String>,
    #[arg(long, hide = true)]
    burst_limit: Option<String>,
    #[arg(long, hide = true)]
    qps: Option<String>,
    #[arg(long, hide = true)]
    repository_cache: Option<String>,
    #[arg(long, hide = true)]
    content_cache: Option<String>,
    #[arg(long, hide = true, alias = "colour")]
    color: Option<String>,
}

impl Flags {
    /// Reads the words behind `sluice helm template`. An error of clap may be the help.
    pub(super) fn parse_from(words: &[String]) -> Result<Self, clap::Error> {
        // Go's flags take `--flag=false` for every boolean.
        let command = Self::command().mut_args(|argument| match argument.get_action() {
            ArgAction::SetTrue => argument
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_value("false")
                .default_missing_value("true")
                .hide_possible_values(true)
                .hide_default_value(true)
                .value_parser(clap::builder::BoolishValueParser::new()),
            _ => argument,
        });
        let name = "sluice helm template".to_owned();
        let matches = command.try_get_matches_from(std::iter::once(&name).chain(words))?;
        Self::from_arg_matches(&matches)
    }

    /// Refuses what can't be done here.
    pub(super) fn check(&self) -> Result<()> {
        let refused = &self.refused;
        if refused.validate || matches!(refused.dry_run.as_str(), "server" | "none" | "false") {
            bail!(
                "nothing is asked of a cluster here: render without --validate and --dry-run, and use 'kubectl apply --dry-run=server' on the result"
            );
        }
        if !matches!(refused.dry_run.as_str(), "client" | "true" | "unset") {
            bail!("invalid dry-run value ({}): must be 'client' or 'server'", refused.dry_run);
        }
        if refused.post_renderer.is_some() || refused.post_renderer_args.is_some() {
            bail!("--post-renderer runs a program, which is not done here: pipe the output into it");
        }
        if refused.enable_dns {
            bail!("--enable-dns is not supported: templates must not ask name servers");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Flags {
        Flags::parse_from(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn words_are_those_of_helm() {
        let flags = parse(
            "rel ./chart --namespace ns --kube-version 1.36.0 --include-crds -f a.yaml,b.yaml --values c.yaml --set a=1,b=2 \
             --set c=3 -s templates/x.yaml --no-hooks=false --skip-tests=true -a v1/X,v2 --wait --labels a=b",
        );
        assert_eq!(flags.words, ["rel", "./chart"]);
        assert_eq!(flags.values, ["a.yaml", "b.yaml", "c.yaml"]);
        assert_eq!(flags.set, ["a=1,b=2", "c=3"]);
        assert_eq!(flags.api_versions, ["v1/X", "v2"]);
        assert!(flags.include_crds && flags.skip_tests && !flags.no_hooks);
        assert!(flags.check().is_ok());
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for flag in ["--validate", "--dry-run=server", "--post-renderer x", "--enable-dns", "--dry-run=x"] {
            assert!(parse(&format!("chart {flag}")).check().is_err(), "{flag}");
        }
        for flag in ["--dry-run", "--dry-run=client"] {
            assert!(parse(&format!("chart {flag}")).check().is_ok(), "{flag}");
        }
    }
}
