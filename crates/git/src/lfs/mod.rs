//! Large files that are kept beside Git: the pointers of a commit are found, and what they stand for is fetched into a
//! folder of files that are named by their SHA-256.

mod api;
mod pointer;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use futures::{StreamExt as _, TryStreamExt as _};
use git2::Oid;
use url::Url;

use self::api::{Action, Server};
use self::pointer::{MAX_POINTER, Parsed, Pointer, parse};
use crate::client::within;
use crate::submodule::unquote;
use crate::{Cause, Content, Error, Kind, Options, Remote, Walk};

/// Contents that are asked for in one request, and contents that are downloaded at once.
const BATCH: usize = 100;
const PARALLEL: usize = 4;

/// The most pointers of one commit.
const MAX_POINTERS: usize = 20_000;

/// The most of a `.lfsconfig` that is read, in bytes.
const MAX_CONFIG: u64 = 64 << 10;

/// How much more than the limit of one commit stays in the folder, for other commits.
const KEPT: u64 = 2;

/// The content that a pointer stands for, in a file.
#[derive(Clone, Debug)]
pub(crate) struct Large {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
}

/// Contents by the Git object that is their pointer.
pub(crate) type LargeFiles = HashMap<Oid, Large>;

/// A pointer and where it stands.
struct Found {
    path: String,
    blob: Oid,
    pointer: Pointer,
}

impl Content {
    /// Fetches what LFS pointers stand for into the folder `store`, so that [`Content::walk`] gives it in their place.
    ///
    /// Pointers at paths that `wanted` refuses stay what they are. More than `limit` bytes in all are refused before
    /// anything is downloaded. `remote` is the commit's; submodules have their own. At most one fetch at a time may
    /// use a folder.
    pub async fn fetch_lfs(
        &mut self,
        remote: &Remote,
        store: &Path,
        limit: u64,
        wanted: impl Fn(&[u8]) -> bool + Send + 'static,
        options: &Options,
    ) -> Result<(), Error> {
        let failed = |cause: Cause| match cause {
            Cause::Timeout(_) => Error::Lfs { path: String::new(), reason: cause.to_string() },
            cause => Error::clone_failed(remote, cause),
        };
        within(options.deadline, Box::pin(self.bring_large(remote, store, limit, wanted)), failed).await
    }

    async fn bring_large(
        &mut self,
        remote: &Remote,
        store: &Path,
        limit: u64,
        wanted: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Result<(), Error> {
        let content = self.clone();
        let found = blocking(move || content.pointers(&wanted)).await?;
        check_size(&found, limit)?;
        if found.is_empty() {
            return Ok(());
        }
        let (folder, kept) = (store.to_owned(), names(&found));
        blocking(move || prepare(&folder, &kept, limit)).await?;
        let mut by_server: BTreeMap<String, (Remote, Option<String>, Vec<&Found>)> = BTreeMap::new();
        for found in &found {
            if store.join(found.pointer.oid()).exists() {
                continue;
            }
            let (remote, reference) = self.origin_of(found.path.as_bytes(), remote);
            let entry = by_server.entry(remote.url.to_string());
            entry.or_insert_with(|| (remote.clone(), reference, Vec::new())).2.push(found);
        }
        for (remote, reference, found) in by_server.into_values() {
            let endpoint = self.endpoint(&remote, &found)?;
            let failed = |reason| Error::Lfs { path: found[0].path.clone(), reason };
            let server = Server::new(&remote, endpoint).map_err(failed)?;
            fetch_all(&server, reference.as_deref(), &found, store).await?;
        }
        let large = found.into_iter().map(|found| {
            (found.blob, Large { path: store.join(found.pointer.oid()), size: found.pointer.size })
        });
        self.set_large(&Arc::new(large.collect()));
        Ok(())
    }

    /// The pointers at wanted paths. Blocks.
    fn pointers(&self, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Vec<Found>, Error> {
        let mut all = Vec::new();
        self.walk(|entry| {
            if !matches!(entry.kind, Kind::File | Kind::Executable)
                || entry.size()? > MAX_POINTER
                || !wanted(entry.path)
            {
                return Ok(Walk::Continue);
            }
            let path = || String::from_utf8_lossy(entry.path).into_owned();
            match parse(&entry.read(MAX_POINTER)?) {
                Parsed::Other => {}
                Parsed::Extended => {
                    let reason = "its LFS pointer names an extension: those are programs, which are not run";
                    return Err(Error::Lfs { path: path(), reason: reason.to_owned() });
                }
                Parsed::Pointer(pointer) => all.push(Found { path: path(), blob: entry.id, pointer }),
            }
            if all.len() > MAX_POINTERS {
                let reason = format!("the commit has more than {MAX_POINTERS} LFS pointers");
                return Err(Error::Lfs { path: path(), reason });
            }
            Ok(Walk::Continue)
        })?;
        Ok(all)
    }

    /// The LFS server of a remote: what `.lfsconfig` says, else the repository's own.
    fn endpoint(&self, remote: &Remote, found: &[&Found]) -> Result<Url, Error> {
        let failed = |reason: String| Error::Lfs { path: found[0].path.clone(), reason };
        let configured = self.commit().lookup(b".lfsconfig", |entry| match entry.kind {
            Kind::File | Kind::Executable => entry.read(MAX_CONFIG),
            _ => Ok(Vec::new()),
        })?;
        let configured = configured.and_then(|text| configured_url(&String::from_utf8_lossy(&text)));
        let text = match configured {
            Some(text) => text,
            None if remote.url.scheme() == "ssh" => {
                return Err(failed(
                    "LFS over SSH is not supported: give the repository's https URL, or lfs.url in .lfsconfig"
                        .to_owned(),
                ));
            }
            None => default_url(&remote.url),
        };
        let invalid = || failed(format!("invalid URL of the LFS server '{}'", sluice_http::redact(&text)));
        let mut url = Url::parse(&text).map_err(|_| invalid())?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(invalid());
        }
        // Credentials travel in a header that we control; clearing them cannot fail for http(s).
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(url)
    }
}

/// `https://host/app.git/info/lfs` for `https://host/app` and `https://host/app.git`.
fn default_url(repository: &Url) -> String {
    let mut url = repository.clone();
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let suffix = if path.to_ascii_lowercase().ends_with(".git") { "" } else { ".git" };
    let path = format!("{path}{suffix}/info/lfs");
    url.set_path(&path);
    url.into()
}

/// `lfs.url` of a file in the syntax of git-config(1).
fn configured_url(text: &str) -> Option<String> {
    let (mut inside, mut url) = (false, None);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.eq_ignore_ascii_case("[lfs]");
        } else if inside
            && let Some((key, value)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("url")
        {
            url = Some(unquote(value.trim()));
        }
    }
    url.filter(|url| !url.is_empty())
}

fn names(found: &[Found]) -> BTreeSet<String> {
    found.iter().map(|found| found.pointer.oid().to_owned()).collect()
}

/// Adds up each content once, and refuses too many bytes.
fn check_size(found: &[Found], limit: u64) -> Result<(), Error> {
    let distinct: BTreeSet<&Pointer> = found.iter().map(|found| &found.pointer).collect();
    let total = distinct.iter().fold(0_u64, |total, pointer| total.saturating_add(pointer.size));
    let Some(largest) = found.iter().max_by_key(|found| found.pointer.size).filter(|_| total > limit) else {
        return Ok(());
    };
    let reason = format!(
        "the LFS files of the commit have {total} bytes, this one {}, and the limit is {limit}: leave files out by spec.ignore or .sourceignore, or have --git-lfs-max-size raised",
        largest.pointer.size
    );
    Err(Error::Lfs { path: largest.path.clone(), reason })
}

/// Makes the folder, and removes what is wanted no more once there is too much of it. Blocks.
fn prepare(folder: &Path, kept: &BTreeSet<String>, limit: u64) -> Result<(), Error> {
    let failed = |error: io::Error| Error::Store(error.to_string());
    fs::create_dir_all(folder).map_err(failed)?;
    let mut others = Vec::new();
    let mut total = 0_u64;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        total = total.saturating_add(entry.metadata().map_err(failed)?.len());
        if !entry.file_name().to_str().is_some_and(|name| kept.contains(name)) {
            others.push(entry.path());
        }
    }
    if total > limit.saturating_mul(KEPT) {
        others.iter().try_for_each(fs::remove_file).map_err(failed)?;
    }
    Ok(())
}

/// Downloads what the pointers stand for, each content once.
async fn fetch_all(
    server: &Server,
    reference: Option<&str>,
    found: &[&Found],
    store: &Path,
) -> Result<(), Error> {
    let mut distinct: Vec<&Found> = found.to_vec();
    distinct.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    distinct.dedup_by(|a, b| a.pointer == b.pointer);
    for batch in distinct.chunks(BATCH) {
        let pointers: Vec<&Pointer> = batch.iter().map(|found| &found.pointer).collect();
        let places = server.locate(&pointers, reference).await;
        let mut places = places.map_err(|reason| Error::Lfs { path: batch[0].path.clone(), reason })?;
        let downloads = batch.iter().map(|found| {
            let place = places.remove(found.pointer.oid());
            fetch_one(server, found, place, store)
        });
        let downloads: Vec<_> = downloads.collect();
        futures::stream::iter(downloads).buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await?;
    }
    Ok(())
}

async fn fetch_one(
    server: &Server,
    found: &Found,
    place: Option<Result<Action, String>>,
    store: &Path,
) -> Result<(), Error> {
    let failed = |reason: String| Error::Lfs { path: found.path.clone(), reason };
    let unknown = || Err("the LFS server does not know it".to_owned());
    let action = place.unwrap_or_else(unknown).map_err(failed)?;
    let part = store.join(format!("{}.part", found.pointer));
    let fetched = server.download(&found.pointer, &action, &part).await;
    let done = match fetched {
        Ok(()) => tokio::fs::rename(&part, store.join(found.pointer.oid()))
            .await
            .map_err(|error| format!("unable to store it: {error}")),
        Err(reason) => Err(reason),
    };
    if done.is_err() {
        // Best effort: what is left is overwritten by the next attempt.
        let _ = tokio::fs::remove_file(&part).await;
    }
    done.map_err(failed)
}

/// Runs what blocks on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Store(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_found() {
        let of = |url: &str| default_url(&Url::parse(url).unwrap());
        assert_eq!(of("https://h/org/app"), "https://h/org/app.git/info/lfs");
        assert_eq!(of("https://h/org/app.git/"), "https://h/org/app.git/info/lfs");
        assert_eq!(of("http://u@h:81/app?x=1#y"), "http://u@h:81/app.git/info/lfs");
        let config = "# c\n[lfs]\n\turl = \"https://lfs.example/x\" ; note\n[remote \"o\"]\n url = no\n";
        assert_eq!(configured_url(config).as_deref(), Some("https://lfs.example/x"));
        assert_eq!(configured_url("[lfs]\n fetchexclude = a\n"), None);
    }
}
