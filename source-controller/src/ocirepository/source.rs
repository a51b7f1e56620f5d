//! Phase: what the registry has.

use sluice_apis::conditions::{delete, is_false, mark_true};
use sluice_apis::source::v1::{OciRepository, Source};
use sluice_oci::{Client, Reference, Version};
use sluice_runtime::Pass;
use url::Url;

use super::reference::choose;
use super::status::config_changed;
use super::{OciReconciler, reference::NoVersion};
use crate::conditions::types::{ARTIFACT_OUTDATED, FETCH_FAILED, SOURCE_VERIFIED};
use crate::conditions::{Drift, mark_progress, reasons};
use crate::failure::Failure;
use crate::kind::SourceKind;

/// What was found.
pub(super) enum Fetched {
    /// What is stored already, of this revision.
    Stored(String),
    /// Something to pull.
    Found(Box<Found>),
}

/// Something in the registry.
pub(super) struct Found {
    pub(super) client: Client,
    /// Where requests go, for the lanes.
    pub(super) url: Url,
    /// `<tag>@<digest>`, or the digest alone.
    pub(super) revision: String,
    pub(super) digest: String,
}

impl OciReconciler {
    /// Finds out what the registry has, and says so if it is new.
    pub(super) async fn find(&self, pass: &mut Pass<OciRepository>) -> Result<Fetched, Failure> {
        // A failed verification is found again or not.
        if is_false(&pass.object, SOURCE_VERIFIED) {
            delete(&mut pass.object, SOURCE_VERIFIED);
        }
        let client = self.client(pass).await?;
        let url = url_of(&client)?;
        let (reference, digest) = self.lanes.ask(pass, &url, async || resolve(pass, &client).await).await??;
        let revision = match &reference.version {
            Version::Tag(tag) => format!("{tag}@{digest}"),
            Version::Digest(digest) => digest.clone(),
        };
        let is_new = !pass.object.has_revision(&revision);
        if is_new {
            let message = format!("new revision '{revision}' for '{reference}'");
            if pass.object.artifact().is_some() {
                mark_true(&mut pass.object, ARTIFACT_OUTDATED, reasons::NEW_REVISION, &message);
            }
            mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact: {message}"));
            pass.progress().await?;
        }
        let found = Found { client, url, revision, digest };
        Box::pin(self.verify(pass, &found, &reference)).await?;
        if !is_new && !config_changed(&pass.object) {
            delete(&mut pass.object, FETCH_FAILED);
            return Ok(Fetched::Stored(found.revision));
        }
        Ok(Fetched::Found(Box::new(found)))
    }
}

/// The tag or digest that is wanted, and the digest that it has.
async fn resolve(pass: &Pass<OciRepository>, client: &Client) -> Result<(Reference, String), Failure> {
    let spec = &pass.object.spec;
    let layer = spec.layer_selector.as_ref().and_then(|selector| selector.media_type.as_deref());
    let version = choose(client, spec.reference.as_ref(), layer).await.map_err(|error: NoVersion| {
        let message = format!("failed to determine the artifact tag for '{}': {error}", spec.url);
        Failure::retry(reasons::READ_OPERATION_FAILED, message).with_condition(FETCH_FAILED)
    })?;
    let digest = client.resolve(&version).await.map_err(|error| {
        let message = format!("failed to determine artifact digest: {error}");
        Failure::retry(reasons::OCI_PULL_FAILED, message).with_condition(FETCH_FAILED)
    })?;
    Ok((Reference { repository: client.repository().clone(), version }, digest))
}

fn url_of(client: &Client) -> Result<Url, Failure> {
    let url = format!("https://{}/", client.repository().registry());
    Url::parse(&url).map_err(|error| {
        let message = format!("URL validation failed for '{url}': {error}");
        Failure::stall(reasons::URL_INVALID, message).with_condition(FETCH_FAILED)
    })
}
