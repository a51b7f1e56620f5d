//! What can go wrong before and while sending.

use crate::settings::Settings;

/// Why no notifier can be made of the settings: the user has to change them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// The Secret of `secretRef` has an address beyond the limit.
    #[error("invalid address in secret: address exceeds maximum length of {limit} bytes")]
    LongAddress {
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The Secret's deprecated `proxy` is not a URL.
    #[error("invalid 'proxy' in secret '{secret}'")]
    SecretProxy {
        /// Namespace and name of the Secret.
        secret: String,
    },
    /// The Secret's `headers` are not a YAML map of strings.
    #[error("failed to read headers from secret: {0}")]
    Headers(String),
    /// The Secret of `proxySecretRef` has no usable address.
    #[error("failed to get proxy URL: {0}")]
    ProxySecret(String),
    /// The certificates of `certSecretRef` (or of a Git host's `secretRef`) are unusable.
    #[error("failed to get TLS config: {0}")]
    Tls(String),
    /// The settings don't suit the service.
    #[error("failed to initialize notifier: {0}")]
    Provider(String),
}

impl ConfigError {
    /// Settings that a service's client refuses.
    pub(crate) fn provider(message: impl Into<String>) -> Self {
        Self::Provider(message.into())
    }

    /// The same without the address, if that is a secret.
    pub(crate) fn without_address(self, settings: &Settings) -> Self {
        match self {
            Self::Provider(text) if settings.secret.contains_key("address") && settings.address.len() > 3 => {
                Self::Provider(text.replace(&settings.address, "*****"))
            }
            other => other,
        }
    }
}

/// Why an event was not delivered. Its text holds no credentials of the settings.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct PostError {
    message: String,
    transient: bool,
    in_setup: bool,
    unauthorized: bool,
}

impl PostError {
    /// A failure that the same event would meet again: refused, unfit for the service.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), transient: false, in_setup: false, unauthorized: false }
    }

    /// A failure of now: no connection, no time, an overloaded service.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { message: message.into(), transient: true, in_setup: false, unauthorized: false }
    }

    /// Whether sending the same event later may succeed.
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// Whether it failed before the event's turn came: while finding out who we are to the service.
    pub fn is_in_setup(&self) -> bool {
        self.in_setup
    }

    /// Whether the service does not take our credentials.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.unauthorized
    }

    /// Marks it as one of credentials that are not taken.
    #[must_use]
    pub(crate) fn unauthorized(mut self) -> Self {
        self.unauthorized = true;
        self
    }

    /// Marks it as one of the setup.
    #[must_use]
    pub(crate) fn in_setup(mut self) -> Self {
        self.in_setup = true;
        self
    }

    /// Puts what was being done before the cause.
    #[must_use]
    pub(crate) fn context(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Replaces every one of `secrets` by asterisks.
    #[must_use]
    pub(crate) fn masked<'a>(mut self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        for secret in secrets {
            if !secret.is_empty() {
                self.message = self.message.replace(secret, "*****");
            }
        }
        self
    }
}
