//! The event itself, to any webhook; signed or not.

use std::collections::BTreeMap;

use ring::hmac;
use sluice_apis::notification::v1beta3::ProviderType;

use super::Webhook;
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::Request,
    json,
    settings::Settings,
};

pub(super) struct Forwarder {
    address: String,
    headers: BTreeMap<String, String>,
    key: Option<hmac::Key>,
}

impl Forwarder {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        crate::address::check(&settings.address).map_err(|reason| {
            ConfigError::provider(format!("invalid hook URL {}: {reason}", settings.address))
        })?;
        let signs = settings.kind == ProviderType::GenericHmac;
        if signs && settings.token.is_empty() {
            return Err(ConfigError::provider("HMAC key is empty"));
        }
        Ok(Self {
            address: settings.address.clone(),
            headers: settings.headers.clone(),
            key: signs.then(|| hmac::Key::new(hmac::HMAC_SHA256, settings.token.as_bytes())),
        })
    }
}

impl Webhook for Forwarder {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let mut request =
            Request::post_json(&self.address, event)?.header("gotk-component", &event.reporting_controller);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(key) = &self.key {
            let body = json::encode(event)
                .map_err(|e| PostError::permanent(format!("failed marshalling event: {e}")))?;
            let signature = hex::encode(hmac::sign(key, &body));
            request = request.header("X-Signature", format!("sha256={signature}"));
        }
        Ok(request)
    }
}
