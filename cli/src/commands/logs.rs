//! `logs`: what the controllers have logged about objects.

mod entry;
mod pods;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use futures::{AsyncBufRead, AsyncBufReadExt, FutureExt, TryStreamExt};
use jiff::Timestamp;
use kube::Api;
use kube::api::LogParams;
use sluice_apis::k8s::Pod;
use sluice_apis::meta::Duration;

use self::entry::{Entry, Filter, Level};
use crate::cluster::explain;
use crate::context::Context;
use crate::text::chain;

/// The container of a controller, in pods that have others beside it.
const CONTAINER: &str = "manager";

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only lines of this level
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// Only lines about objects of this kind, such as GitRepository
    #[arg(long)]
    kind: Option<String>,
    /// Only lines about objects of this name
    #[arg(long)]
    name: Option<String>,
    /// Lines about objects of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Namespace of the controllers
    #[arg(long, default_value = "flux-system", value_name = "NAMESPACE")]
    flux_namespace: String,
    /// Only what is newer than this, such as 5s, 2m or 3h
    #[arg(long, value_name = "DURATION")]
    since: Option<Duration>,
    /// Only what came after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since_time: Option<String>,
    /// How many of the last lines of each controller to look at; all of them if negative
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, value_name = "LINES")]
    tail: i64,
    /// Show lines as they come
    #[arg(short, long)]
    follow: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let params = params(&arguments)?;
    let (api, pods) = context
        .within(async {
            let client = context.client().await?;
            let pods = pods::of_controllers(&client, &arguments.flux_namespace).await?;
            Ok((Api::<Pod>::namespaced(client, &arguments.flux_namespace), pods))
        })
        .await?;
    let filter = Filter {
        level: arguments.level,
        kind: arguments.kind.clone(),
        name: arguments.name.clone(),
        namespace: (!arguments.all_namespaces).then(|| context.namespace().to_owned()),
    };
    let reader = Reader { api, params, filter, context };
    if !arguments.follow {
        return context.within(reader.read(&pods)).await;
    }
    // What is followed has no end to wait for.
    match pods.as_slice() {
        [_] => reader.read(&pods).await,
        _ => reader.follow(&pods).await,
    }
}

fn params(arguments: &Arguments) -> Result<LogParams> {
    let since = arguments.since.filter(|since| !since.is_zero());
    let since_time = arguments.since_time.as_deref().filter(|text| !text.is_empty());
    if since.is_some() && since_time.is_some() {
        bail!("at most one of `sinceTime` or `sinceDuration` may be specified");
    }
    let since_time = match since_time {
        Some(text) => {
            Some(text.parse::<Timestamp>().map_err(|_| anyhow!("{text} is not a valid (RFC3339) time"))?)
        }
        None => None,
    };
    // The API server counts in seconds, of which there must be one.
    let half = std::time::Duration::from_millis(500);
    let seconds = since.map(|since| since.0.saturating_add(half).as_secs().max(1));
    Ok(LogParams {
        follow: arguments.follow,
        since_seconds: seconds.and_then(|seconds| seconds.try_into().ok()),
        since_time,
        tail_lines: Some(arguments.tail).filter(|lines| *lines >= 0),
        ..LogParams::default()
    })
}

/// Prints the lines of pods that a filter lets through.
struct Reader<'a> {
    api: Api<Pod>,
    params: LogParams,
    filter: Filter,
    context: &'a Context,
}

impl Reader<'_> {
    /// One pod after another: each controller's lines stay together.
    async fn read(&self, pods: &[Pod]) -> Result<()> {
        let mut complete = true;
        for pod in pods {
            complete &= self.copy(pod).await?;
        }
        if complete { Ok(()) } else { bail!("failed to collect logs from all Flux pods") }
    }

    /// All pods at once, until their logs end or the command is interrupted. Those that can be read count.
    async fn follow(&self, pods: &[Pod]) -> Result<()> {
        let copies = pods.iter().map(|pod| self.copy(pod).boxed());
        futures::future::try_join_all(copies).await.map(drop)
    }

    /// Prints the lines of a pod; whether they could be had. An error is one of the output.
    async fn copy(&self, pod: &Pod) -> Result<bool> {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let mut params = self.params.clone();
        if pod.spec.as_ref().is_some_and(|spec| spec.containers.len() > 1) {
            params.container = Some(CONTAINER.to_owned());
        }
        match self.api.log_stream(name, &params).await {
            Ok(lines) => self.print(name, lines).await,
            Err(error) => {
                self.context.output.failure(format_args!("failed getting logs: {}", chain(&explain(error))));
                Ok(false)
            }
        }
    }

    async fn print(&self, pod: &str, input: impl AsyncBufRead) -> Result<bool> {
        let output = self.context.output;
        let mut lines = Box::pin(input).lines();
        loop {
            let line = match lines.try_next().await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(true),
                Err(error) => {
                    output.failure(format_args!("failed getting logs: {pod}: {error}"));
                    return Ok(false);
                }
            };
            // What is no JSON is no line about an object.
            if !line.starts_with('{') {
                continue;
            }
            match Entry::read(&line) {
                Ok(entry) if self.filter.admits(&entry) => output.data_line(format_args!("{entry}"))?,
                Ok(_) => {}
                Err(error) => output.failure(format_args!("parse error: {error}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(line: &str) -> Result<LogParams> {
        params(&Line::try_parse_from(std::iter::once("logs").chain(line.split_whitespace()))?.arguments)
    }

    #[test]
    fn times_and_lines_are_asked_for() {
        let all = parsed("").unwrap();
        assert!(all.since_seconds.is_none() && all.since_time.is_none() && all.tail_lines.is_none());
        let some = parsed("--since 2m --tail 0 -f").unwrap();
        assert_eq!((some.since_seconds, some.tail_lines, some.follow), (Some(120), Some(0), true));
        assert_eq!(parsed("--since 1600ms --tail -1").unwrap().since_seconds, Some(2));
        let since = parsed("--since-time 2026-01-02T03:04:05Z").unwrap().since_time.unwrap();
        assert_eq!(since.to_string(), "2026-01-02T03:04:05Z");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let message = |line| parsed(line).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message("--since 1m --since-time 2026-01-02T03:04:05Z").starts_with("at most one of"));
        assert_eq!(message("--since-time yesterday"), "yesterday is not a valid (RFC3339) time");
        assert!(message("--level warning").contains("debug, info, error"));
    }
}
