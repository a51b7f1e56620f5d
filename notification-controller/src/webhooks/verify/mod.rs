//! Whether a webhook comes from where the Receiver expects it. One file per family of senders.

mod cdevents;
mod gcr;
mod payload;
mod signature;

use axum::body::Bytes;
use kube::Client;
use serde_json::Value;
use sluice_apis::notification::v1::{Receiver, ReceiverType};

use super::oidc::{Issuers, OidcError};
use crate::{
    receiver,
    secrets::{self, Data},
    server::Received,
};

/// Why a webhook is refused. For the log only: senders get a bare status.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The Secret cannot be read.
    #[error("unable to read secret '{secret}': {}", secrets::explain(source))]
    Secret {
        /// Namespace and name.
        secret: String,
        /// Why.
        source: kube::Error,
    },
    /// The Secret lacks something.
    #[error("invalid secret data: required field '{0}'")]
    SecretField(&'static str),
    /// The token does not match.
    #[error("the {0} header value does not match the receiver token")]
    Token(&'static str),
    /// The signature does not match.
    #[error("the {sender} signature is invalid: {source}")]
    Signature {
        /// Who should have signed.
        sender: &'static str,
        /// Why.
        source: signature::SignatureError,
    },
    /// The event is not among those that count.
    #[error("the {sender} event \"{event}\" is not authorised")]
    Event {
        /// Who sent it.
        sender: &'static str,
        /// Its name.
        event: String,
    },
    /// The body is not what the sender is known to send.
    #[error("cannot decode {sender} webhook payload: {reason}")]
    Payload {
        /// Who sent it.
        sender: &'static str,
        /// Why.
        reason: String,
    },
    /// The identity token.
    #[error(transparent)]
    Oidc(#[from] OidcError),
    /// The type is of a newer version.
    #[error("receiver type \"{0}\" is not supported")]
    Type(String),
}

/// A webhook that is genuine.
#[derive(Debug, Default)]
pub struct Verified {
    /// What it says.
    pub body: Bytes,
    /// What its identity token says.
    pub claims: Option<Value>,
}

/// Verifies webhooks.
pub struct Verifier {
    client: Client,
    issuers: Issuers,
}

impl Verifier {
    pub fn new(client: Client) -> Self {
        Self { client, issuers: Issuers::default() }
    }

    /// Checks a webhook as the Receiver's type says.
    pub async fn verify(&self, receiver: &Receiver, request: &Received) -> Result<Verified, Refusal> {
        let secret = self.secret(receiver).await?;
        let token: &[u8] = secret.get("token").map(Vec::as_slice).unwrap_or_default();
        let events = &receiver.spec.events;
        let whole = || Verified { body: request.body.clone(), claims: None };
        match &receiver.spec.type_ {
            ReceiverType::Generic => Ok(whole()),
            ReceiverType::GenericHmac => {
                let wrong = |source| Refusal::Signature { sender: "HMAC", source };
                signature::check(request.header("x-signature"), &request.body, token).map_err(wrong)?;
                Ok(whole())
            }
            ReceiverType::GenericOidc => {
                let claims = self.issuers.verify(&receiver.spec.oidc_providers, request).await?;
                Ok(Verified { body: request.body.clone(), claims: Some(claims) })
            }
            ReceiverType::GitHub => {
                let wrong = |source| Refusal::Signature { sender: "GitHub", source };
                let body = signature::payload(request, token).map_err(wrong)?;
                check_event("GitHub", request.header("x-github-event"), events)?;
                Ok(Verified { body, claims: None })
            }
            ReceiverType::Bitbucket => {
                let wrong = |source| Refusal::Signature { sender: "Bitbucket server", source };
                let body = signature::payload(request, token).map_err(wrong)?;
                check_event("Bitbucket server", request.header("x-event-key"), events)?;
                Ok(Verified { body, claims: None })
            }
            ReceiverType::GitLab => {
                check_token("X-Gitlab-Token", request, token)?;
                check_event("GitLab", request.header("x-gitlab-event"), events)?;
                Ok(whole())
            }
            ReceiverType::Harbor => {
                check_token("Authorization", request, token)?;
                Ok(whole())
            }
            ReceiverType::DockerHub => {
                payload::check("DockerHub", payload::DOCKER_HUB, &request.body)?;
                Ok(whole())
            }
            ReceiverType::Quay => {
                payload::check("Quay", payload::QUAY, &request.body)?;
                Ok(whole())
            }
            ReceiverType::Acr => {
                payload::check("ACR", payload::ACR, &request.body)?;
                Ok(whole())
            }
            ReceiverType::Nexus => {
                let wrong = |source| Refusal::Signature { sender: "Nexus", source };
                signature::check_nexus(request, token).map_err(wrong)?;
                payload::check_alone("Nexus", payload::NEXUS, &request.body)?;
                Ok(whole())
            }
            ReceiverType::Gcr => {
                let body = gcr::verify(&self.issuers, &secret, request).await?;
                Ok(Verified { body, claims: None })
            }
            ReceiverType::CdEvents => {
                cdevents::check(&request.body)?;
                check_event("CDEvents", request.header("ce-type"), events)?;
                Ok(whole())
            }
            ReceiverType::Other(word) => Err(Refusal::Type(word.clone())),
        }
    }

    /// The Secret's data; nothing if there is no Secret to have some.
    async fn secret(&self, receiver: &Receiver) -> Result<Data, Refusal> {
        let Some(key) = receiver::secret_key(receiver) else { return Ok(Data::new()) };
        let data = secrets::read(&self.client, &key.namespace, &key.name)
            .await
            .map_err(|source| Refusal::Secret { secret: key.to_string(), source })?;
        if data.contains_key("token") { Ok(data) } else { Err(Refusal::SecretField("token")) }
    }
}

/// The header must be the token.
fn check_token(header: &'static str, request: &Received, token: &[u8]) -> Result<(), Refusal> {
    let sent = request.headers.get(header).map_or(&[][..], |value| value.as_bytes());
    if signature::same(sent, token) { Ok(()) } else { Err(Refusal::Token(header)) }
}

/// If only some events count, it must be one of them.
fn check_event(sender: &'static str, event: &str, wanted: &[String]) -> Result<(), Refusal> {
    if wanted.is_empty() || wanted.iter().any(|name| name.to_lowercase() == event.to_lowercase()) {
        tracing::info!(event, "handling {sender} event");
        return Ok(());
    }
    Err(Refusal::Event { sender, event: event.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_compared_in_any_case() {
        let wanted = ["ping".to_owned(), "Push".to_owned()];
        assert!(check_event("GitHub", "push", &wanted).is_ok());
        assert!(check_event("GitHub", "", &[]).is_ok());
        let refusal = check_event("GitHub", "release", &wanted).unwrap_err();
        assert_eq!(refusal.to_string(), "the GitHub event \"release\" is not authorised");
        assert!(check_event("GitHub", "", &wanted).is_err());
    }
}
