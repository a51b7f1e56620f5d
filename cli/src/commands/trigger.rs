//! `trigger receiver`: sends a Receiver the webhook that it waits for, without access to the cluster.

mod oidc;
mod send;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use sluice_apis::meta::Duration;

use self::send::{Request, Sender};
use crate::context::Context;

/// Arguments of `trigger`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Send a webhook to a Receiver of a generic type; the cluster is not asked
    Receiver(Receiver),
}

/// Which Receiver, and what it gets.
#[derive(Args, Clone, Debug)]
struct Receiver {
    /// Name of the Receiver
    name: String,
    /// Address below which webhooks are received; it may have a path
    #[arg(long, default_value = "", hide_default_value = true)]
    url: String,
    /// Token of the Receiver; for all types but generic-oidc
    #[arg(long)]
    token: Option<String>,
    /// Type of the Receiver: generic, generic-hmac, generic-oidc
    #[arg(long = "type", default_value = GENERIC)]
    type_: String,
    #[command(flatten)]
    oidc: oidc::Flags,
    /// JSON to send
    #[arg(long, default_value = "{}")]
    payload: String,
    /// How often to try again when there is no answer, or one with status 404, 408, 429 or 5xx
    #[arg(long, default_value_t = 10)]
    retries: u32,
    /// Time between two tries
    #[arg(long, default_value = "10s")]
    retry_delay: Duration,
}

const GENERIC: &str = "generic";
const GENERIC_HMAC: &str = "generic-hmac";
const GENERIC_OIDC: &str = "generic-oidc";

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let Target::Receiver(receiver) = arguments.target;
    receiver.check()?;
    context.within(receiver.trigger(context)).await
}

impl Receiver {
    /// Whether the flags fit together.
    fn check(&self) -> Result<()> {
        if self.url.is_empty() {
            bail!("--url is required");
        }
        let given = self.token.as_deref().is_some_and(|token| !token.is_empty());
        match self.type_.as_str() {
            GENERIC | GENERIC_HMAC => {
                if !given {
                    bail!("--token is required for --type={}", self.type_);
                }
                if self.oidc.are_given() {
                    bail!(
                        "--oidc-provider, --oidc-token and --oidc-audience can only be set for --type={GENERIC_OIDC}"
                    );
                }
                Ok(())
            }
            GENERIC_OIDC if given => {
                bail!(
                    "--token must not be set for --type={GENERIC_OIDC}, the Receiver of this type has no secret"
                )
            }
            GENERIC_OIDC => self.oidc.check(),
            other => {
                bail!("invalid --type {other:?}, must be one of: {GENERIC}, {GENERIC_HMAC}, {GENERIC_OIDC}")
            }
        }
    }

    async fn trigger(&self, context: &Context) -> Result<()> {
        let (namespace, name) = (context.namespace(), &self.name);
        let sender = Sender::new()?;
        let request = self.request(namespace, &sender).await?;
        context.output.action(format_args!("triggering Receiver {namespace}/{name}"));
        let mut tries = 0;
        while let Err(failure) = sender.post(&request).await {
            if !failure.may_pass || tries >= self.retries {
                return Err(failure.error);
            }
            tries += 1;
            context.output.waiting(format_args!(
                "{:#}; retrying in {} ({tries}/{})",
                failure.error, self.retry_delay, self.retries
            ));
            tokio::time::sleep(self.retry_delay.0).await;
        }
        context.output.success(format_args!("Receiver {namespace}/{name} triggered"));
        Ok(())
    }

    /// What is sent, the same at each try.
    async fn request(&self, namespace: &str, sender: &Sender) -> Result<Request> {
        let token = self.token.as_deref().unwrap_or_default();
        let mut request = Request {
            url: format!("{}{}", self.url.trim_end_matches('/'), path(token, &self.name, namespace)),
            body: self.payload.clone(),
            ..Request::default()
        };
        match self.type_.as_str() {
            GENERIC_HMAC => request.signature = Some(signature(token, &self.payload)?),
            GENERIC_OIDC => request.bearer = Some(self.oidc.token(sender).await?),
            _ => {}
        }
        Ok(request)
    }
}

/// Where the webhooks of a Receiver go: only who knows the token knows the path.
fn path(token: &str, name: &str, namespace: &str) -> String {
    let digest = Sha256::new().chain_update(token).chain_update(name).chain_update(namespace).finalize();
    format!("/hook/{}", hex::encode(digest))
}

fn signature(token: &str, payload: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes())?;
    mac.update(payload.as_bytes());
    Ok(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn receiver(line: &str) -> Receiver {
        let words = ["sluice", "trigger", "receiver", "app"].into_iter().chain(line.split_whitespace());
        let Command::Trigger(arguments) = Cli::try_parse_from(words).unwrap().command else {
            panic!("{line}")
        };
        let Target::Receiver(receiver) = arguments.target;
        receiver
    }

    #[test]
    fn flags_fit_the_type() {
        for (line, message) in [
            ("--token t", "--url is required"),
            ("--url http://a", "--token is required for --type=generic"),
            ("--url http://a --type generic-hmac", "--token is required for --type=generic-hmac"),
            ("--url http://a --token t --oidc-token x", "can only be set for --type=generic-oidc"),
            ("--url http://a --type github", "invalid --type \"github\", must be one of: generic, "),
            ("--url http://a --type generic-oidc --token t", "--token must not be set"),
            (
                "--url http://a --type generic-oidc --oidc-provider github --oidc-token t",
                "--oidc-provider and --oidc-token are mutually exclusive",
            ),
            (
                "--url http://a --type generic-oidc --oidc-provider gitlab",
                "invalid --oidc-provider \"gitlab\"",
            ),
            (
                "--url http://a --type generic-oidc --oidc-token t --oidc-audience me",
                "--oidc-audience can only be set together with --oidc-provider",
            ),
        ] {
            let error = receiver(line).check().unwrap_err().to_string();
            assert!(error.contains(message), "{line}: {error}");
        }
        for line in [
            "--url http://a --token t",
            "--url http://a --token t --type generic-hmac",
            "--url http://a --type generic-oidc",
            "--url http://a --type generic-oidc --oidc-provider forgejo --oidc-audience me",
        ] {
            assert!(receiver(line).check().is_ok(), "{line}");
        }
    }

    #[test]
    fn path_and_signature_are_what_the_controller_expects() {
        // printf 'tokenreceiverdefault' | sha256sum
        let expected = "/hook/8cc3207cffc97dc881eed557d9eb9348edf632357f3132b4f4d30188c54fc63d";
        assert_eq!(path("token", "receiver", "default"), expected);
        // RFC 4231, test case 2
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(signature("Jefe", "what do ya want for nothing?").unwrap(), expected);
    }
}
