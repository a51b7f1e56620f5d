//! Large files that are kept beside Git.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use sluice_git::{Auth, Content, Error, Kind, Remote, Walk, fetch};

use crate::support::http::{Config, Large, Server};
use crate::support::repo::Repo;
use crate::support::{branch, options, remote};

const LIMIT: u64 = 1 << 20;

fn oid(content: &[u8]) -> String {
    hex::encode(digest(&SHA256, content))
}

fn pointer(content: &[u8]) -> String {
    format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n",
        oid(content),
        content.len()
    )
}

fn large(contents: &[&[u8]]) -> Large {
    Arc::new(Mutex::new(contents.iter().map(|content| (oid(content), content.to_vec())).collect()))
}

/// A repository with pointers to a text and to zeros, twice.
fn repo() -> Repo {
    let repo = Repo::empty();
    std::fs::write(repo.work().join("model.bin"), pointer(&[0; 5000])).unwrap();
    std::fs::write(repo.work().join("run.sh"), pointer(b"#!/bin/sh\n")).unwrap();
    repo.executable("run.sh");
    std::fs::create_dir(repo.work().join("skipped")).unwrap();
    std::fs::write(repo.work().join("skipped/again.bin"), pointer(&[0; 5000])).unwrap();
    std::fs::write(repo.work().join("plain.yaml"), "a: 1\n").unwrap();
    repo.commit_all("large files");
    repo.push("main");
    repo
}

struct Fetched {
    stores: tempfile::TempDir,
    remote: Remote,
}

impl Fetched {
    fn from(url: &str) -> Self {
        Self { stores: tempfile::tempdir().unwrap(), remote: remote(url) }
    }

    async fn content(&self, limit: u64) -> Result<Content, Error> {
        let store = self.stores.path().join("app.git");
        let mut content = Content::new(fetch(&self.remote, &branch("main"), &store, &options()).await?);
        let wanted = |path: &[u8]| !path.starts_with(b"skipped/");
        content.fetch_lfs(&self.remote, &self.stores.path().join("lfs"), limit, wanted, &options()).await?;
        Ok(content)
    }

    async fn error(&self, limit: u64) -> String {
        self.content(limit).await.unwrap_err().to_string()
    }
}

fn files(content: &Content) -> HashMap<String, (Kind, Vec<u8>)> {
    let mut files = HashMap::new();
    content
        .walk(|entry| {
            if matches!(entry.kind, Kind::File | Kind::Executable) {
                let path = String::from_utf8(entry.path.to_vec()).unwrap();
                files.insert(path, (entry.kind, entry.read(LIMIT)?));
            }
            Ok::<_, Error>(Walk::Continue)
        })
        .unwrap();
    files
}

#[tokio::test]
async fn pointers_give_way_to_what_they_stand_for() {
    let repo = repo();
    let large = large(&[&[0; 5000], b"#!/bin/sh\n"]);
    let server = Server::start(Config { large: Some(large), ..Config::new(repo.root()) }).await;
    let fetched = Fetched::from(&server.url());
    let found = files(&fetched.content(LIMIT).await.unwrap());
    assert_eq!(found["model.bin"], (Kind::File, vec![0; 5000]));
    assert_eq!(found["run.sh"], (Kind::Executable, b"#!/bin/sh\n".to_vec()));
    assert_eq!(found["plain.yaml"].1, b"a: 1\n");
    // What is the same object is the same everywhere, wanted or not.
    assert_eq!(found["skipped/again.bin"].1, vec![0; 5000]);
    let downloads = || server.seen().iter().filter(|seen| seen.path.contains("/info/lfs/")).count();
    assert_eq!(downloads(), 3, "a batch and two contents");
    fetched.content(LIMIT).await.unwrap();
    assert_eq!(downloads(), 3, "what is here is not asked for again");
}

#[tokio::test]
async fn what_is_too_much_is_refused_before_it_is_downloaded() {
    let repo = repo();
    let large = large(&[&[0; 5000], b"#!/bin/sh\n"]);
    let server = Server::start(Config { large: Some(large), ..Config::new(repo.root()) }).await;
    let fetched = Fetched::from(&server.url());
    assert_eq!(
        fetched.error(5009).await,
        "unable to fetch LFS file 'model.bin': the LFS files of the commit have 5010 bytes, this one 5000, and the \
         limit is 5009: leave files out by spec.ignore or .sourceignore, or have --git-lfs-max-size raised"
    );
    assert!(!server.seen().iter().any(|seen| seen.path.contains("/info/lfs/")));
    fetched.content(5010).await.unwrap();
}

#[tokio::test]
async fn content_that_is_missing_or_wrong_is_told_and_tried_again() {
    let repo = repo();
    let large = large(&[b"#!/bin/sh\n"]);
    let server = Server::start(Config { large: Some(Arc::clone(&large)), ..Config::new(repo.root()) }).await;
    let fetched = Fetched::from(&server.url());
    let prefix = "unable to fetch LFS file 'model.bin': ";
    let error = fetched.error(LIMIT).await;
    assert_eq!(error, format!("{prefix}the LFS server says: 404 Object does not exist"));
    for (wrong, reason) in [
        (vec![1; 5000], "the content has the SHA-256 "),
        (vec![0; 4999], "4999 bytes came instead of 5000"),
        (vec![0; 5001], "the content is longer than the 5000 bytes of its pointer"),
    ] {
        large.lock().unwrap().insert(oid(&[0; 5000]), wrong);
        let error = fetched.error(LIMIT).await;
        assert!(error.starts_with(prefix) && error.contains(reason), "{error}");
    }
    large.lock().unwrap().insert(oid(&[0; 5000]), vec![0; 5000]);
    assert_eq!(files(&fetched.content(LIMIT).await.unwrap())["model.bin"].1, vec![0; 5000]);
}

#[tokio::test]
async fn a_server_without_large_files_is_told() {
    let repo = repo();
    let server = Server::plain(repo.root()).await;
    let error = Fetched::from(&server.url()).error(LIMIT).await;
    let reason = "404 not found: there is no LFS server, or it does not know the repository or the content";
    assert!(error.contains("/app.git/info/lfs/objects/batch") && error.contains(reason), "{error}");
}

#[tokio::test]
async fn credentials_go_to_the_repository_s_server_only() {
    let repo = repo();
    let contents = || large(&[&[0; 5000], b"#!/bin/sh\n"]);
    let header = format!("Basic {}", STANDARD.encode("me:s3cret"));
    let guarded = Config { authorization: Some(header), large: Some(contents()), ..Config::new(repo.root()) };
    let server = Server::start(guarded).await;
    let mut fetched = Fetched::from(&server.url());
    fetched.remote.auth = Auth::Basic { user: "me".to_owned(), password: "s3cret".to_owned() };
    fetched.content(LIMIT).await.unwrap();

    let other = Server::start(Config { large: Some(contents()), ..Config::new(repo.root()) }).await;
    repo.commit(".lfsconfig", format!("[lfs]\n\turl = {}/info/lfs\n", other.url()));
    repo.push("main");
    fetched.stores = tempfile::tempdir().unwrap();
    assert_eq!(files(&fetched.content(LIMIT).await.unwrap())["model.bin"].1, vec![0; 5000]);
    let seen = other.seen();
    assert!(seen.len() == 3 && seen.iter().all(|seen| seen.authorization.is_none()), "{seen:?}");
}
