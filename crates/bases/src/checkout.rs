//! A repository at a reference.

use std::path::Path;

use sluice_git::{Content, Error, Limits, Options, Reference, Remote, RemoteRef, fetch, ls_remote};
use sluice_kustomize::remote::{Checkout, RemoteError, Repository};
use tempfile::TempDir;
use tokio::time::{Instant, timeout_at};

use crate::tree;

/// Objects in one pack.
const MAX_OBJECTS: u32 = 2_000_000;
/// Bytes of a listing of references.
const MAX_LISTING: u64 = 64 << 20;

/// Fetches the tree of a repository, of at most `limit` bytes.
pub async fn checkout(
    remote: &Remote,
    repository: &Repository,
    limit: u64,
    deadline: Instant,
) -> Result<Checkout, RemoteError> {
    let allowed = crate::seconds(deadline, Instant::now());
    let work = async {
        let store = TempDir::with_prefix("sluice-git-").map_err(|error| tree::disk(&error))?;
        let limits = Limits { pack_bytes: limit, objects: MAX_OBJECTS, listing_bytes: MAX_LISTING };
        let content = content(remote, repository, store.path(), &Options { deadline, limits })
            .await
            .map_err(|error| RemoteError::Failed(error.to_string()))?;
        tracing::debug!(url = remote.display_url(), commit = content.commit().sha, "fetched a base");
        let written = tokio::task::spawn_blocking(move || tree::write(&content, limit)).await;
        // The store is needed until the files are written.
        drop(store);
        written.unwrap_or_else(|error| Err(RemoteError::Failed(error.to_string()))).map(Checkout::from)
    };
    let late =
        || RemoteError::Timeout { limit: allowed.clone(), doing: "fetching the repository".to_owned() };
    match timeout_at(deadline, work).await {
        Ok(Err(_)) if Instant::now() >= deadline => Err(late()),
        Ok(done) => done,
        Err(_) => Err(late()),
    }
}

async fn content(
    remote: &Remote,
    repository: &Repository,
    store: &Path,
    options: &Options,
) -> Result<Content, Error> {
    let reference = resolve(remote, &repository.reference, options).await?;
    let commit = fetch(remote, &reference, &store.join("root"), options).await?;
    let mut content = Content::new(commit);
    if repository.submodules {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let next = |_: &Remote| {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            store.join(number.to_string())
        };
        content.fetch_submodules(remote, &next, options).await?;
    }
    Ok(content)
}

/// What `git fetch` takes a reference for: a commit, a full name, or the first of the usual places that has it.
async fn resolve(remote: &Remote, reference: &str, options: &Options) -> Result<Reference, Error> {
    if reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let sha = reference.to_ascii_lowercase();
        return Ok(Reference::Commit { sha, branch: None, name: None });
    }
    if reference.is_empty() {
        return Ok(Reference::Name("HEAD".to_owned()));
    }
    let places = places(reference);
    let prefixes: Vec<&str> = places.iter().map(String::as_str).collect();
    let listed = ls_remote(remote, &prefixes, options).await?;
    Ok(Reference::Name(choose(&places, &listed).unwrap_or(reference).to_owned()))
}

/// By gitrevisions(7), most specific first.
fn places(reference: &str) -> [String; 4] {
    [
        reference.to_owned(),
        format!("refs/{reference}"),
        format!("refs/tags/{reference}"),
        format!("refs/heads/{reference}"),
    ]
}

fn choose<'p>(places: &'p [String], listed: &[RemoteRef]) -> Option<&'p str> {
    places.iter().find(|place| listed.iter().any(|found| found.name == **place)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_before_branches() {
        let listed = |names: &[&str]| {
            let entry =
                |name: &&str| RemoteRef { name: (*name).to_owned(), sha: String::new(), peeled: None };
            names.iter().map(entry).collect::<Vec<_>>()
        };
        let places = places("v1");
        let both = listed(&["refs/heads/v1", "refs/tags/v1", "refs/tags/v1.1"]);
        assert_eq!(choose(&places, &both), Some("refs/tags/v1"));
        assert_eq!(choose(&places, &listed(&["refs/heads/v1"])), Some("refs/heads/v1"));
        assert_eq!(choose(&places, &listed(&["refs/heads/v1.1"])), None);
    }
}
