//! Google Pub/Sub: a message on a topic, by its REST API.
//!
//! See <https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish>.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Provider, segment};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    json,
    jwt::SigningKey,
    settings::Settings,
};

const API: &str = "https://pubsub.googleapis.com";
/// Where Google's tools tell clients that an emulator runs.
const EMULATOR: &str = "PUBSUB_EMULATOR_HOST";
/// Where Google's tools are told that the API is somewhere else.
const OVERRIDE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB";
/// How long a token is valid, in seconds: the most that Google takes.
const TOKEN_SECONDS: i64 = 3600;

pub(super) struct GooglePubSub {
    api: String,
    topic: String,
    attributes: BTreeMap<String, String>,
    access: Access,
}

enum Access {
    /// An emulator asks for nothing.
    Open,
    /// A service account's key.
    Key(Box<ServiceAccount>),
    /// A token of an identity.
    Token(String),
}

/// A service account's key file.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    private_key_id: String,
}

struct ServiceAccount {
    email: String,
    key: SigningKey,
    key_id: String,
}

impl GooglePubSub {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        Self::at(emulator().as_deref(), settings)
    }

    fn at(emulator: Option<&str>, settings: &Settings) -> Result<Self, ConfigError> {
        let (project, topic) = (&settings.address, &settings.channel);
        if project.is_empty() {
            return Err(ConfigError::provider("GCP project ID cannot be empty"));
        }
        if topic.is_empty() {
            return Err(ConfigError::provider("GCP Pub/Sub topic ID cannot be empty"));
        }
        let (api, access) = match emulator {
            Some(host) => (format!("http://{host}"), Access::Open),
            None if settings.token.is_empty() && !settings.identity_token.is_empty() => {
                (api(), Access::Token(settings.identity_token.clone()))
            }
            None => (api(), Access::Key(Box::new(ServiceAccount::read(&settings.token)?))),
        };
        Ok(Self {
            api,
            topic: format!("projects/{project}/topics/{topic}"),
            attributes: settings.headers.clone(),
            access,
        })
    }

    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let data = json::encode(event)
            .map_err(|error| PostError::permanent(format!("error json-marshaling event: {error}")))?;
        let mut message = json!({ "data": BASE64_STANDARD.encode(data) });
        if !self.attributes.is_empty() {
            message["attributes"] = json!(self.attributes);
        }
        let path: Vec<_> = self.topic.split('/').map(segment).collect();
        let url = format!("{}/v1/{}:publish", self.api, path.join("/"));
        let request = Request::post_json(url, &json!({ "messages": [message] }))?;
        Ok(match &self.access {
            Access::Open => request,
            Access::Key(account) => request.bearer(&account.token(Timestamp::now().as_second())?),
            Access::Token(token) => request.bearer(token),
        })
    }
}

/// The emulator that is used in place of Google.
pub(crate) fn emulator() -> Option<String> {
    std::env::var(EMULATOR).ok().filter(|host| !host.is_empty())
}

/// Where the API is.
fn api() -> String {
    let moved = std::env::var(OVERRIDE).ok().filter(|url| !url.is_empty());
    moved.map_or_else(|| API.to_owned(), |url| url.trim_end_matches('/').to_owned())
}

impl ServiceAccount {
    fn read(json: &str) -> Result<Self, ConfigError> {
        let wrong = |reason: String| ConfigError::provider(format!("invalid GCP credentials: {reason}"));
        if json.is_empty() {
            return Err(wrong(
                "there is no token; set 'token' in the secret to the JSON key of a service account"
                    .to_owned(),
            ));
        }
        // What serde_json says could quote the key.
        let file: KeyFile =
            serde_json::from_str(json).map_err(|_| wrong("they are no JSON object".to_owned()))?;
        if file.kind != "service_account" {
            return Err(wrong(format!(
                "type {:?} is not supported, expected \"service_account\"",
                file.kind
            )));
        }
        let key = SigningKey::from_pem(file.private_key.as_bytes())
            .map_err(|reason| wrong(format!("private_key: {reason}")))?;
        Ok(Self { email: file.client_email, key, key_id: file.private_key_id })
    }

    /// A token that Google's APIs take without an exchange: <https://google.aip.dev/auth/4111>.
    fn token(&self, now: i64) -> Result<String, PostError> {
        let claims = json!({
            "iss": self.email,
            "sub": self.email,
            "aud": format!("{API}/"),
            "iat": now,
            "exp": now + TOKEN_SECONDS,
        });
        self.key.sign(Some(&self.key_id), &claims).map_err(PostError::permanent)
    }
}

impl Provider for GooglePubSub {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            let doing = format!("error publishing to GCP Pub/Sub topic {}", self.topic);
            let answer = net.persist(&self.request(event)?).await;
            answer.and_then(|answer| answer.success()).map_err(|error| error.context(&doing))
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use sluice_apis::notification::v1beta3::ProviderType;

    use super::*;

    fn settings(token: &str) -> Settings {
        let mut settings = Settings::new(ProviderType::GooglePubSub);
        settings.address = "my-project".to_owned();
        settings.channel = "flux".to_owned();
        settings.token = token.to_owned();
        settings
    }

    #[test]
    fn keys_that_are_none_are_refused_without_being_shown() {
        for (token, reason) in [
            ("", "there is no token"),
            ("not json s3cret", "they are no JSON object"),
            ("{}", "type \"\" is not supported"),
            (r#"{"type":"external_account"}"#, "type \"external_account\" is not supported"),
            (r#"{"type":"service_account","private_key":"s3cret"}"#, "private_key: "),
        ] {
            let error = GooglePubSub::at(None, &settings(token)).err().unwrap().to_string();
            assert!(error.contains(reason) && !error.contains("s3cret"), "{error}");
        }
        assert!(GooglePubSub::at(Some("localhost:1"), &settings("")).is_ok());
    }

    #[test]
    fn messages_go_to_the_topic_with_the_headers_as_attributes() {
        let mut settings = settings("");
        settings.headers.insert("team".to_owned(), "a".to_owned());
        let hub = GooglePubSub::at(Some("localhost:1"), &settings).unwrap();
        let request = hub.request(&Event::default()).unwrap();
        assert_eq!(request.url, "http://localhost:1/v1/projects/my-project/topics/flux:publish");
    }

    #[test]
    fn tokens_are_for_the_api_and_end() {
        let key = include_str!("../../tests/it/service-account.pem");
        let file = json!({
            "type": "service_account", "client_email": "me@p.iam", "private_key": key, "private_key_id": "k",
        });
        let account = ServiceAccount::read(&file.to_string()).unwrap();
        let token = account.token(1_700_000_000).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let part = |index: usize| -> serde_json::Value {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[index]).unwrap()).unwrap()
        };
        assert_eq!(part(0), json!({"alg": "RS256", "kid": "k", "typ": "JWT"}));
        let audience = "https://pubsub.googleapis.com/";
        assert_eq!(
            part(1),
            json!({"iss": "me@p.iam", "sub": "me@p.iam", "aud": audience, "iat": 1_700_000_000, "exp": 1_700_003_600})
        );
    }
}
