//! `stats`: how many objects of each kind there are, how they are, and what their artifacts take.

use anyhow::Result;
use clap::Args;
use kube::Client;
use kube::api::{DynamicObject, ListParams};

use crate::cluster::{explain, is_not_found};
use crate::context::Context;
use crate::kinds::{self, Kind};
use crate::object::{conditions, is_suspended};
use crate::table::Table;
use crate::text::chain;

/// How many objects one answer of the API server holds.
const PAGE: u32 = 500;

/// The kinds in the order of the rows.
static KINDS: [&Kind; 13] = [
    &kinds::GIT_REPOSITORY,
    &kinds::OCI_REPOSITORY,
    &kinds::HELM_REPOSITORY,
    &kinds::HELM_CHART,
    &kinds::BUCKET,
    &kinds::KUSTOMIZATION,
    &kinds::HELM_RELEASE,
    &kinds::ALERT,
    &kinds::PROVIDER,
    &kinds::RECEIVER,
    &kinds::IMAGE_UPDATE,
    &kinds::IMAGE_POLICY,
    &kinds::IMAGE_REPOSITORY,
];

/// Arguments of `stats`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Count the objects of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

/// The objects of a kind, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    total: usize,
    failing: usize,
    suspended: usize,
    /// The bytes of all artifacts.
    size: u64,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let client = context.client().await?;
    let mut table = Table::new(["Reconcilers", "Running", "Failing", "Suspended", "Storage"]);
    for kind in KINDS {
        let counts = match count(&client, kind, arguments, context).await {
            Ok(counts) => counts,
            // A kind that is not installed has no objects, and one that may not be listed hides none of the others.
            Err(error @ kube::Error::Api(_)) => {
                if !is_not_found(&error) {
                    context.output.failure(chain(&explain(error)));
                }
                Counts::default()
            }
            Err(error) => return Err(explain(error)),
        };
        table.push(counts.row(kind));
    }
    context.output.data(&table.render(true))
}

async fn count(
    client: &Client,
    kind: &Kind,
    arguments: &Arguments,
    context: &Context,
) -> Result<Counts, kube::Error> {
    let api =
        if arguments.all_namespaces { kind.api_all(client) } else { kind.api(client, context.namespace()) };
    let mut params = ListParams::default().limit(PAGE);
    let mut counts = Counts::default();
    loop {
        let page = api.list(&params).await?;
        page.items.iter().for_each(|item| counts.add(item));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(counts),
        }
    }
}

impl Counts {
    fn add(&mut self, item: &DynamicObject) {
        self.total += 1;
        self.suspended += usize::from(is_suspended(item));
        let fails =
            conditions(item).any(|condition| condition.type_ == "Ready" && condition.status == "False");
        self.failing += usize::from(fails);
        let size = item.data.pointer("/status/artifact/size").and_then(serde_json::Value::as_u64);
        self.size = self.size.saturating_add(size.unwrap_or_default());
    }

    fn row(self, kind: &Kind) -> Vec<String> {
        vec![
            kind.kind.to_owned(),
            (self.total - self.suspended).to_string(),
            self.failing.to_string(),
            self.suspended.to_string(),
            human_size(self.size),
        ]
    }
}

/// `-`, `42 B`, `1.5 KiB`
fn human_size(bytes: u64) -> String {
    const UNIT: u64 = 1024;
    if bytes == 0 {
        return "-".to_owned();
    }
    if bytes < UNIT {
        return format!("{bytes} B");
    }
    let (mut divisor, mut prefixes) = (UNIT, "KMGTPE".chars());
    let mut prefix = prefixes.next();
    while bytes / divisor >= UNIT {
        divisor *= UNIT;
        prefix = prefixes.next();
    }
    #[allow(clippy::cast_precision_loss)] // one digit behind the point is shown
    let number = bytes as f64 / divisor as f64;
    format!("{number:.1} {}iB", prefix.unwrap_or('E'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::object::tests::object;

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        for (bytes, text) in [
            (0, "-"),
            (1, "1 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1024.0 KiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(human_size(bytes), text);
        }
    }

    #[test]
    fn suspended_objects_don_t_run_but_may_fail() {
        let mut counts = Counts::default();
        let not_ready = json!([{"type": "Ready", "status": "False"}, {"type": "Stalled", "status": "False"}]);
        counts.add(&object(json!({"status": {"artifact": {"size": 2048}}})));
        counts.add(&object(json!({"spec": {"suspend": true}, "status": {"conditions": not_ready}})));
        assert_eq!(counts, Counts { total: 2, failing: 1, suspended: 1, size: 2048 });
        assert_eq!(counts.row(&kinds::BUCKET), ["Bucket", "1", "1", "1", "2.0 KiB"]);
    }
}
