//! Command-line flags that every controller has, with Go's spellings of values.

use std::{net::SocketAddr, time::Duration};

use crate::{Backoff, Jitter, feature_gates::FeatureGates};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogEncoding {
    /// One JSON object a line.
    Json,
    /// Columns for people.
    Console,
}

/// The least important lines that are still logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps to find a defect.
    Debug,
    /// What an operator wants to know.
    Info,
    /// Failures only.
    Error,
}

/// Flags common to the controllers. Flatten it into a controller's own arguments.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonArgs {
    /// Log encoding format.
    #[arg(long, value_enum, default_value = "json")]
    pub log_encoding: LogEncoding,
    /// Log verbosity level.
    #[arg(long, value_enum, default_value = "info")]
    pub log_level: LogLevel,

    /// Wait for a lease before reconciling, so that only one replica is active.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub enable_leader_election: bool,
    /// Give up the lease on a graceful end, so that another replica takes over at once.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", value_name = "BOOL")]
    pub leader_election_release_on_cancel: bool,
    /// How long other replicas wait before they take over a lease that is not renewed.
    #[arg(long, value_parser = parse_duration, default_value = "35s", value_name = "DURATION")]
    pub leader_election_lease_duration: Duration,
    /// How long the leader tries to renew its lease before it ends itself.
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub leader_election_renew_deadline: Duration,
    /// The time between two attempts to acquire or renew the lease.
    #[arg(long, value_parser = parse_duration, default_value = "5s", value_name = "DURATION")]
    pub leader_election_retry_period: Duration,

    /// The delay before the first retry of a failed object.
    #[arg(long, value_parser = parse_duration, default_value = "750ms", value_name = "DURATION")]
    pub min_retry_delay: Duration,
    /// The longest delay between two retries of a failed object.
    #[arg(long, value_parser = parse_duration, default_value = "15m", value_name = "DURATION")]
    pub max_retry_delay: Duration,
    /// How far an interval may be moved, in percent of it.
    #[arg(long, default_value = "5", value_name = "PERCENT")]
    pub interval_jitter_percentage: u8,

    /// Watch all namespaces; if false only the one that the controller runs in (`RUNTIME_NAMESPACE`).
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", value_name = "BOOL")]
    pub watch_all_namespaces: bool,
    /// Reconcile only objects whose labels match, for sharding.
    #[arg(long, default_value = "", value_name = "SELECTOR")]
    pub watch_label_selector: String,
    /// Watch referenced ConfigMaps and Secrets whose labels match.
    #[arg(long, default_value = "reconcile.fluxcd.io/watch=Enabled", value_name = "SELECTOR")]
    pub watch_configs_label_selector: String,
    /// Features to switch on or off: `Name=true,Other=false`.
    #[arg(long, default_value = "", value_name = "GATES")]
    pub feature_gates: String,

    /// Requests a second to the API server, where it does not limit clients itself.
    #[arg(long, default_value = "50", value_name = "QPS")]
    pub kube_api_qps: f32,
    /// Requests to the API server that may be sent at once above the rate.
    #[arg(long, default_value = "300", value_name = "COUNT")]
    pub kube_api_burst: u32,

    /// Most access tokens kept; 0 keeps none.
    #[arg(long, default_value = "100", value_name = "COUNT")]
    pub token_cache_max_size: usize,
    /// Longest time that an access token is kept.
    #[arg(long, value_parser = parse_duration, default_value = "1h", value_name = "DURATION")]
    pub token_cache_max_duration: Duration,

    /// The address that events are posted to; none when empty.
    #[arg(long, env = "EVENTS_ADDR", default_value = "", value_name = "URL")]
    pub events_addr: String,
    /// The address of the metrics endpoint; `0` serves none.
    #[arg(long, env = "METRICS_ADDR", default_value = ":8080", value_name = "ADDRESS")]
    pub metrics_addr: String,
    /// The address of the health endpoint; `0` serves none.
    #[arg(long, default_value = ":9440", value_name = "ADDRESS")]
    pub health_addr: String,
}

/// A flag's value that is well-formed but cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FlagError {
    /// The jitter is not below 100.
    #[error("--interval-jitter-percentage: {0} is not between 0 and 99")]
    Jitter(u8),
    /// A retry delay is zero, or the two are in the wrong order.
    #[error(
        "--min-retry-delay {min:?} and --max-retry-delay {max:?}: both must be above zero, the first at most the second"
    )]
    RetryDelays {
        /// `--min-retry-delay`.
        min: Duration,
        /// `--max-retry-delay`.
        max: Duration,
    },
    /// The election's durations would let two replicas lead at once.
    #[error(
        "leader election: the lease duration {lease:?} must be above the renew deadline {renew:?}, and that above the retry period {retry:?}"
    )]
    Election {
        /// `--leader-election-lease-duration`.
        lease: Duration,
        /// `--leader-election-renew-deadline`.
        renew: Duration,
        /// `--leader-election-retry-period`.
        retry: Duration,
    },
    /// `--watch-all-namespaces=false` needs to know the own namespace.
    #[error("--watch-all-namespaces=false needs the environment variable RUNTIME_NAMESPACE")]
    RuntimeNamespace,
    /// An unknown feature, or a value that is not a boolean.
    #[error("unable to load feature gates: {0}")]
    FeatureGates(String),
    /// The events address is not a URL. It is not repeated, for it may hold credentials.
    #[error("--events-addr is not an http or https URL")]
    EventsAddress,
    /// An address to listen on that is not `host:port`.
    #[error("--{flag} '{value}' is not an address such as ':8080' or '127.0.0.1:8080'")]
    Address {
        /// The flag's name without dashes.
        flag: &'static str,
        /// Its value.
        value: String,
    },
}

impl CommonArgs {
    /// The jitter for intervals.
    pub fn jitter(&self) -> Result<Jitter, FlagError> {
        Jitter::from_percent(self.interval_jitter_percentage)
            .ok_or(FlagError::Jitter(self.interval_jitter_percentage))
    }

    /// The backoff of failed objects.
    pub fn backoff(&self) -> Result<Backoff, FlagError> {
        let (min, max) = (self.min_retry_delay, self.max_retry_delay);
        if min.is_zero() || max < min {
            return Err(FlagError::RetryDelays { min, max });
        }
        Ok(Backoff { min, max })
    }

    /// The feature gates, given all that the controller knows with their defaults.
    pub fn gates(&self, known: &[(&'static str, bool)]) -> Result<FeatureGates, FlagError> {
        FeatureGates::parse(&self.feature_gates, known)
    }
}

/// Reads a duration in Go's syntax (`1h30m`, `750ms`). Negative ones are refused.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    // Go accepts a lone zero without a unit.
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let duration: kube::core::Duration = text.parse().map_err(|error| format!("{error}"))?;
    if duration.is_negative() {
        return Err("a duration may not be negative".to_owned());
    }
    Ok(duration.into())
}

/// Reads a boolean as Go's flags do.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("neither true nor false".to_owned()),
    }
}

/// Reads an address to listen on in Go's form, where `:8080` means every interface. `None` for `0`.
pub fn parse_listen_addr(flag: &'static str, value: &str) -> Result<Option<SocketAddr>, FlagError> {
    if value == "0" {
        return Ok(None);
    }
    let full = match value.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => value.replacen("localhost:", "127.0.0.1:", 1),
    };
    full.parse().map(Some).map_err(|_| FlagError::Address { flag, value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Args {
        #[command(flatten)]
        common: CommonArgs,
    }

    fn parse(args: &[&str]) -> Result<CommonArgs, clap::Error> {
        Args::try_parse_from(std::iter::once(&"controller").chain(args)).map(|args| args.common)
    }

    #[test]
    fn defaults_are_those_of_flux() {
        let args = parse(&[]).unwrap();
        assert!(!args.enable_leader_election && args.leader_election_release_on_cancel);
        assert_eq!(args.leader_election_lease_duration, Duration::from_secs(35));
        assert_eq!(args.leader_election_renew_deadline, Duration::from_secs(30));
        assert_eq!(args.leader_election_retry_period, Duration::from_secs(5));
        assert_eq!(
            args.backoff().unwrap(),
            Backoff { min: Duration::from_millis(750), max: Duration::from_mins(15) }
        );
        assert!(args.watch_all_namespaces && args.watch_label_selector.is_empty());
        assert_eq!((args.kube_api_qps, args.kube_api_burst), (50.0, 300));
        assert_eq!(args.metrics_addr, ":8080");
        assert_eq!(args.health_addr, ":9440");
        assert_eq!(args.interval_jitter_percentage, 5);
    }

    #[test]
    fn booleans_are_spelt_as_in_go() {
        assert!(parse(&["--enable-leader-election"]).unwrap().enable_leader_election);
        assert!(parse(&["--enable-leader-election=T"]).unwrap().enable_leader_election);
        assert!(!parse(&["--watch-all-namespaces=0"]).unwrap().watch_all_namespaces);
        assert!(parse(&["--watch-all-namespaces=yes"]).is_err());
    }

    #[test]
    fn durations_are_spelt_as_in_go() {
        assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_mins(90));
        assert_eq!(parse_duration("0").unwrap(), Duration::ZERO);
        assert!(parse_duration("-5s").is_err());
        assert!(parse_duration("5").is_err());
    }

    #[test]
    fn wrong_combinations_name_the_flags() {
        let args = parse(&["--interval-jitter-percentage=100"]).unwrap();
        assert_eq!(
            args.jitter().unwrap_err().to_string(),
            "--interval-jitter-percentage: 100 is not between 0 and 99"
        );
        let args = parse(&["--min-retry-delay=2s", "--max-retry-delay=1s"]).unwrap();
        assert!(matches!(args.backoff(), Err(FlagError::RetryDelays { .. })));
    }

    #[test]
    fn addresses_are_spelt_as_in_go() {
        assert_eq!(parse_listen_addr("metrics-addr", "0").unwrap(), None);
        assert_eq!(parse_listen_addr("metrics-addr", ":8080").unwrap(), Some(([0, 0, 0, 0], 8080).into()));
        assert_eq!(
            parse_listen_addr("metrics-addr", "localhost:81").unwrap(),
            Some(([127, 0, 0, 1], 81).into())
        );
        assert!(parse_listen_addr("metrics-addr", "nowhere").is_err());
    }
}
