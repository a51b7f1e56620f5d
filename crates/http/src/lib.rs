//! What all sources that speak HTTP share.
//!
//! - [`client`] gives a client for a TLS identity and a proxy; equal settings share connections.
//! - [`follow`] judges redirects: no credentials to other origins, no way into this machine.
//! - [`restrict`] and [`check_host`] say which addresses may be connected to at all.
//! - [`classify`] words failed connections as Go does, since people search for those words.

mod client;
mod failure;
mod proxy;
mod reach;
mod redirect;
mod tls;

pub use client::{ConfigError, Settings, client};
pub use failure::{Failure, Route, classify, connect_failed, describe_tls};
pub use proxy::{Proxy, redact};
pub use reach::{Reach, Unreachable, check_host, is_private, is_private_address, restrict};
pub use redirect::{MAX_REDIRECTS, Redirect, RedirectError, follow};
pub use tls::{ClientCertificate, Tls, client_config};
