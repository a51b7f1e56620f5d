//! `create source oci`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::source::v1::{LayerOperation, OciProvider};

use super::super::flags::Fetch;
use super::super::{Common, Words, fields, local, put, text, words};
use super::{Verify, fetched};
use crate::context::Context;
use crate::kinds::OCI_REPOSITORY;

/// Arguments of `create source oci`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Address of the repository: oci://…
    #[arg(long)]
    url: String,
    /// Tag
    #[arg(long)]
    tag: Option<String>,
    /// Range of versions of tags
    #[arg(long, value_name = "RANGE")]
    tag_semver: Option<String>,
    /// Digest
    #[arg(long)]
    digest: Option<String>,
    /// Whose identity is used
    #[arg(long, default_value = "generic", value_parser = words(OciProvider::WORDS))]
    provider: String,
    /// Service account with the credentials
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// Secret with certificates
    #[arg(long, value_name = "SECRET")]
    cert_ref: Option<String>,
    #[command(flatten)]
    verify: Verify,
    /// The registry has no TLS
    #[arg(long)]
    insecure: bool,
    /// Which layer to take, and whether to extract or to copy it
    #[arg(long, value_name = "MEDIA-TYPE:OPERATION")]
    layer_selector: Option<String>,
    #[command(flatten)]
    fetch: Fetch,
}

const WORDS: Words = Words {
    noun: "OCIRepository",
    ready: |_| "OCIRepository reconciliation completed".to_owned(),
    result: fetched,
};

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    put(context, &OCI_REPOSITORY, &arguments.common.meta, spec(&arguments)?, &WORDS).await
}

fn spec(arguments: &Arguments) -> Result<Map<String, Value>> {
    let reference = fields([
        ("tag", text(arguments.tag.as_ref())),
        ("semver", text(arguments.tag_semver.as_ref())),
        ("digest", text(arguments.digest.as_ref())),
    ]);
    if reference.is_empty() {
        bail!("--tag, --tag-semver or --digest is required");
    }
    let mut spec = fields([
        ("url", Some(json!(arguments.url))),
        ("interval", Some(json!(arguments.common.interval))),
        ("provider", Some(json!(arguments.provider))),
        ("ref", Some(Value::Object(reference))),
        ("certSecretRef", local(arguments.cert_ref.as_ref())),
        ("serviceAccountName", text(arguments.service_account.as_ref())),
        ("verify", arguments.verify.spec()?),
        ("insecure", arguments.insecure.then_some(json!(true))),
        ("layerSelector", arguments.layer_selector.as_deref().map(layer).transpose()?),
    ]);
    spec.extend(arguments.fetch.spec());
    Ok(spec)
}

fn layer(selector: &str) -> Result<Value> {
    let Some((media, operation)) =
        selector.split_once(':').filter(|(media, word)| !media.is_empty() && !word.is_empty())
    else {
        bail!("invalid --layer-selector \"{selector}\": must be in the format '<media-type>:<operation>'");
    };
    if !LayerOperation::WORDS.contains(&operation) {
        bail!("invalid --layer-selector \"{selector}\": operation must be \"extract\" or \"copy\"");
    }
    Ok(json!({ "mediaType": media, "operation": operation }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_a_type_and_an_operation() {
        let expected = json!({"mediaType": "application/x.tar+gzip", "operation": "copy"});
        assert_eq!(layer("application/x.tar+gzip:copy").unwrap(), expected);
        for text in ["application/x", "application/x:move", ":copy", "application/x:"] {
            assert!(layer(text).unwrap_err().to_string().starts_with("invalid --layer-selector"), "{text}");
        }
    }
}
