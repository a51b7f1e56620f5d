//! One attempt to deliver a letter, and what the Alert is told of it.

use std::{collections::BTreeMap, sync::Arc};

use kube::Client;
use sluice_apis::notification::v1beta3::{Alert, Provider};
use sluice_auth::cloud::CloudAccess;
use sluice_notify::{Clients, ConfigError, Notifier};
use sluice_runtime::{EventRecorder, EventType, Store};

use super::{
    commit_status::{self, CommitStatusError},
    lanes::Outcome,
    letter::Letter,
    settings::{SettingsError, identify, settings},
};
use crate::events::sets_commit_status;

/// Sends letters.
pub struct Sender {
    /// To read Secrets.
    pub client: Client,
    /// Identities that services of clouds are shown.
    pub clouds: CloudAccess,
    /// Connections to the services.
    pub clients: Clients,
    /// All Alerts.
    pub alerts: Store<Alert>,
    /// All Providers.
    pub providers: Store<Provider>,
    /// Tells of failures.
    pub events: EventRecorder,
}

/// Why nothing could be sent.
#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error("failed to create commit status: {0}")]
    CommitStatus(#[from] CommitStatusError),
    #[error("failed to initialize notifier for provider '{provider}': {source}")]
    Notifier { provider: String, source: SettingsError },
}

impl SetupError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Notifier { source, .. } if source.is_transient())
    }
}

impl Sender {
    /// Waits until Alerts and Providers are known.
    pub async fn ready(&self) {
        self.alerts.wait_until_ready().await;
        self.providers.wait_until_ready().await;
    }

    /// Tries once; `attempts` were made before. The Alert is told of the first failure.
    pub async fn send(&self, letter: &Letter, attempts: u32) -> Outcome {
        let (alert, provider) = match self.addressees(letter) {
            Ok(found) => found,
            Err(why) => {
                tracing::info!(alert = %letter.alert, provider = %letter.provider, "a waiting alert is dropped: {why}");
                return Outcome::Failed;
            }
        };
        let object = &letter.event.involved_object;
        let notifier = match self.notifier(&alert, &provider, letter).await {
            Ok(notifier) => notifier,
            Err(error) => {
                let message = format!("failed to dispatch notification for {object}: {error}");
                return self.failed(&alert, &message, attempts, error.is_transient());
            }
        };
        match notifier.post(&letter.event).await {
            Ok(()) => Outcome::Delivered,
            Err(error) if error.is_in_setup() => {
                let provider = &letter.provider.name;
                let message = format!(
                    "failed to dispatch notification for {object}: failed to initialize notifier for provider '{provider}': failed to initialize notifier: {error}"
                );
                self.failed(&alert, &message, attempts, error.is_transient())
            }
            Err(error) => {
                let message = format!("failed to send notification for {object}: {error}");
                self.failed(&alert, &message, attempts, error.is_transient())
            }
        }
    }

    /// The Alert and the Provider, if the letter still is for them.
    fn addressees(&self, letter: &Letter) -> Result<(Arc<Alert>, Arc<Provider>), &'static str> {
        let alert = self.alerts.get(&letter.alert).ok_or("the Alert is gone")?;
        if alert.metadata.uid.as_deref().unwrap_or_default() != letter.alert_uid {
            return Err("the Alert was made anew");
        }
        let provider = self.providers.get(&letter.provider).ok_or("the Provider is gone")?;
        if alert.spec.suspend || provider.spec.suspend {
            return Err("sending is suspended");
        }
        Ok((alert, provider))
    }

    async fn notifier(
        &self,
        alert: &Alert,
        provider: &Provider,
        letter: &Letter,
    ) -> Result<Notifier, SetupError> {
        let mut id = String::new();
        if sets_commit_status(&provider.spec.type_) {
            id = commit_status::id(&letter.event, alert, provider)?;
        }
        let wrong = |source| SetupError::Notifier { provider: letter.provider.name.to_string(), source };
        let mut settings = settings(&self.client, alert, provider).await.map_err(wrong)?;
        settings.commit_status = id;
        identify(&self.clouds, &mut settings).await.map_err(wrong)?;
        self.clients.notifier(&settings).map_err(|error: ConfigError| wrong(error.into()))
    }

    fn failed(&self, alert: &Alert, message: &str, attempts: u32, transient: bool) -> Outcome {
        let name = sluice_runtime::ObjectKey::of(alert);
        let outcome = if transient { Outcome::Later } else { Outcome::Failed };
        tracing::error!(alert = %name, attempt = attempts + 1, retried = transient, "{message}");
        if attempts == 0 || !transient {
            self.events.record(
                alert,
                EventType::Warning,
                "NotificationDispatchFailed",
                message,
                &BTreeMap::new(),
            );
        }
        outcome
    }
}
