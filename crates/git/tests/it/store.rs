//! What happens to a store between fetches.

use sluice_git::{Commit, Error, Walk, fetch};

use crate::support::http::Server;
use crate::support::repo::{Repo, run};
use crate::support::{branch, commit, options, remote, tag};

fn content(commit: &Commit, path: &str) -> Vec<u8> {
    commit.lookup(path.as_bytes(), |entry| entry.read(1 << 20)).unwrap().unwrap()
}

#[tokio::test]
async fn nothing_is_transferred_twice() {
    let repo = Repo::new();
    let first = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&["tag", "-a", "-m", "t", "v1"]);
    repo.push("refs/tags/v1");
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    let posts = server.posts();
    fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    assert_eq!(server.posts(), posts + 1, "a listing only");
    fetch(&remote, &commit(&first, None), store.path(), &options()).await.unwrap();
    assert_eq!(server.posts(), posts + 1);
    let tagged = fetch(&remote, &tag("v1"), store.path(), &options()).await.unwrap();
    assert!(tagged.tag.is_some());
}

#[tokio::test]
async fn only_what_changed_is_transferred() {
    let repo = Repo::empty();
    for number in 0..50 {
        std::fs::write(repo.work().join(format!("file{number}")), format!("{number}").repeat(100)).unwrap();
    }
    repo.commit_all("many");
    repo.push("main");
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    repo.commit("between", "not seen");
    repo.git(&["rm", "-q", "between"]);
    repo.commit("file7", "changed");
    repo.push("main");
    let before = packs(store.path());
    let head = fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    assert_eq!(content(&head, "file7"), b"changed");
    assert_eq!(content(&head, "file8"), "8".repeat(100).as_bytes());
    let new: Vec<_> = packs(store.path()).into_iter().filter(|pack| !before.contains(pack)).collect();
    assert_eq!(new.len(), 1);
    let listing = run(store.path(), &["verify-pack", "-v", new[0].to_str().unwrap()]);
    let objects = listing
        .lines()
        .filter(|line| [" commit ", " tree ", " blob "].iter().any(|kind| line.contains(kind)))
        .count();
    // A thin pack is completed with its bases: at most the old tree and blob more.
    assert!(objects <= 5, "{listing}");
    run(store.path(), &["fsck", "--strict"]);
}

fn packs(store: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(store.join("objects/pack")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .collect()
}

#[tokio::test]
async fn a_rewritten_branch() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    repo.git(&["checkout", "-q", "--orphan", "new"]);
    repo.commit("app.yaml", "rewritten: true\n");
    repo.push("new:main");
    // The server forgets what we tell it to have.
    run(&repo.bare(), &["reflog", "expire", "--expire=now", "--all"]);
    run(&repo.bare(), &["gc", "-q", "--prune=now"]);
    let head = fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    assert_eq!(content(&head, "app.yaml"), b"rewritten: true\n");
}

#[tokio::test]
async fn a_damaged_store_heals() {
    // Once for libgit2's reader, once for the streaming one.
    for lines in [20_000, 200_000] {
        heals(lines).await;
    }
}

async fn heals(lines: u64) {
    let repo = Repo::new();
    let big: String = (0..lines)
        .flat_map(|number| [(number.wrapping_mul(2_654_435_761) % 1_000_003).to_string(), "\n".to_owned()])
        .collect();
    repo.commit("big", &big);
    repo.push("main");
    let server = Server::plain(repo.root()).await;
    let remote = remote(&server.url());
    let walk = |commit: &Commit| {
        commit.walk(|entry| {
            if entry.size()? > 0 {
                entry.read(1 << 24)?;
            }
            Ok::<_, Error>(Walk::Continue)
        })
    };

    // Bytes of an object have changed: reading says so, and the next fetch starts anew.
    let store = tempfile::tempdir().unwrap();
    let commit = fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    walk(&commit).unwrap();
    let pack = packs(store.path())[0].with_extension("pack");
    let mut bytes = std::fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0x55);
    std::fs::remove_file(&pack).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    assert!(matches!(walk(&commit), Err(Error::Object { .. })));
    let again = fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    walk(&again).unwrap();

    // A pack is gone, an index is cut short, the head is missing: noticed by the fetch itself.
    for damage in ["remove", "truncate", "head"] {
        let idx = packs(store.path())[0].clone();
        match damage {
            "remove" => std::fs::remove_file(idx.with_extension("pack")).unwrap(),
            "truncate" => {
                std::fs::remove_file(&idx).unwrap();
                std::fs::write(&idx, b"\xfftOc").unwrap();
            }
            _ => std::fs::remove_file(store.path().join("HEAD")).unwrap(),
        }
        let commit = fetch(&remote, &branch("main"), store.path(), &options())
            .await
            .unwrap_or_else(|err| panic!("{damage}: {err}"));
        walk(&commit).unwrap_or_else(|err| panic!("{damage}: {err}"));
    }
}

#[tokio::test]
async fn stores_do_not_grow_without_bound() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    // As many fetches leave as many packs; these stand for them.
    let folder = store.path().join("objects/pack");
    for number in 0..128 {
        std::fs::write(folder.join(format!("pack-{number:040x}.pack")), "").unwrap();
    }
    repo.commit("app.yaml", "replicas: 2\n");
    repo.push("main");
    let head = fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    assert_eq!(content(&head, "app.yaml"), b"replicas: 2\n");
    assert_eq!(packs(store.path()).len(), 1);
    assert!(!folder.join(format!("pack-{:040x}.pack", 0)).exists());
}

#[tokio::test]
async fn a_commit_whose_history_was_needed() {
    let repo = Repo::new();
    let old = repo.git(&["rev-parse", "HEAD"]);
    repo.commit("app.yaml", "new");
    repo.push("main");
    let config =
        crate::support::http::Config { version_2: false, ..crate::support::http::Config::new(repo.root()) };
    let server = Server::start(config).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    let commit = fetch(&remote, &commit(&old, Some("main")), store.path(), &options()).await.unwrap();
    assert_eq!(content(&commit, "app.yaml"), b"replicas: 1\n");
    let head = fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    assert_eq!(content(&head, "app.yaml"), b"new");
}

#[tokio::test]
async fn many_branches_cost_little_more_than_one() {
    let repo = Repo::empty();
    let mut random = 1_u64;
    let mut noise = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as u8
    };
    for number in 0..8 {
        let content: Vec<u8> = (0..32 << 10).map(|_| noise()).collect();
        std::fs::write(repo.work().join(format!("file{number}")), content).unwrap();
    }
    repo.commit_all("base");
    repo.push("main");
    for number in 0..50 {
        repo.git(&["checkout", "-q", "-B", &format!("branch{number}"), "main"]);
        repo.commit("own", format!("{number}"));
        repo.push(&format!("branch{number}"));
    }
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    fetch(&remote, &branch("main"), store.path(), &options()).await.unwrap();
    let size = || {
        packs(store.path())
            .iter()
            .map(|index| index.with_extension("pack").metadata().unwrap().len())
            .sum::<u64>()
    };
    let one = size();
    for number in 0..50 {
        let head =
            fetch(&remote, &branch(&format!("branch{number}")), store.path(), &options()).await.unwrap();
        assert_eq!(content(&head, "own"), format!("{number}").as_bytes());
    }
    assert!(size() < one * 2, "{} after {one}", size());
    // All of them are still there.
    let posts = server.posts();
    fetch(&remote, &branch("branch0"), store.path(), &options()).await.unwrap();
    assert_eq!(server.posts(), posts + 1, "a listing only");
}
