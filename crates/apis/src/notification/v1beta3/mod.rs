//! `notification.toolkit.fluxcd.io/v1beta3`.

mod alert;
mod provider;

pub use alert::{Alert, AlertSpec, EventSeverity};
pub use provider::{Provider, ProviderSpec, ProviderType};
