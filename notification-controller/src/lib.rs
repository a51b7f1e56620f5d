//! Sends alerts and receives webhooks.
