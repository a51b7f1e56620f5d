//! `create secret receiver`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sluice_apis::notification::v1::ReceiverType;

use super::super::flags::Meta;
use super::super::{fields, words};
use super::Secret;
use crate::context::Context;

/// Says which address the token makes.
const WEBHOOK: &str = "notification.toolkit.fluxcd.io/webhook";
/// Bytes of a token that is made up.
const TOKEN_BYTES: usize = 32;

/// Arguments of `create secret receiver`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    /// Type of the receiver
    #[arg(long = "type", value_name = "TYPE", value_parser = words(ReceiverType::WORDS))]
    type_: String,
    /// Token that webhooks are checked with; made up when not given
    #[arg(long)]
    token: Option<String>,
    /// Host that webhooks are sent to
    #[arg(long, value_name = "HOST")]
    hostname: String,
    /// Mail address of the service account (gcr)
    #[arg(long, value_name = "ADDRESS")]
    email_claim: Option<String>,
    /// Audience of the tokens; the address of the webhook when not given (gcr)
    #[arg(long, value_name = "AUDIENCE")]
    audience_claim: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let secret = secret(arguments, context.namespace())?;
    secret.put("receiver secret", &arguments.meta, context).await
}

fn secret(arguments: &Arguments, namespace: &str) -> Result<Secret> {
    let is_gcr = ReceiverType::from(arguments.type_.as_str()) == ReceiverType::Gcr;
    if is_gcr && arguments.email_claim.is_none() {
        bail!("--email-claim is required for gcr receiver type");
    }
    let token = match arguments.token.as_ref().filter(|token| !token.is_empty()) {
        Some(token) => token.clone(),
        None => hex::encode(rand::random::<[u8; TOKEN_BYTES]>()),
    };
    // As the controller makes it from a receiver of the Secret's name.
    let digest = Sha256::digest(format!("{token}{}{namespace}", arguments.meta.name));
    let address = format!("https://{}/hook/{}", arguments.hostname, hex::encode(digest));
    let audience = arguments.audience_claim.as_ref().unwrap_or(&address);
    let data = fields([
        ("token", Some(json!(token))),
        ("email", arguments.email_claim.as_ref().filter(|_| is_gcr).map(|email| json!(email))),
        ("audience", is_gcr.then(|| json!(audience))),
    ]);
    let annotations = [(WEBHOOK.to_owned(), address)].into();
    Ok(Secret { annotations, ..Secret::of(&arguments.meta, data) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(type_: &str) -> Arguments {
        Arguments {
            meta: Meta { name: "gcr-secret".to_owned(), export: true, labels: Vec::new() },
            type_: type_.to_owned(),
            token: Some("test-token".to_owned()),
            hostname: "flux.example.com".to_owned(),
            email_claim: None,
            audience_claim: None,
        }
    }

    #[test]
    fn the_address_is_that_of_the_controller() {
        let address =
            "https://flux.example.com/hook/6d6c55e9affb9d1e0d101ce604ae4270880ec1ff24d1bd2d928fcd64243d21a4";
        let made = secret(&arguments("github"), "my-namespace").unwrap();
        assert_eq!(made.annotations[WEBHOOK], address);
        assert_eq!(made.data.keys().collect::<Vec<_>>(), ["token"]);
        assert!(secret(&arguments("gcr"), "my-namespace").is_err());
        let gcr = Arguments { email_claim: Some("sa@project".to_owned()), ..arguments("gcr") };
        let made = secret(&gcr, "my-namespace").unwrap();
        assert_eq!((&made.data["email"], &made.data["audience"]), (&json!("sa@project"), &json!(address)));
    }

    #[test]
    fn tokens_are_made_up() {
        let token = || {
            let made = secret(&Arguments { token: None, ..arguments("github") }, "ns").unwrap();
            made.data["token"].as_str().unwrap().to_owned()
        };
        assert_eq!(token().len(), 2 * TOKEN_BYTES);
        assert_ne!(token(), token());
    }
}
