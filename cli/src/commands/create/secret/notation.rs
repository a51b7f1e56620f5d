//! `create secret notation`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Map, json};
use sluice_signature::notation::TrustPolicy;

use super::super::flags::Meta;
use super::{Secret, read};
use crate::context::Context;

/// Arguments of `create secret notation`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// File with the trust policy
    #[arg(long, value_name = "FILE")]
    trust_policy_file: PathBuf,
    /// Files with the certificates of authorities: *.crt or *.pem
    #[arg(long, value_name = "FILE,…", value_delimiter = ',', required = true)]
    ca_cert_file: Vec<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let policy = read(&arguments.trust_policy_file, "trust policy file")?;
    TrustPolicy::from_json(policy.as_bytes()).context("invalid trust policy")?;
    let mut data = Map::new();
    let mut wrong = Vec::new();
    for path in &arguments.ca_cert_file {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !path.extension().is_some_and(|extension| extension == "crt" || extension == "pem") {
            wrong.push(format!("{name} must end with either .crt or .pem"));
            continue;
        }
        if data.contains_key(&name) {
            wrong.push(format!("{name}: two files have this name, which is their key in the Secret"));
            continue;
        }
        match read(path, "TLS CA file") {
            Ok(text) => {
                data.insert(name, json!(text));
            }
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    data.insert("trustpolicy.json".to_owned(), json!(policy));
    let secret = Secret::of(&arguments.meta, data);
    secret.put("notation configuration secret", &arguments.meta, context).await
}
