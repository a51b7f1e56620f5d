//! Events and the clients of the services that hear of them.
//!
//! [`Event`] is what controllers post. [`Settings`] say where it goes: they are put together from a `Provider` and
//! its Secrets. [`Clients::notifier`] turns settings into a [`Notifier`], which sends one event within a time limit.
//!
//! ```ignore
//! let clients = Clients::new();                       // one per process: connections and tokens are shared
//! let mut settings = Settings::new(ProviderType::Slack);
//! settings.address = provider.spec.address.clone().unwrap_or_default();
//! settings.read_secret("apps/slack", &secret.data)?;  // address, token, headers, ...
//! let notifier = clients.notifier(&settings)?;        // errors are of the configuration
//! notifier.post(&event).await?;                       // errors say whether trying later may help
//! ```

mod address;
mod error;
mod event;
mod http;
mod json;
mod jwt;
mod notifier;
mod providers;
mod secret;
mod settings;

pub use self::{
    error::{ConfigError, PostError},
    event::{DecodeError, EVENT_GROUP, Event, ObjectReference, Severity},
    json::{encode, without_lone_surrogates},
    notifier::{Clients, Notifier},
    settings::{AlertIdentity, ClientCertificate, CloudService, Settings, Tls},
};
