//! `create source helm`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::meta::Duration;

use super::super::flags::{Certificates, User};
use super::super::secret::{Secret, helm};
use super::super::{Common, Words, fields, local, put, text};
use crate::context::Context;
use crate::kinds::HELM_REPOSITORY;
use crate::object::some_text;

/// Arguments of `create source helm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Address of the repository: http, https or oci
    #[arg(long)]
    url: String,
    #[command(flatten)]
    user: User,
    /// File with the client's certificate
    #[arg(long, value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// File with the client's key
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// File with the authority of the server's certificate
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Secret with the credentials; one is made of a user or a certificate
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["username", "cert_file", "ca_file"])]
    secret_ref: Option<String>,
    /// Whose identity is used with a registry
    #[arg(long, value_name = "PROVIDER")]
    oci_provider: Option<String>,
    /// Send the credentials to other hosts too
    #[arg(long)]
    pass_credentials: bool,
    /// How long fetching may take
    #[arg(long, value_name = "DURATION")]
    fetch_timeout: Option<Duration>,
}

const WORDS: Words = Words {
    noun: "HelmRepository source",
    ready: |_| "HelmRepository source reconciliation completed".to_owned(),
    // Registries have no index that would be fetched.
    result: |item| {
        let revision = some_text(item, "/status/artifact/revision");
        revision.map(|revision| format!("fetched revision: {revision}")).unwrap_or_default()
    },
};

/// Runs the command.
pub(crate) async fn run(mut arguments: Arguments, context: &Context) -> Result<()> {
    check(&arguments.url)?;
    if arguments.secret_ref.is_none() && !arguments.common.meta.export {
        let certificates = Certificates {
            tls_crt_file: arguments.cert_file.clone(),
            tls_key_file: arguments.key_file.clone(),
            ca_crt_file: arguments.ca_file.clone(),
        };
        if let Some((type_, data)) = helm::data(&arguments.user, &certificates)? {
            let secret = Secret {
                type_: Some(type_),
                ..Secret::new(
                    format!("helm-{}", arguments.common.meta.name),
                    &arguments.common.meta.labels,
                    data,
                )
            };
            context.output.action("applying secret with repository credentials");
            secret.apply(context).await?;
            context.output.success("authentication configured");
            arguments.secret_ref = Some(secret.name);
        }
    }
    put(context, &HELM_REPOSITORY, &arguments.common.meta, spec(&arguments), &WORDS).await
}

fn check(url: &str) -> Result<()> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if !["http", "https", "oci"].contains(&scheme) {
        bail!("url scheme '{scheme}' not supported, can be: http, https and oci");
    }
    if rest.split('/').next().unwrap_or_default().is_empty() {
        bail!("url host is required");
    }
    Ok(())
}

fn spec(arguments: &Arguments) -> Map<String, Value> {
    let is_registry = arguments.url.starts_with("oci://");
    let passes = arguments.pass_credentials && arguments.secret_ref.is_some();
    fields([
        ("url", Some(json!(arguments.url))),
        ("interval", Some(json!(arguments.common.interval))),
        ("type", is_registry.then(|| json!("oci"))),
        ("provider", text(arguments.oci_provider.as_ref()).filter(|_| is_registry)),
        ("secretRef", local(arguments.secret_ref.as_ref())),
        ("passCredentials", passes.then_some(json!(true))),
        ("timeout", arguments.fetch_timeout.map(|timeout| json!(timeout))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_and_a_host() {
        assert!(check("https://charts.example.com/a").is_ok() && check("oci://ghcr.io/org").is_ok());
        assert_eq!(
            check("git://example.com/charts").unwrap_err().to_string(),
            "url scheme 'git' not supported, can be: http, https and oci"
        );
        assert_eq!(check("https:///charts").unwrap_err().to_string(), "url host is required");
    }
}
