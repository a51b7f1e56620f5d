//! `create source`.

mod bucket;
mod chart;
mod git;
mod helm;
mod oci;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_apis::source::v1::VerificationProvider;

use super::{fields, local, words};
use crate::context::Context;
use crate::object::text as text_at;

/// What to create.
#[derive(Debug, Subcommand)]
#[allow(clippy::doc_markdown, reason = "users read these lines as help")]
pub(crate) enum Source {
    /// GitRepository
    Git(Box<git::Arguments>),
    /// OCIRepository
    Oci(Box<oci::Arguments>),
    /// HelmRepository
    Helm(helm::Arguments),
    /// HelmChart
    Chart(chart::Arguments),
    /// Bucket
    Bucket(bucket::Arguments),
}

/// Runs the command.
pub(crate) async fn run(source: Source, context: &Context) -> Result<()> {
    match source {
        Source::Git(arguments) => git::run(*arguments, context).await,
        Source::Oci(arguments) => oci::run(*arguments, context).await,
        Source::Helm(arguments) => helm::run(arguments, context).await,
        Source::Chart(arguments) => chart::run(arguments, context).await,
        Source::Bucket(arguments) => bucket::run(arguments, context).await,
    }
}

/// What a source shows when it is ready.
fn fetched(item: &DynamicObject) -> String {
    format!("fetched revision: {}", text_at(item, "/status/artifact/revision"))
}

/// Flags for signatures.
#[derive(Args, Clone, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "the fields are the flags' names")]
struct Verify {
    /// Tool that the signature is of
    #[arg(long, value_name = "PROVIDER", value_parser = words(VerificationProvider::WORDS))]
    verify_provider: Option<String>,
    /// Secret with the keys
    #[arg(long, value_name = "SECRET")]
    verify_secret_ref: Option<String>,
    /// Regular expression for the subject of the signer
    #[arg(long, value_name = "REGEX")]
    verify_subject: Option<String>,
    /// Regular expression for who vouches for the signer
    #[arg(long, value_name = "REGEX")]
    verify_issuer: Option<String>,
}

impl Verify {
    /// `spec.verify`.
    fn spec(&self) -> Result<Option<Value>> {
        let has_identity = self.verify_issuer.is_some() || self.verify_subject.is_some();
        let Some(provider) = &self.verify_provider else {
            if self.verify_secret_ref.is_some() {
                bail!("a verification provider must be specified when a secret is specified");
            }
            if has_identity {
                bail!("a verification provider must be specified when OIDC issuer/subject is specified");
            }
            return Ok(None);
        };
        let identity = json!([{
            "issuer": self.verify_issuer.as_deref().unwrap_or_default(),
            "subject": self.verify_subject.as_deref().unwrap_or_default(),
        }]);
        Ok(Some(Value::Object(fields([
            ("provider", Some(json!(provider))),
            ("secretRef", local(self.verify_secret_ref.as_ref())),
            ("matchOIDCIdentity", has_identity.then_some(identity)),
        ]))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_need_a_tool() {
        let verify = Verify {
            verify_provider: Some("cosign".to_owned()),
            verify_issuer: Some("foo".to_owned()),
            verify_subject: Some("bar".to_owned()),
            verify_secret_ref: None,
        };
        let expected =
            json!({"provider": "cosign", "matchOIDCIdentity": [{"issuer": "foo", "subject": "bar"}]});
        assert_eq!(verify.spec().unwrap(), Some(expected));
        let nobody = Verify { verify_provider: None, ..verify };
        assert!(nobody.spec().unwrap_err().to_string().ends_with("when OIDC issuer/subject is specified"));
        let secret = Verify { verify_secret_ref: Some("key".to_owned()), ..Verify::default() };
        assert!(secret.spec().unwrap_err().to_string().ends_with("when a secret is specified"));
        assert_eq!(Verify::default().spec().unwrap(), None);
    }
}
