//! One module per service.

mod alertmanager;
mod azure_event_hubs;
mod datadog;
mod format;
mod generic;
mod git;
mod google_chat;
mod google_pubsub;
mod grafana;
mod lark;
mod matrix;
mod nats;
mod opsgenie;
mod otel;
mod pagerduty;
mod sentry;
mod slack;
mod teams;
mod telegram;
mod webex;
mod zulip;

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sluice_apis::notification::v1beta3::ProviderType;

use self::git::Purpose;
pub(crate) use self::git::Tokens;
pub(crate) use self::{azure_event_hubs::needs_identity, google_pubsub::emulator as pub_sub_emulator};
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
pub(crate) fn create(settings: &Settings, tokens: &Arc<Tokens>) -> Result<Box<dyn Provider>, ConfigError> {
    let github = |purpose| git::GitHub::new(purpose, settings, tokens);
    let provider: Box<dyn Provider> = match &settings.kind {
        ProviderType::Generic | ProviderType::GenericHmac => hook(generic::Forwarder::new(settings)?),
        ProviderType::Slack => hook(slack::Slack::new(settings)?),
        ProviderType::Discord => hook(slack::Slack::discord(settings)?),
        ProviderType::Rocket => hook(slack::Slack::rocket(settings)?),
        ProviderType::MsTeams => hook(teams::Teams::new(settings)?),
        ProviderType::GoogleChat => hook(google_chat::GoogleChat::new(settings)?),
        ProviderType::Webex => hook(webex::Webex::new(settings)?),
        ProviderType::Matrix => hook(matrix::Matrix::new(settings)?),
        ProviderType::Opsgenie => hook(opsgenie::Opsgenie::new(settings)?),
        ProviderType::Alertmanager => hook(alertmanager::Alertmanager::new(settings)?),
        ProviderType::Grafana => hook(grafana::Grafana::new(settings)?),
        ProviderType::Telegram => Box::new(telegram::Telegram::new(settings)?),
        ProviderType::Lark => Box::new(lark::Lark::new(settings)?),
        ProviderType::Sentry => Box::new(sentry::Sentry::new(settings)?),
        ProviderType::PagerDuty => Box::new(pagerduty::PagerDuty::new(settings)?),
        ProviderType::DataDog => Box::new(datadog::DataDog::new(settings)?),
        ProviderType::Zulip => Box::new(zulip::Zulip::new(settings)?),
        ProviderType::Otel => Box::new(otel::Otel::new(settings)?),
        ProviderType::Nats => Box::new(nats::Nats::new(settings)?),
        ProviderType::GooglePubSub => Box::new(google_pubsub::GooglePubSub::new(settings)?),
        ProviderType::AzureEventHub => Box::new(azure_event_hubs::AzureEventHubs::new(settings)?),
        ProviderType::GitHub => Box::new(github(Purpose::Status)?),
        ProviderType::GitHubDispatch => Box::new(github(Purpose::Dispatch)?),
        ProviderType::GitHubPullRequestComment => Box::new(github(Purpose::Comment)?),
        ProviderType::GitLab => Box::new(git::GitLab::new(Purpose::Status, settings)?),
        ProviderType::GitLabMergeRequestComment => Box::new(git::GitLab::new(Purpose::Comment, settings)?),
        ProviderType::Gitea => Box::new(git::Gitea::new(Purpose::Status, settings)?),
        ProviderType::GiteaPullRequestComment => Box::new(git::Gitea::new(Purpose::Comment, settings)?),
        ProviderType::Bitbucket => Box::new(git::Bitbucket::new(settings)?),
        ProviderType::BitbucketServer => Box::new(git::BitbucketServer::new(settings)?),
        ProviderType::AzureDevOps => Box::new(git::AzureDevOps::new(settings)?),
        other => return Err(ConfigError::provider(format!("provider {other} not supported"))),
    };
    check_status_id(settings)?;
    Ok(provider)
}

/// What a commit's status is called; an expression may give nothing.
fn check_status_id(settings: &Settings) -> Result<(), ConfigError> {
    let sets_status = matches!(
        settings.kind,
        ProviderType::GitHub
            | ProviderType::GitLab
            | ProviderType::Gitea
            | ProviderType::Bitbucket
            | ProviderType::BitbucketServer
            | ProviderType::AzureDevOps
    );
    if sets_status && settings.commit_status.is_empty() {
        return Err(ConfigError::provider("commit status cannot be empty"));
    }
    Ok(())
}

/// Whether an event only tells that something goes on. Services that keep states have none for that.
fn is_progressing(event: &Event) -> bool {
    event.reason == "Progressing"
}

/// A text as one segment of a path: whatever it holds, it leads nowhere else.
fn segment(text: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The value of `Authorization` for a name and a password.
fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))
}

/// Refuses an address that is no absolute URL, as what `service` calls it.
fn check_address(service: &str, address: &str) -> Result<(), ConfigError> {
    crate::address::check(address)
        .map_err(|reason| ConfigError::provider(format!("invalid {service} URL {address}: '{reason}'")))
}
