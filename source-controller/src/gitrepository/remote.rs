//! Phase: how to reach the repository.

use kube::Client;
use sluice_apis::source::v1::GitRepository;
use sluice_auth::git::Error;
use sluice_git::Remote;

use super::GitReconciler;
use crate::conditions::reasons::{
    AUTHENTICATION_FAILED, FEATURE_GATE_DISABLED, INVALID_PROVIDER_CONFIGURATION, URL_INVALID,
};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::kind::SourceKind;

impl GitReconciler {
    /// The repository with credentials, certificates and proxy as the spec and its Secrets say.
    pub(super) async fn remote(&self, client: &Client, object: &GitRepository) -> Result<Remote, Failure> {
        self.access.remote(client, object, object.asker()).await.map_err(|error| {
            let failure = match error {
                Error::Url(text) => Failure::stall(URL_INVALID, text),
                Error::Access(text) => Failure::retry(AUTHENTICATION_FAILED, text),
                Error::Provider(text) => Failure::stall(INVALID_PROVIDER_CONFIGURATION, text),
                Error::ProviderSecret(text) => Failure::retry(INVALID_PROVIDER_CONFIGURATION, text),
                Error::Gate(text) => Failure::stall(FEATURE_GATE_DISABLED, text),
            };
            failure.with_condition(FETCH_FAILED)
        })
    }
}
