//! `create source bucket`.

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::meta::Duration;
use sluice_apis::source::v1::BucketProvider;

use super::super::secret::Secret;
use super::super::{Common, Words, fields, lines, local, object, put, text, words};
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
    /// Secret with the credentials
    #[arg(long, value_name = "SECRET")]
    secret_ref: Option<String>,
    /// Secret with the address of a proxy
    #[arg(long, value_name = "SECRET")]
    proxy_secret_ref: Option<String>,
    /// Patterns of what to leave out
    #[arg(long, value_delimiter = ',', value_name = "PATTERN,…")]
    ignore_paths: Vec<String>,
    /// How long fetching may take
    #[arg(long, value_name = "DURATION")]
    fetch_timeout: Option<Duration>,
}

const WORDS: Words = Words {
    noun: "Bucket source",
    ready: |_| "Bucket source reconciliation completed".to_owned(),
    result: fetched,
};

/// Runs the command.
pub(crate) async fn run(mut arguments: Arguments, context: &Context) -> Result<()> {
    if let (Some(access), Some(secret), false) =
        (&arguments.access_key, &arguments.secret_key, arguments.common.export)
    {
        let credentials = Secret::new(
            format!("bucket-{}", arguments.common.name),
            &arguments.common.labels,
            fields([("accesskey", Some(json!(access))), ("secretkey", Some(json!(secret)))]),
        );
        context.output.action("applying secret with the bucket credentials");
        credentials.apply(context).await?;
        context.output.success("authentication configured");
        arguments.secret_ref = Some(credentials.name);
    }
    let object = object(&BUCKET, &arguments.common.name, spec(&arguments))?;
    put(context, &BUCKET, &arguments.common, object, &WORDS).await
}

fn spec(arguments: &Arguments) -> Map<String, Value> {
    fields([
        ("bucketName", Some(json!(arguments.bucket_name))),
        ("endpoint", Some(json!(arguments.endpoint))),
        ("provider", Some(json!(arguments.provider))),
        ("interval", Some(json!(arguments.common.interval))),
        ("region", text(arguments.region.as_ref())),
        ("insecure", arguments.insecure.then_some(json!(true))),
        ("secretRef", local(arguments.secret_ref.as_ref())),
        ("proxySecretRef", local(arguments.proxy_secret_ref.as_ref())),
        ("ignore", lines(&arguments.ignore_paths)),
        ("timeout", arguments.fetch_timeout.map(|timeout| json!(timeout))),
    ])
}
