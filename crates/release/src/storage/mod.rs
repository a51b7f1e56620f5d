//! Helm's storage: a Secret for each revision of a release.

mod config_maps;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use sluice_apis::k8s::{ByteString, ObjectMeta, Secret};

use crate::journal;
use crate::record::{CodecError, Release, status};

/// The type of the Secrets.
const SECRET_TYPE: &str = "helm.sh/release.v1";
/// The key in them.
const KEY: &str = "release";
/// Labels that Helm writes.
const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];
/// How many Secrets are listed at once: each may have a megabyte.
const PAGE: u32 = 20;
/// How long a list of revisions, kept up to date with what is written here, stands for what there is. An action asks for
/// it several times in a row, and the API server goes through all Secrets of the namespace each time.
const HEADS_LAST: Duration = Duration::from_secs(2);

/// Why the storage can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such release, or revision of it.
    #[error("release: not found")]
    NotFound,
    /// There is such a revision already.
    #[error("release: already exists")]
    Exists,
    /// No revision of the release is deployed.
    #[error("{0:?} has no deployed releases")]
    NoDeployed(String),
    /// The API server refused, or can't be asked.
    #[error("{what}: {message}")]
    Api {
        /// What was being done, in Helm's words.
        what: &'static str,
        /// What the API server says.
        message: String,
    },
    /// The release can't be stored.
    #[error("{what}: failed to encode release {name:?}: {source}")]
    Encode {
        /// What was being done.
        what: &'static str,
        /// The release.
        name: String,
        /// Why.
        source: CodecError,
    },
}

impl StorageError {
    fn api(what: &'static str, error: kube::Error) -> Self {
        let message = match error {
            kube::Error::Api(status) => status.message,
            other => other.to_string(),
        };
        Self::Api { what, message }
    }

    /// Whether there is no such release.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound)
    }
}

/// The storage in one namespace. Whatever it writes, it tells its observer.
pub struct Storage {
    api: Api<Secret>,
    max_history: usize,
    observed: Mutex<Vec<Release>>,
    /// The revisions of the release that was asked for last.
    listed: Mutex<Option<Listed>>,
    /// The revision that was read or written last, as it is stored: packed, it is small.
    newest: Mutex<Option<Secret>>,
}

/// The revisions of a release.
struct Listed {
    name: String,
    at: Instant,
    heads: Vec<Head>,
}

impl Listed {
    fn note(&mut self, release: &Release, stored: &Secret) {
        self.forget(release.version);
        let is_deployed = release.info.status == status::DEPLOYED;
        let resource_version = stored.metadata.resource_version.clone();
        self.heads.push(Head { version: release.version, is_deployed, resource_version });
    }

    fn forget(&mut self, version: i64) {
        self.heads.retain(|head| head.version != version);
    }
}

impl Storage {
    /// The storage in a namespace. `max_history` revisions are kept, 0 for all.
    pub fn new(client: Client, namespace: &str, max_history: usize) -> Self {
        let api = Api::namespaced(client, namespace);
        let (observed, listed, newest) = Default::default();
        Self { api, max_history, observed, listed, newest }
    }

    /// The revisions that were written or deleted since this was asked last, in order.
    pub fn take_observed(&self) -> Vec<Release> {
        std::mem::take(&mut *lock(&self.observed))
    }

    fn observe(&self, release: &Release) {
        lock(&self.observed).push(release.clone());
    }

    /// Keeps the list of revisions up to date.
    fn relist(&self, name: &str, change: impl FnOnce(&mut Listed)) {
        if let Some(listed) = lock(&self.listed).as_mut().filter(|listed| listed.name == name) {
            change(listed);
        }
    }

    /// All revisions, the newest first. Those that can't be read are left out, as Helm does.
    pub async fn history(&self, name: &str) -> Result<Vec<Release>, StorageError> {
        self.query(&format!("name={name},owner=helm")).await
    }

    /// The revisions that are deployed, the newest first.
    pub async fn deployed(&self, name: &str) -> Result<Vec<Release>, StorageError> {
        let releases = self.query(&format!("name={name},owner=helm,status={}", status::DEPLOYED)).await;
        match releases {
            Ok(releases) if !releases.is_empty() => Ok(releases),
            Ok(_) | Err(StorageError::NotFound) => Err(StorageError::NoDeployed(name.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// The newest revision.
    pub async fn last(&self, name: &str) -> Result<Release, StorageError> {
        self.last_and_writer(name).await.map(|(release, _)| release)
    }

    /// The newest revision, and whether it was written by this controller.
    pub async fn last_and_writer(&self, name: &str) -> Result<(Release, bool), StorageError> {
        // The labels of the Secrets tell which is the newest: only that one is read.
        let mut heads = self.heads(name).await?;
        heads.sort_unstable_by_key(|head| head.version);
        while let Some(head) = heads.pop() {
            match self.stored(name, &head).await {
                Ok(secret) => match decode(&secret) {
                    Ok(release) => {
                        let is_own = is_own(&secret);
                        let release = Release { labels: labels(&secret), ..release };
                        *lock(&self.newest) = Some(secret);
                        return Ok((release, is_own));
                    }
                    Err(error) => {
                        tracing::debug!(secret = secret.metadata.name, %error, "a stored release can't be read");
                    }
                },
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(error) => return Err(StorageError::api("query: failed to query with labels", error)),
            }
        }
        Err(StorageError::NotFound)
    }

    /// A revision as it is stored: read, unless what was read or written last is that very version of it.
    async fn stored(&self, name: &str, head: &Head) -> Result<Secret, kube::Error> {
        let key = key(name, head.version);
        let is_it = |secret: &Secret| {
            let meta = &secret.metadata;
            meta.name.as_ref() == Some(&key)
                && meta.resource_version.is_some()
                && meta.resource_version == head.resource_version
        };
        let kept = lock(&self.newest).take().filter(is_it);
        match kept {
            Some(secret) => Ok(secret),
            None => self.api.get(&key).await,
        }
    }

    /// One revision.
    pub async fn get(&self, name: &str, version: i64) -> Result<Release, StorageError> {
        let key = key(name, version);
        let secret = match self.api.get(&key).await {
            Ok(secret) => secret,
            Err(kube::Error::Api(status)) if status.is_not_found() => return Err(StorageError::NotFound),
            Err(error) => return Err(StorageError::api("get: failed to get release", error)),
        };
        let release =
            decode(&secret).map_err(|source| StorageError::Encode { what: "get", name: key, source })?;
        let mut labels = labels(&secret);
        labels.retain(|label, _| !SYSTEM_LABELS.contains(&label.as_str()));
        Ok(Release { labels, ..release })
    }

    /// Stores a new revision, after making room for it.
    pub async fn create(&self, release: &Release) -> Result<(), StorageError> {
        self.make_room(&release.name).await?;
        let secret = self.secret(release, "createdAt", "create")?;
        journal::before_write("create release");
        // The one before is no longer the newest.
        *lock(&self.newest) = None;
        let stored = match self.api.create(&written_by(), &secret).await {
            Ok(stored) => stored,
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                *lock(&self.listed) = None;
                return Err(StorageError::Exists);
            }
            Err(error) => return Err(StorageError::api("create: failed to create", error)),
        };
        self.relist(&release.name, |listed| listed.note(release, &stored));
        self.observe(release);
        Ok(())
    }

    /// Stores a revision in place of what is stored of it.
    pub async fn update(&self, release: &Release) -> Result<(), StorageError> {
        let secret = self.secret(release, "modifiedAt", "update")?;
        let name = key(&release.name, release.version);
        let params = written_by();
        journal::before_write("update release");
        let stored = self
            .api
            .replace(&name, &params, &secret)
            .await
            .map_err(|error| StorageError::api("update: failed to update", error))?;
        self.relist(&release.name, |listed| listed.note(release, &stored));
        *lock(&self.newest) = Some(stored);
        self.observe(release);
        Ok(())
    }

    /// As [`Self::update`]; a failure is only logged.
    pub async fn record(&self, release: &Release) {
        if let Err(error) = self.update(release).await {
            tracing::warn!(name = release.name, revision = release.version, %error, "failed to update release");
        }
    }

    /// Deletes a revision, given as it is stored.
    pub async fn delete(&self, release: &Release) -> Result<(), StorageError> {
        let name = key(&release.name, release.version);
        journal::before_write("delete release");
        match self.api.delete(&name, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => return Err(StorageError::NotFound),
            Err(error) => return Err(StorageError::api("delete: failed to delete", error)),
        }
        self.relist(&release.name, |listed| listed.forget(release.version));
        self.observe(release);
        Ok(())
    }

    /// Deletes the oldest revisions, so that one more does not exceed the limit; never the last deployed one.
    async fn make_room(&self, name: &str) -> Result<(), StorageError> {
        if self.max_history == 0 {
            return Ok(());
        }
        let mut releases = match self.heads(name).await {
            Ok(releases) => releases,
            Err(StorageError::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        releases.sort_unstable_by_key(|head| head.version);
        let last_deployed = releases.iter().rev().find(|head| head.is_deployed).map(|head| head.version);
        let mut surplus = (releases.len() + 1).saturating_sub(self.max_history);
        for head in releases {
            if surplus == 0 {
                break;
            }
            if Some(head.version) == last_deployed {
                continue;
            }
            surplus -= 1;
            // What goes is observed too: Flux's history of a rollback shows it once more.
            let gone = self.get(name, head.version).await.ok();
            let secret = key(name, head.version);
            match self.api.delete(&secret, &DeleteParams::default()).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                Err(error) => return Err(StorageError::api("delete: failed to delete", error)),
            }
            self.relist(name, |listed| listed.forget(head.version));
            if let Some(gone) = &gone {
                self.observe(gone);
            }
        }
        Ok(())
    }

    /// Numbers and states of the revisions, by the labels of their Secrets.
    async fn heads(&self, name: &str) -> Result<Vec<Head>, StorageError> {
        let known = {
            let listed = lock(&self.listed);
            let fresh =
                listed.as_ref().filter(|listed| listed.name == name && listed.at.elapsed() < HEADS_LAST);
            fresh.map(|listed| listed.heads.clone())
        };
        let heads = if let Some(heads) = known {
            heads
        } else {
            let at = Instant::now();
            let heads = self.list_heads(name).await?;
            *lock(&self.listed) = Some(Listed { name: name.to_owned(), at, heads: heads.clone() });
            heads
        };
        if heads.is_empty() { Err(StorageError::NotFound) } else { Ok(heads) }
    }

    async fn list_heads(&self, name: &str) -> Result<Vec<Head>, StorageError> {
        let params = ListParams::default().labels(&format!("name={name},owner=helm"));
        let list = self
            .api
            .list_metadata(&params)
            .await
            .map_err(|error| StorageError::api("query: failed to query with labels", error))?;
        let head = |meta: &ObjectMeta| {
            let labels = meta.labels.as_ref()?;
            let version = labels.get("version")?.parse().ok()?;
            let is_deployed = labels.get("status").is_some_and(|found| found == status::DEPLOYED);
            Some(Head { version, is_deployed, resource_version: meta.resource_version.clone() })
        };
        Ok(list.items.iter().filter_map(|object| head(&object.metadata)).collect())
    }

    async fn query(&self, selector: &str) -> Result<Vec<Release>, StorageError> {
        let mut releases = Vec::new();
        let mut found = false;
        let mut params = ListParams::default().labels(selector).limit(PAGE);
        loop {
            let list = self
                .api
                .list(&params)
                .await
                .map_err(|error| StorageError::api("query: failed to query with labels", error))?;
            found |= !list.items.is_empty();
            for secret in list.items {
                match decode(&secret) {
                    Ok(release) => releases.push(Release { labels: labels(&secret), ..release }),
                    Err(error) => {
                        tracing::debug!(secret = secret.metadata.name, %error, "a stored release can't be read");
                    }
                }
            }
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
        if !found {
            return Err(StorageError::NotFound);
        }
        Release::sort_newest_first(&mut releases);
        Ok(releases)
    }

    fn secret(&self, release: &Release, stamp: &str, what: &'static str) -> Result<Secret, StorageError> {
        let data = release.encode().map_err(|source| StorageError::Encode {
            what,
            name: release.name.clone(),
            source,
        })?;
        let mut labels = release.labels.clone();
        for (label, value) in [
            (stamp, Timestamp::now().as_second().to_string()),
            ("name", release.name.clone()),
            ("owner", "helm".to_owned()),
            ("status", release.info.status.clone()),
            ("version", release.version.to_string()),
        ] {
            labels.insert(label.to_owned(), value);
        }
        Ok(Secret {
            metadata: ObjectMeta {
                name: Some(key(&release.name, release.version)),
                namespace: self.api.namespace().map(ToOwned::to_owned),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some(BTreeMap::from([(KEY.to_owned(), ByteString(data))])),
            ..Secret::default()
        })
    }
}

#[derive(Clone)]
struct Head {
    version: i64,
    is_deployed: bool,
    resource_version: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is done under these locks can't be left half done by a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of the Secret of a revision.
pub fn key(name: &str, version: i64) -> String {
    format!("sh.helm.release.v1.{name}.v{version}")
}

fn labels(secret: &Secret) -> BTreeMap<String, String> {
    secret.metadata.labels.clone().unwrap_or_default()
}

fn decode(secret: &Secret) -> Result<Release, CodecError> {
    let data = secret.data.as_ref().and_then(|data| data.get(KEY));
    Release::decode(data.map_or(&[], |data| data.0.as_slice()))
}

/// Whether this controller has written a stored release.
fn is_own(secret: &Secret) -> bool {
    let managers = secret.metadata.managed_fields.as_deref().unwrap_or_default();
    managers.iter().any(|entry| entry.manager.as_deref() == Some(crate::objects::FIELD_MANAGER))
}

/// Writes under the controller's name, as Flux's does.
fn written_by() -> PostParams {
    PostParams { field_manager: Some(crate::objects::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
