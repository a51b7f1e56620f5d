//! Datadog: an entry in the event stream, tagged as Datadog's own Kubernetes integration does.

use futures::future::BoxFuture;
use serde_json::json;
use url::Url;

use super::Provider;
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    settings::Settings,
};

/// The site that is meant when no address is given.
const DEFAULT_SITE: &str = "https://api.datadoghq.com";

pub(super) struct DataDog {
    site: String,
    key: String,
}

impl DataDog {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        if settings.token.is_empty() {
            return Err(ConfigError::provider("token cannot be empty"));
        }
        let site = match Url::parse(&settings.address) {
            Ok(url) => url.origin().ascii_serialization(),
            Err(url::ParseError::RelativeUrlWithoutBase) => DEFAULT_SITE.to_owned(),
            Err(error) => {
                let address = &settings.address;
                return Err(ConfigError::provider(format!("failed to parse address {address:?}: {error}")));
            }
        };
        Ok(Self { site, key: settings.token.clone() })
    }

    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let object = &event.involved_object;
        let mut tags = vec![
            format!("flux_reporting_controller:{}", event.reporting_controller),
            format!("flux_reason:{}", event.reason),
            format!("kube_kind:{}", object.kind),
            format!("kube_name:{}", object.name),
            format!("kube_namespace:{}", object.namespace),
        ];
        tags.extend(event.metadata.iter().map(|(key, value)| format!("{key}:{value}")));
        for tag in &mut tags {
            *tag = tag.to_lowercase();
        }
        let entry = json!({
            "title": format!("Events from the {} {}/{}", object.kind, object.name, object.namespace),
            "text": event.message,
            "tags": tags,
            "source_type_name": "fluxcd",
            "date_happened": event.unix_seconds(),
            "alert_type": if event.severity.is_error() { "error" } else { "info" },
        });
        let url = format!("{}/api/v1/events", self.site);
        Ok(Request::post_json(url, &entry)?.header("DD-API-KEY", &self.key))
    }
}

impl Provider for DataDog {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            let failed = |error: PostError| error.context("failed to post event to DataDog");
            let answer = net.persist(&self.request(event)?).await.map_err(failed)?;
            if answer.status.is_success() {
                Ok(())
            } else {
                Err(failed(answer.error(answer.status.to_string())))
            }
        })
    }
}
