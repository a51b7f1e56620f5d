//! Command-line flags: those of Flux's notification-controller, with the same defaults.

use std::{path::PathBuf, time::Duration};

use clap::{Args as _, CommandFactory, Parser, builder::Resettable};
use sluice_runtime::flags::{CommonArgs, parse_bool, parse_duration};

/// Flags of notification-controller.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Flags that every controller has. `--events-addr` is special: here events are received, not posted.
    #[command(flatten)]
    pub common: CommonArgs,

    /// The address that webhooks are received at.
    #[arg(long = "receiverAddr", default_value = ":9292", value_name = "ADDRESS")]
    pub receiver_addr: String,
    /// How many objects of one kind are reconciled at once.
    #[arg(long, default_value = "4", value_name = "COUNT")]
    pub concurrent: usize,
    /// For how long an event that repeats is turned away.
    #[arg(long, value_parser = parse_duration, default_value = "5m", value_name = "DURATION")]
    pub rate_limit_interval: Duration,
    /// Refuse events from, and triggers of, objects in other namespaces.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_cross_namespace_refs: bool,
    /// Label the metrics of requests with their paths.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub export_http_path_metrics: bool,
    /// The service account for cloud access where a Provider names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_service_account: String,
    /// The folder in which alerts wait for their providers, also across restarts. Empty keeps them in memory.
    #[arg(long, default_value_os_t = default_outbox(), value_name = "DIRECTORY")]
    pub outbox_path: PathBuf,
}

/// Features that can be switched, with their defaults.
pub const FEATURE_GATES: &[(&str, bool)] = &[
    ("CacheSecretsAndConfigMaps", false),
    ("DisableConfigWatchers", false),
    ("ObjectLevelWorkloadIdentity", false),
];

/// The folder for temporary files: Flux's Deployment mounts a volume there that outlives the container.
fn default_outbox() -> PathBuf {
    std::env::temp_dir().join("notification-controller")
}

impl CommandFactory for Args {
    fn command() -> clap::Command {
        let command = clap::Command::new("notification-controller")
            .version(env!("CARGO_PKG_VERSION"))
            .about("Sends alerts and receives webhooks");
        Self::augment_args(command).mut_arg("events_addr", |arg| {
            arg.help("The address that events are received at")
                .default_value(":9090")
                .env(Resettable::Reset)
                .value_name("ADDRESS")
        })
    }

    fn command_for_update() -> clap::Command {
        Self::command()
    }
}

impl Parser for Args {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_limits_are_those_of_flux() {
        let args = Args::try_parse_from(["notification-controller"]).unwrap();
        assert_eq!((args.common.events_addr.as_str(), args.receiver_addr.as_str()), (":9090", ":9292"));
        assert_eq!(args.rate_limit_interval, Duration::from_mins(5));
        assert!(!args.no_cross_namespace_refs && !args.export_http_path_metrics);
        let args = Args::try_parse_from(["x", "--receiverAddr=:1", "--no-cross-namespace-refs"]).unwrap();
        assert_eq!(args.receiver_addr, ":1");
        assert!(args.no_cross_namespace_refs);
    }
}
