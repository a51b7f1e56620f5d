//! `create image repository`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use sluice_apis::meta::Duration;
use sluice_oci::Repository;

use super::super::{Common, Words, fields, nothing, put};
use crate::context::Context;
use crate::kinds::IMAGE_REPOSITORY;

/// Arguments of `create image repository`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Image to scan, without tag
    #[arg(long, default_value = "", hide_default_value = true)]
    image: String,
    /// Secret with the credentials of the registry
    #[arg(long, value_name = "SECRET")]
    secret_ref: Option<String>,
    /// Secret with certificates
    #[arg(long, value_name = "SECRET")]
    cert_ref: Option<String>,
    /// How long a scan may take; as long as the interval when not given
    #[arg(long)]
    scan_timeout: Option<Duration>,
}

const WORDS: Words = Words {
    noun: "ImageRepository",
    ready: |_| "ImageRepository reconciliation completed".to_owned(),
    result: nothing,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let Arguments { common, image, secret_ref, cert_ref, scan_timeout } = arguments;
    if image.is_empty() {
        bail!("an image repository (--image) is required");
    }
    if let Err(error) = Repository::parse(&image, false) {
        bail!("unable to parse image value: {error}");
    }
    let reference = |name: Option<String>| name.map(|name| json!({ "name": name }));
    let spec = fields([
        ("image", Some(json!(image))),
        ("interval", Some(json!(common.interval))),
        ("timeout", scan_timeout.map(|timeout| json!(timeout))),
        ("secretRef", reference(secret_ref)),
        ("certSecretRef", reference(cert_ref)),
    ]);
    put(context, &IMAGE_REPOSITORY, &common.meta, spec, &WORDS).await
}
