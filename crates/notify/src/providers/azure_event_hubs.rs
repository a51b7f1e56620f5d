//! Azure Event Hubs: an event in a hub, by its HTTPS API.
//!
//! See <https://learn.microsoft.com/en-us/rest/api/eventhub/send-event>.

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Method;
use ring::hmac;

use super::{Provider, segment};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    json,
    settings::Settings,
};

/// What a connection string with a key holds.
const SAS_MARK: &str = "SharedAccessKey";
/// How long a signature is valid, in seconds.
const SIGNATURE_SECONDS: i64 = 3600;

pub(super) struct AzureEventHubs {
    /// `https://namespace/hub`
    hub: String,
    access: Access,
}

enum Access {
    /// A rule's name and key.
    Key {
        name: String,
        key: String,
    },
    Token(String),
}

impl AzureEventHubs {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let invalid =
            |reason: &str| ConfigError::provider(format!("invalid authentication options: {reason}"));
        let (address, token) = (settings.address.trim(), settings.token.trim());
        let has_account = !settings.service_account.is_empty();
        if address.is_empty() {
            return Err(invalid("endpoint URL cannot be empty"));
        }
        if address.contains(SAS_MARK) {
            if has_account {
                return Err(invalid(
                    "serviceAccountName and SAS authentication cannot be set at the same time",
                ));
            }
            if !token.is_empty() {
                return Err(invalid("jwt token and SAS authentication cannot be set at the same time"));
            }
            return Self::by_connection_string(address).map_err(|reason| {
                ConfigError::provider(format!("failed to create a eventhub using SAS: {reason}"))
            });
        }
        if has_account && !token.is_empty() {
            return Err(invalid(
                "serviceAccountName and jwt token authentication cannot be set at the same time",
            ));
        }
        let token = if token.is_empty() { settings.identity_token.trim() } else { token };
        if token.is_empty() {
            return Err(ConfigError::provider(
                "failed to create a eventhub using managed identity: there is no token; set 'token' in the secret, or an address with a shared access key",
            ));
        }
        if settings.channel.is_empty() {
            return Err(ConfigError::provider(
                "failed to create a eventhub using authentication token: the namespace (channel) cannot be empty",
            ));
        }
        let namespace = qualified(&settings.channel);
        Ok(Self { hub: hub(&namespace, address), access: Access::Token(token.to_owned()) })
    }

    fn by_connection_string(text: &str) -> Result<Self, String> {
        let get = |wanted: &str| {
            let parts = text.split(';').filter_map(|part| part.trim().split_once('='));
            parts
                .into_iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.to_owned())
        };
        let need = |key: &str| {
            get(key).filter(|value| !value.is_empty()).ok_or(format!("key {key:?} must not be empty"))
        };
        if get("UseDevelopmentEmulator").is_some_and(|on| on.eq_ignore_ascii_case("true")) {
            return Err("the development emulator has no HTTPS API".to_owned());
        }
        let endpoint = need("Endpoint")?;
        let namespace = endpoint.strip_prefix("sb://").unwrap_or(&endpoint).trim_end_matches('/');
        let entity = need("EntityPath")?;
        let access = Access::Key { name: need("SharedAccessKeyName")?, key: need("SharedAccessKey")? };
        Ok(Self { hub: hub(namespace, &entity), access })
    }

    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let body = json::encode(event)
            .map_err(|error| PostError::permanent(format!("unable to marshall event: {error}")))?;
        let authorization = match &self.access {
            Access::Token(token) => format!("Bearer {token}"),
            Access::Key { name, key } => {
                sign(&self.hub, name, key, Timestamp::now().as_second() + SIGNATURE_SECONDS)
            }
        };
        let url = format!("{}/messages?timeout=60&api-version=2014-01", self.hub);
        Ok(Request::new(Method::POST, url)
            .body("application/json", body)
            .header("Authorization", authorization))
    }
}

/// Whether an address is that of a hub that is opened with a token.
pub(crate) fn needs_identity(address: &str) -> bool {
    !address.trim().is_empty() && !address.contains(SAS_MARK)
}

fn hub(namespace: &str, name: &str) -> String {
    let name: Vec<_> = name.split('/').map(segment).collect();
    format!("https://{namespace}/{}", name.join("/"))
}

/// The name of a namespace with the domain of the cloud that it is in.
fn qualified(namespace: &str) -> String {
    if namespace.contains(".servicebus.") {
        return namespace.to_owned();
    }
    let authority = std::env::var("AZURE_AUTHORITY_HOST").unwrap_or_default();
    let domain = if authority.contains("chinacloudapi.cn") {
        "servicebus.chinacloudapi.cn"
    } else if authority.contains("microsoftonline.us") {
        "servicebus.usgovcloudapi.net"
    } else {
        "servicebus.windows.net"
    };
    format!("{namespace}.{domain}")
}

/// A shared access signature:
/// <https://learn.microsoft.com/en-us/rest/api/eventhub/generate-sas-token>.
fn sign(resource: &str, name: &str, key: &str, end: i64) -> String {
    let resource = segment(resource);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signature = hmac::sign(&key, format!("{resource}\n{end}").as_bytes());
    let signature = segment(&BASE64_STANDARD.encode(signature));
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={end}&skn={}", segment(name))
}

impl Provider for AzureEventHubs {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            let answer = net.persist(&self.request(event)?).await;
            answer.and_then(|answer| answer.success()).map_err(|error| error.context("failed to send msg"))
        })
    }
}

#[cfg(test)]
mod tests {
    use sluice_apis::notification::v1beta3::ProviderType;

    use super::*;

    const SAS: &str = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=a2V5PQ==;EntityPath=hub";

    fn new(address: &str, channel: &str, token: &str, account: &str) -> Result<AzureEventHubs, String> {
        let mut settings = Settings::new(ProviderType::AzureEventHub);
        settings.address = address.to_owned();
        settings.channel = channel.to_owned();
        settings.token = token.to_owned();
        settings.service_account = account.to_owned();
        AzureEventHubs::new(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn signatures_are_what_the_documentation_describes() {
        // Computed with the documentation's Python sample for these inputs.
        assert_eq!(
            sign("https://ns.servicebus.windows.net/hub", "send", "a2V5PQ==", 1_700_000_000),
            "SharedAccessSignature sr=https%3A%2F%2Fns.servicebus.windows.net%2Fhub&sig=PTFn4BIVSta92dy5y%2BCMmm8bzuoPcCymiyQdH5PwTzE%3D&se=1700000000&skn=send"
        );
    }

    #[test]
    fn hubs_are_found() {
        assert_eq!(new(SAS, "", "", "").unwrap().hub, "https://ns.servicebus.windows.net/hub");
        assert_eq!(new("hub", "ns", "jwt", "").unwrap().hub, "https://ns.servicebus.windows.net/hub");
        assert_eq!(new("hub", "ns.servicebus.x", "jwt", "").unwrap().hub, "https://ns.servicebus.x/hub");
    }

    #[test]
    fn ways_to_authenticate_exclude_each_other() {
        for (result, reason) in [
            (new("", "", "", ""), "endpoint URL cannot be empty"),
            (new(SAS, "", "jwt", ""), "jwt token and SAS authentication cannot be set at the same time"),
            (
                new(SAS, "", "", "sa"),
                "serviceAccountName and SAS authentication cannot be set at the same time",
            ),
            (
                new("hub", "ns", "jwt", "sa"),
                "serviceAccountName and jwt token authentication cannot be set at the same time",
            ),
            (new("hub", "ns", "", ""), "there is no token"),
            (new("Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=b", "", "", ""), "\"EntityPath\""),
        ] {
            let error = result.err().unwrap();
            assert!(error.contains(reason), "{error}");
        }
    }
}
