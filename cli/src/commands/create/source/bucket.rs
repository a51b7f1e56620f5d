//! `create source bucket`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::source::v1::BucketProvider;

use super::super::flags::Fetch;
use super::super::secret::Secret;
use super::super::{Common, Words, fields, put, text, words};
use super::fetched;
use crate::context::Context;
use crate::kinds::BUCKET;

/// Arguments of `create source bucket`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Name of the bucket
    #[arg(long, value_name = "NAME")]
    bucket_name: String,
    /// Address of the store
    #[arg(long, value_name = "HOST")]
    endpoint: String,
    /// Whose store it is
    #[arg(long, default_value = "generic", value_parser = words(BucketProvider::WORDS))]
    provider: String,
    /// Access key; a Secret is made of it and of the secret key
    #[arg(long, value_name = "KEY", requires = "secret_key", conflicts_with = "secret_ref")]
    access_key: Option<String>,
    /// Secret key
    #[arg(long, value_name = "KEY", requires = "access_key")]
    secret_key: Option<String>,
    /// Region of the bucket
    #[arg(long)]
    region: Option<String>,
    /// The store has no TLS
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    fetch: Fetch,
}

const WORDS: Words = Words {
    noun: "Bucket source",
    ready: |_| "Bucket source reconciliation completed".to_owned(),
    result: fetched,
};

/// Runs the command.
pub(crate) async fn run(mut arguments: Arguments, context: &Context) -> Result<()> {
    if let (Some(access), Some(secret), false) =
        (&arguments.access_key, &arguments.secret_key, arguments.common.meta.export)
    {
        let credentials = Secret::new(
            format!("bucket-{}", arguments.common.meta.name),
            &arguments.common.meta.labels,
            fields([("accesskey", Some(json!(access))), ("secretkey", Some(json!(secret)))]),
        );
        context.output.action("applying secret with the bucket credentials");
        credentials.apply(context).await?;
        context.output.success("authentication configured");
        arguments.fetch.secret_ref = Some(credentials.name);
    }
    put(context, &BUCKET, &arguments.common.meta, spec(&arguments), &WORDS).await
}

fn spec(arguments: &Arguments) -> Map<String, Value> {
    let mut spec = fields([
        ("bucketName", Some(json!(arguments.bucket_name))),
        ("endpoint", Some(json!(arguments.endpoint))),
        ("provider", Some(json!(arguments.provider))),
        ("interval", Some(json!(arguments.common.interval))),
        ("region", text(arguments.region.as_ref())),
        ("insecure", arguments.insecure.then_some(json!(true))),
    ]);
    spec.extend(arguments.fetch.spec());
    spec
}
