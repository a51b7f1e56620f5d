//! Posts events to the events address.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::{Client, StatusCode};
use serde::Serialize;
use sluice_apis::k8s::{ObjectReference, Time};
use url::Url;

use super::{Recorded, backlog::Backlog};
use crate::RuntimeError;

/// One attempt may take this long.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts after the first one.
const RETRIES: u32 = 4;
/// The pause before the first retry; doubles with each.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Poster {
    http: Client,
    url: Url,
    reporter: String,
    instance: String,
}

/// The body that notification-controller expects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    involved_object: &'a ObjectReference,
    severity: &'a str,
    timestamp: &'a Time,
    message: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    reporting_controller: &'a str,
    reporting_instance: &'a str,
}

/// How one attempt ended.
enum Attempt {
    Delivered,
    /// Asking again is of no use.
    Refused(StatusCode),
    Failed(String),
}

impl Poster {
    pub fn new(url: Url, reporter: &str, instance: &str) -> Result<Self, RuntimeError> {
        let http = Client::builder()
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(RuntimeError::Events)?;
        Ok(Self { http, url, reporter: reporter.to_owned(), instance: instance.to_owned() })
    }

    /// Delivers until the backlog is closed and empty.
    pub async fn run(self, backlog: Arc<Backlog<Recorded>>) {
        while let Some(event) = backlog.pop().await {
            self.deliver(&event).await;
        }
    }

    async fn deliver(&self, event: &Recorded) {
        let mut pause = PAUSE;
        for attempt in 0..=RETRIES {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            match self.attempt(event).await {
                Attempt::Delivered => return,
                Attempt::Refused(status) => {
                    tracing::error!(%status, reason = event.reason, "unable to send event: it was refused");
                    return;
                }
                Attempt::Failed(error) if attempt == RETRIES => {
                    tracing::error!(error, reason = event.reason, "unable to send event");
                }
                Attempt::Failed(_) => {}
            }
        }
    }

    async fn attempt(&self, event: &Recorded) -> Attempt {
        let body = Body {
            involved_object: &event.object,
            severity: event.kind.severity(),
            timestamp: &event.at,
            message: &event.message,
            reason: &event.reason,
            metadata: &event.metadata,
            reporting_controller: &self.reporter,
            reporting_instance: &self.instance,
        };
        match self.http.post(self.url.clone()).json(&body).send().await {
            Ok(answer) => judge(answer.status()),
            // The address may hold credentials; messages must not.
            Err(error) => Attempt::Failed(error_chain(&error.without_url())),
        }
    }
}

fn judge(status: StatusCode) -> Attempt {
    match status {
        // The receiver had the same event a short while ago.
        StatusCode::TOO_MANY_REQUESTS => Attempt::Delivered,
        status if status.is_success() => Attempt::Delivered,
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            Attempt::Failed(format!("the receiver answered {status}"))
        }
        status => Attempt::Refused(status),
    }
}

/// An error with its causes: reqwest's own text leaves them out.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
