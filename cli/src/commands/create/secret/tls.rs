//! `create secret tls`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};

use super::super::fields;
use super::{Common, Secret, read};
use crate::context::Context;

/// Arguments of `create secret tls`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// File with the certificate
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    tls_crt_file: Option<PathBuf>,
    /// File with its key
    #[arg(long, value_name = "FILE", requires = "tls_crt_file")]
    tls_key_file: Option<PathBuf>,
    /// File with the authority of the other side's certificate
    #[arg(long, value_name = "FILE")]
    ca_crt_file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let files = [&arguments.tls_crt_file, &arguments.tls_key_file, &arguments.ca_crt_file];
    let Some((type_, data)) = certificates(files.map(Option::as_ref))? else {
        bail!("--tls-crt-file with --tls-key-file, --ca-crt-file, or all of them are required");
    };
    Secret::of(&arguments.common, data).typed(type_).put("tls secret", arguments.common.export, context).await
}

/// Type and data of a Secret with the contents of the files of a certificate, its key and an authority; None without
/// any.
pub(super) fn certificates(
    [certificate, key, authority]: [Option<&PathBuf>; 3],
) -> Result<Option<(&'static str, Map<String, Value>)>> {
    let text = |path: Option<&PathBuf>, what: &str| -> Result<Option<Value>> {
        path.map(|path| read(path, what).map(|text| json!(text))).transpose()
    };
    let data = fields([
        ("ca.crt", text(authority, "TLS CA file")?),
        ("tls.crt", text(certificate, "cert file")?),
        ("tls.key", text(key, "key file")?),
    ]);
    if data.is_empty() {
        return Ok(None);
    }
    // The type asks for both keys.
    Ok(Some((if certificate.is_some() { "kubernetes.io/tls" } else { "Opaque" }, data)))
}
