//! notification-controller: sends alerts to chat, incident and Git services, and receives their webhooks.
//!
//! Events come in over HTTP ([`events`]), are matched with Alerts and put into an outbox ([`outbox`]) that delivers them
//! to Providers. Webhooks come in over HTTP too ([`webhooks`]) and trigger the objects that a Receiver names.

mod alert;
pub mod args;
mod events;
mod objects;
mod outbox;
mod provider;
mod receiver;
mod secrets;
mod server;
mod sync;
mod webhooks;

use std::{mem, sync::Arc};

use sluice_apis::notification::{
    v1::Receiver,
    v1beta3::{Alert, Provider},
};
use sluice_auth::cloud::{CloudAccess, TokenCache, TokenMetrics};
use sluice_notify::Clients;
use sluice_runtime::{
    Manager, RuntimeError,
    flags::{FlagError, parse_listen_addr},
};

pub use args::Args;

use crate::{
    args::FEATURE_GATES,
    outbox::Outbox,
    server::{HttpMetrics, Server},
};

/// Why the controller could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parts that every controller has.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A flag needs a feature that is off.
    #[error("{0} needs the feature gate ObjectLevelWorkloadIdentity")]
    Gate(&'static str),
}

impl From<FlagError> for Error {
    fn from(error: FlagError) -> Self {
        Self::Runtime(error.into())
    }
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let mut common = args.common;
    let events_addr = parse_listen_addr("events-addr", &mem::take(&mut common.events_addr))?;
    let receiver_addr = parse_listen_addr("receiverAddr", &args.receiver_addr)?;
    let gates = common.gates(FEATURE_GATES)?;
    let object_level_identity = gates.enabled("ObjectLevelWorkloadIdentity");
    if !args.default_service_account.is_empty() && !object_level_identity {
        return Err(Error::Gate("--default-service-account"));
    }
    let manager = Manager::new("notification-controller", &common).await?;
    let (alerts, watch_alerts) = manager.reflect::<Alert>();
    let (providers, watch_providers) = manager.reflect::<Provider>();
    let (receivers, watch_receivers) = manager.reflect::<Receiver>();

    let cache = TokenCache { size: common.token_cache_max_size, longest: common.token_cache_max_duration };
    let tokens = TokenMetrics::register(&manager.metrics());
    let account = args.default_service_account.as_str();
    let clouds = CloudAccess::new(manager.client(), cache, tokens.clone(), object_level_identity, account);
    let sender = outbox::Sender {
        client: manager.client(),
        clouds,
        clients: Clients::new(),
        alerts: alerts.clone(),
        providers: providers.clone(),
        events: manager.events(),
    };
    let (outbox, deliver) = Outbox::open(&args.outbox_path, sender, &manager.metrics());
    let event_server = events::EventServer::new(events::Setup {
        client: manager.client(),
        alerts: alerts.clone(),
        providers: providers.clone(),
        recorder: manager.events(),
        outbox: Arc::clone(&outbox),
        same_namespace_only: args.no_cross_namespace_refs,
        object_level_identity,
        rate_limit_interval: args.rate_limit_interval,
    });
    let webhook_server =
        webhooks::WebhookServer::new(manager.client(), &receivers, args.no_cross_namespace_refs);
    let configs = (!gates.enabled("DisableConfigWatchers")).then_some(&*common.watch_configs_label_selector);

    let mut tasks = vec![watch_alerts, watch_providers, watch_receivers, deliver];
    if let Some(addr) = events_addr {
        let metrics = HttpMetrics::register(&manager.metrics(), "gotk_event", args.export_http_path_metrics);
        tasks.push(Server { purpose: "events", addr, metrics, label: "/" }.task(event_server));
    }
    if let Some(addr) = receiver_addr {
        let metrics =
            HttpMetrics::register(&manager.metrics(), "gotk_receiver", args.export_http_path_metrics);
        tasks.push(Server { purpose: "webhooks", addr, metrics, label: "/hook/" }.task(webhook_server));
    }
    tasks.push(provider::start(&manager, &providers, args.concurrent, tokens));
    tasks.push(alert::start(&manager, &alerts, args.concurrent));
    tasks.push(receiver::start(&manager, &receivers, args.concurrent, configs));
    Ok(manager.run(tasks).await?)
}
