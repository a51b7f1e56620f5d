//! `create source chart`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::source::v1::{ChartReconcileStrategy, ChartSourceKind};

use super::super::{Common, Words, fields, put, reference, text, word, words};
use super::{Verify, fetched};
use crate::context::Context;
use crate::kinds::HELM_CHART;

/// Arguments of `create source chart`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Name of the chart, or its path in the source
    #[arg(long)]
    chart: String,
    /// Version or range of versions
    #[arg(long, value_name = "RANGE")]
    chart_version: Option<String>,
    /// Where the chart comes from
    #[arg(long, value_name = "KIND/NAME")]
    source: String,
    /// When there is a new revision
    #[arg(long, default_value = "ChartVersion", value_parser = words(ChartReconcileStrategy::WORDS))]
    reconcile_strategy: String,
    #[command(flatten)]
    verify: Verify,
}

const WORDS: Words = Words {
    noun: "HelmChart source",
    ready: |_| "HelmChart source reconciliation completed".to_owned(),
    result: fetched,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &HELM_CHART, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    let (kind, name, _) = reference(&arguments.source, "")?;
    let kind = word(ChartSourceKind::WORDS, kind, "source kind")?;
    Ok(fields([
        ("chart", Some(json!(arguments.chart))),
        ("version", text(arguments.chart_version.as_ref())),
        ("interval", Some(json!(arguments.common.interval))),
        ("reconcileStrategy", Some(json!(arguments.reconcile_strategy))),
        ("sourceRef", Some(json!({ "kind": kind, "name": name }))),
        ("verify", arguments.verify.spec()?),
    ]))
}
