//! Phase: what is in the bucket.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use futures::StreamExt as _;
use sluice_apis::conditions::{delete, mark_true};
use sluice_apis::source::v1::{Bucket, Source};
use sluice_archive::Digest;
use sluice_archive::ignore::{self, IGNORE_FILE, Matcher};
use sluice_bucket::{Error, Index};
use sluice_runtime::Pass;
use tempfile::TempDir;
use url::Url;

use super::BucketReconciler;
use crate::conditions::types::{ARTIFACT_OUTDATED, FETCH_FAILED, STORAGE_OPERATION_FAILED};
use crate::conditions::{Drift, mark_progress, reasons};
use crate::failure::Failure;

/// How many objects are downloaded at once.
const PARALLEL: usize = 32;
/// Largest file of ignore patterns in bytes.
const MAX_IGNORE_FILE: u64 = 1 << 20;
/// The most objects of a bucket.
const MAX_OBJECTS: usize = 1_000_000;

/// What was found.
pub(super) struct Found {
    pub(super) index: Index,
    /// The objects' content; None if they are those that are stored.
    pub(super) content: Option<TempDir>,
}

impl BucketReconciler {
    /// Lists the bucket, and fetches its objects if they are others than those that are stored.
    pub(super) async fn find(
        &self,
        pass: &mut Pass<Bucket>,
        bucket: &sluice_bucket::Bucket,
        url: &Url,
    ) -> Result<Found, Failure> {
        let dir = TempDir::new_in(self.workspace.path()).map_err(|error| {
            let message = format!("failed to create temporary working directory: {error}");
            Failure::retry(reasons::DIRECTORY_CREATION_FAILED, message)
                .with_condition(STORAGE_OPERATION_FAILED)
        })?;
        let work = async || look(&pass.object, bucket, dir.path()).await;
        let found = self.lanes.ask(pass, url, work).await?;
        let (index, fetched) = found.map_err(|message| {
            Failure::retry(reasons::BUCKET_OPERATION_FAILED, message).with_condition(FETCH_FAILED)
        })?;
        if fetched {
            let message = format!("new upstream revision '{}'", index.digest(self.storage.algorithm()));
            if pass.object.artifact().is_some() {
                mark_true(&mut pass.object, ARTIFACT_OUTDATED, reasons::NEW_REVISION, &message);
            }
            mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact: {message}"));
            pass.progress().await?;
        }
        delete(&mut pass.object, FETCH_FAILED);
        Ok(Found { index, content: fetched.then_some(dir) })
    }
}

/// Whether the artifact holds what an index lists.
pub(super) fn is_stored(object: &Bucket, index: &Index) -> bool {
    let revision = object.artifact().and_then(|artifact| artifact.revision.parse::<Digest>().ok());
    revision.is_some_and(|revision| index.digest(revision.algorithm()) == revision)
}

/// The index, and whether the objects were fetched.
async fn look(object: &Bucket, bucket: &sluice_bucket::Bucket, dir: &Path) -> Result<(Index, bool), String> {
    let timeout = object.spec.timeout.0;
    let late = |_| Error::Timeout(timeout).to_string();
    let mut index = tokio::time::timeout(timeout, list(object, bucket, dir)).await.map_err(late)??;
    if is_stored(object, &index) {
        return Ok((index, false));
    }
    // The time begins anew: what was found is worth fetching.
    tokio::time::timeout(timeout, fetch(object, bucket, dir, &mut index)).await.map_err(late)??;
    Ok((index, true))
}

async fn list(object: &Bucket, bucket: &sluice_bucket::Bucket, dir: &Path) -> Result<Index, String> {
    let name = &object.spec.bucket_name;
    match bucket.exists().await {
        Ok(true) => {}
        Ok(false) => return Err(format!("bucket '{name}' not found")),
        Err(error) => return Err(format!("failed to confirm existence of '{name}' bucket: {error}")),
    }
    // The patterns go first: they say what to list.
    let file = dir.join(IGNORE_FILE);
    let fetched = bucket.download(IGNORE_FILE, &file).await;
    let fetched =
        fetched.map_err(|error| format!("failed to get Etag for '{IGNORE_FILE}' object: {error}"))?;
    let mut patterns = Vec::new();
    if fetched.is_some() {
        let text = read_limited(&file).map_err(|error| format!("'{IGNORE_FILE}': {error}"))?;
        patterns.extend(ignore::parse(&text, &[]));
    }
    patterns.extend(ignore::parse(object.spec.ignore.as_deref().unwrap_or_default(), &[]));
    let matcher = Matcher::new(patterns);
    let mut index = Index::default();
    let mut too_many = false;
    let mut visit = |found: sluice_bucket::Object| {
        let parts: Vec<&str> = found.key.split('/').collect();
        if found.key.is_empty() || found.key.ends_with('/') || found.key == IGNORE_FILE {
            return;
        }
        if !matcher.excludes(&parts, false) {
            too_many |= index.len() >= MAX_OBJECTS;
            if !too_many {
                index.add(found.key, found.etag);
            }
        }
    };
    let listed = bucket.list(object.spec.prefix.as_deref().unwrap_or_default(), &mut visit).await;
    listed.map_err(|error| {
        format!("indexation of objects from bucket '{name}' failed: listing objects from bucket '{name}' failed: {error}")
    })?;
    if too_many {
        return Err(format!(
            "indexation of objects from bucket '{name}' failed: it holds more than {MAX_OBJECTS} objects: set spec.prefix or spec.ignore"
        ));
    }
    Ok(index)
}

async fn fetch(
    object: &Bucket,
    bucket: &sluice_bucket::Bucket,
    dir: &Path,
    index: &mut Index,
) -> Result<(), String> {
    let name = &object.spec.bucket_name;
    let listed: Vec<(String, String)> =
        index.iter().map(|(key, etag)| (key.to_owned(), etag.to_owned())).collect();
    // Tags may have changed since the listing, and objects may be gone.
    let changes: Mutex<Vec<(String, Option<String>)>> = Mutex::default();
    let failed = |key: &str, error: &dyn std::fmt::Display| {
        format!("fetch from bucket '{name}' failed: failed to get '{key}' object: {error}")
    };
    let downloads = futures::stream::iter(listed).map(|(key, etag)| {
        let (changes, failed) = (&changes, &failed);
        async move {
            let path = place(dir, &key).map_err(|error| failed(&key, &error))?;
            if let Some(parent) = path.parent() {
                tokio::fs::create_dir_all(parent).await.map_err(|error| failed(&key, &error))?;
            }
            let now = bucket.download(&key, &path).await.map_err(|error| failed(&key, &error))?;
            if now.as_ref() != Some(&etag) {
                changes.lock().unwrap_or_else(PoisonError::into_inner).push((key, now));
            }
            Ok::<(), String>(())
        }
    });
    let mut downloads = downloads.buffer_unordered(PARALLEL);
    while let Some(done) = downloads.next().await {
        done?;
    }
    drop(downloads);
    for (key, now) in changes.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some(etag) = now {
            index.add(key, etag);
        } else {
            tracing::info!(key, bucket = name.as_str(), "indexed object disappeared from the bucket");
            index.remove(&key);
        }
    }
    Ok(())
}

/// Where an object goes: below `dir`, whatever its key says. Nothing there is a link.
fn place(dir: &Path, key: &str) -> Result<PathBuf, String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in key.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() || key.contains('\0') {
        return Err("its key names no file".to_owned());
    }
    Ok(parts.iter().fold(dir.to_owned(), |path, part| path.join(part)))
}

fn read_limited(path: &Path) -> std::io::Result<String> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MAX_IGNORE_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_IGNORE_FILE {
        return Err(std::io::Error::other(format!("longer than {MAX_IGNORE_FILE} bytes")));
    }
    Ok(String::from_utf8_lossy(&content).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out() {
        let place = |key: &str| place(Path::new("/dir"), key).map(|path| path.display().to_string());
        assert_eq!(place("a/b").unwrap(), "/dir/a/b");
        assert_eq!(place("../../etc/passwd").unwrap(), "/dir/etc/passwd");
        assert_eq!(place("/a//./b").unwrap(), "/dir/a/b");
        assert!(place("..").is_err() && place("a\0").is_err());
    }
}
