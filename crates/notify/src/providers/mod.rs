//! One module per service.

mod generic;

use futures::future::BoxFuture;
use sluice_apis::notification::v1beta3::ProviderType;

use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request, Response},
    settings::Settings,
};

/// A service that is told of events.
pub(crate) trait Provider: Send + Sync {
    /// Tells it.
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>>;
}

/// A service that is told with one request that can be made of the event alone.
pub(crate) trait Webhook: Send + Sync {
    /// What to send.
    fn request(&self, event: &Event) -> Result<Request, PostError>;

    /// Judges the answer.
    fn accept(&self, answer: &Response) -> Result<(), PostError> {
        answer.success()
    }
}

/// Sends a webhook's request.
struct Hook<W>(W);

impl<W: Webhook> Provider for Hook<W> {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            let request = self.0.request(event)?;
            let sent = net.deliver_if(&request, |answer| self.0.accept(answer)).await;
            sent.map_err(|error| error.context("postMessage failed"))
        })
    }
}

fn hook<W: Webhook + 'static>(webhook: W) -> Box<dyn Provider> {
    Box::new(Hook(webhook))
}

/// The service that the settings name.
pub(crate) fn create(settings: &Settings) -> Result<Box<dyn Provider>, ConfigError> {
    Ok(match &settings.kind {
        ProviderType::Generic | ProviderType::GenericHmac => hook(generic::Forwarder::new(settings)?),
        other => return Err(ConfigError::provider(format!("provider {other} not supported"))),
    })
}

/// Refuses an address that is no absolute URL, as what `service` calls it.
fn check_address(service: &str, address: &str) -> Result<(), ConfigError> {
    crate::address::check(address)
        .map_err(|reason| ConfigError::provider(format!("invalid {service} URL {address}: '{reason}'")))
}
