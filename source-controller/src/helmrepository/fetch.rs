//! Phase: the index comes from the repository.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::{HelmRepository, Source};
use sluice_archive::{Algorithm, Hasher};
use sluice_runtime::{ObjectKey, Pass};
use tempfile::NamedTempFile;

use super::HelmRepositoryReconciler;
use crate::conditions::reasons::{AUTHENTICATION_FAILED, URL_INVALID};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::helm::access;
use crate::helm::address::{index_of, is_oci};
use crate::helm::download::{Fetched, Limit, Repository, Sink, Validators};
use crate::kind::SourceKind;

/// What was found.
pub(super) enum Found {
    /// What is stored already, of this revision.
    Stored(String),
    /// Another index.
    Index(Index),
}

/// An index as it was downloaded.
pub(super) struct Index {
    pub(super) file: NamedTempFile,
    /// The digest of the file.
    pub(super) revision: String,
    validators: Validators,
}

/// What servers said about the indexes that are stored, to ask only whether they have changed.
#[derive(Default)]
pub(super) struct Seen(Mutex<HashMap<ObjectKey, Stored>>);

/// What was said when an index was fetched.
#[derive(Clone)]
struct Stored {
    url: String,
    revision: String,
    validators: Validators,
}

impl Seen {
    /// What to ask with, if the index of this revision came from there.
    fn validators(&self, key: &ObjectKey, url: &str, revision: Option<&str>) -> Validators {
        let seen = self.lock();
        let stored = seen.get(key).filter(|stored| stored.url == url && Some(&*stored.revision) == revision);
        stored.map(|stored| stored.validators.clone()).unwrap_or_default()
    }

    pub(super) fn remember(&self, key: &ObjectKey, url: &str, index: &Index) {
        let (url, revision, validators) = (url.to_owned(), index.revision.clone(), index.validators.clone());
        self.lock().insert(key.clone(), Stored { url, revision, validators });
    }

    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Stored>> {
        // A single insert or remove at a time: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to a file and computes the digest on the way.
struct Download {
    file: File,
    hasher: Hasher,
}

impl Sink for Download {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.hasher.update(piece);
        self.file.write_all(piece).map_err(|error| error.to_string())
    }
}

impl HelmRepositoryReconciler {
    /// Downloads the index, unless it is the one that is stored.
    pub(super) async fn fetch(&self, pass: &mut Pass<HelmRepository>) -> Result<Found, Failure> {
        let repository = repository(pass).await?;
        let known = pass.object.artifact().map(|artifact| artifact.revision.clone());
        let known = self.seen.validators(pass.key(), &pass.object.spec.url, known.as_deref());
        let work = async || self.download(&repository, &known).await;
        let found = self.lanes.ask(pass, &repository.url, work).await?;
        let index = found.map_err(|error| failed(&error))?;
        delete_failure(pass, index)
    }

    async fn download(&self, repository: &Repository, known: &Validators) -> Result<Option<Index>, String> {
        let cached =
            |error: &dyn std::fmt::Display| format!("failed to cache index to temporary file: {error}");
        let create = || -> io::Result<_> {
            let file = NamedTempFile::new_in(self.workspace.path())?;
            Ok((file.reopen()?, file))
        };
        let (open, file) =
            create().map_err(|error| format!("failed to create temp file to cache index to: {error}"))?;
        let mut sink = Download { file: open, hasher: Algorithm::Sha256.hasher() };
        let limit = Limit { bytes: self.max_index, what: "index exceeds the maximum index file size" };
        let fetched = repository.get(index_of(&repository.url), known, limit, &mut sink).await;
        match fetched.map_err(|error| cached(&error))? {
            Fetched::Unchanged => Ok(None),
            Fetched::Content(validators) => {
                Ok(Some(Index { file, revision: sink.hasher.finish().to_string(), validators }))
            }
        }
    }
}

/// What is new, or not, about the index.
fn delete_failure(pass: &mut Pass<HelmRepository>, index: Option<Index>) -> Result<Found, Failure> {
    let stored = pass.object.artifact().map(|artifact| artifact.revision.clone());
    match (index, stored) {
        (Some(index), _) if !pass.object.has_revision(&index.revision) => Ok(Found::Index(index)),
        (_, Some(revision)) => {
            delete(&mut pass.object, FETCH_FAILED);
            Ok(Found::Stored(revision))
        }
        // Asked without validators, a server must not say that nothing has changed.
        (_, None) => Err(failed("the server answered 304 Not Modified to an unconditional request")),
    }
}

fn failed(error: &str) -> Failure {
    let message = format!("failed to fetch Helm repository index: {error}");
    Failure::retry(sluice_apis::meta::reasons::FAILED, message).with_condition(FETCH_FAILED)
}

/// The repository with credentials and certificates as the spec and its Secrets say.
async fn repository(pass: &Pass<HelmRepository>) -> Result<Repository, Failure> {
    let object = &pass.object;
    let invalid = |error: &str| {
        let message = format!("invalid Helm repository URL: {error}");
        Failure::stall(URL_INVALID, message).with_condition(FETCH_FAILED)
    };
    if is_oci(&object.spec.url) {
        return Err(invalid("'oci' URL scheme cannot be used with 'default' HelmRepository type"));
    }
    crate::helm::address::parse(&object.spec.url).map_err(|error| invalid(&error))?;
    let access = access::read(pass.client(), object)
        .await
        .map_err(|error| Failure::retry(AUTHENTICATION_FAILED, error).with_condition(FETCH_FAILED))?;
    access.http(object).map_err(|error| invalid(&error))
}
