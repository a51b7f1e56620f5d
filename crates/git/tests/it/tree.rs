//! Reading trees.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use sluice_git::{Commit, Error, Kind, Walk, fetch};

use crate::support::http::Server;
use crate::support::repo::Repo;
use crate::support::{branch, options, remote};

async fn fetched(repo: &Repo) -> (tempfile::TempDir, Commit) {
    repo.push("main");
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let commit = fetch(&remote(&server.url()), &branch("main"), store.path(), &options()).await.unwrap();
    (store, commit)
}

fn paths(commit: &Commit) -> Vec<String> {
    let mut paths = Vec::new();
    commit
        .walk(|entry| {
            paths.push(String::from_utf8_lossy(entry.path).into_owned());
            Ok::<_, Error>(Walk::Continue)
        })
        .unwrap();
    paths
}

#[tokio::test]
async fn order_is_lexical_and_depth_first() {
    let repo = Repo::empty();
    // Git itself would put "a.b" before "a/".
    for path in ["a/z", "a.b", "a-b", "a/b/c", "b", "Z"] {
        repo.commit(path, path);
    }
    let (_store, commit) = fetched(&repo).await;
    assert_eq!(paths(&commit), ["Z", "a", "a/b", "a/b/c", "a/z", "a-b", "a.b", "b"]);
    let mut seen = Vec::new();
    commit
        .walk(|entry| {
            seen.push(entry.path.to_vec());
            Ok::<_, Error>(match entry.path {
                b"a" => Walk::SkipDirectory,
                b"a.b" => Walk::Stop,
                _ => Walk::Continue,
            })
        })
        .unwrap();
    assert_eq!(seen, [&b"Z"[..], b"a", b"a-b", b"a.b"]);
}

#[tokio::test]
async fn kinds_modes_and_odd_names() {
    let repo = Repo::new();
    repo.commit("crlf.txt", "a\r\nb\r\n");
    repo.commit(".gitattributes", "* text=auto eol=lf\n");
    repo.commit("run.sh", "#!/bin/sh\n");
    repo.executable("run.sh");
    symlink("app.yaml", repo.work().join("link")).unwrap();
    let long = format!("{}/{}/{}", "d".repeat(70), "e".repeat(70), "f".repeat(70));
    repo.commit(&long, "long");
    std::fs::write(repo.work().join(OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    repo.commit_all("odd");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},module", "1".repeat(40))]);
    repo.git(&["commit", "-q", "-m", "module"]);
    let (_store, commit) = fetched(&repo).await;
    let mut found = std::collections::HashMap::new();
    commit
        .walk(|entry| {
            let mut content = Vec::new();
            if !matches!(entry.kind, Kind::Directory | Kind::Submodule) {
                entry.reader()?.read_to_end(&mut content).unwrap();
                assert_eq!(entry.size()?, content.len() as u64);
            }
            found.insert(entry.path.to_vec(), (entry.kind, entry.mode, content));
            Ok::<_, Error>(Walk::Continue)
        })
        .unwrap();
    let file = |path: &[u8]| found[path].clone();
    assert_eq!(file(b"crlf.txt").2, b"a\r\nb\r\n", "no conversion of line ends");
    assert_eq!(file(b"run.sh"), (Kind::Executable, 0o100_755, b"#!/bin/sh\n".to_vec()));
    assert_eq!(file(b"app.yaml").0, Kind::File);
    assert_eq!(file(b"link"), (Kind::Symlink, 0o120_000, b"app.yaml".to_vec()));
    assert_eq!(file(b"module").0, Kind::Submodule);
    assert_eq!(file(long.as_bytes()).2, b"long");
    assert_eq!(file(b"caf\xe9").2, b"latin");

    let content = commit.lookup(long.as_bytes(), |entry| entry.read(10)).unwrap();
    assert_eq!(content.as_deref(), Some(&b"long"[..]));
    assert!(commit.lookup(b"app.yaml/x", |entry| entry.read(10)).unwrap().is_none());
    assert!(commit.lookup(b"nope", |entry| entry.read(10)).unwrap().is_none());
    assert!(commit.lookup(long.as_bytes(), |entry| entry.read(3)).is_err(), "the limit holds");
}

#[tokio::test]
async fn big_files() {
    let repo = Repo::empty();
    let mut content = vec![0_u8; 5 << 20];
    let mut state = 1_u64;
    for byte in &mut content {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *byte = (state >> 56) as u8;
    }
    repo.commit("big.bin", &content);
    let (_store, commit) = fetched(&repo).await;
    let read = commit
        .lookup(b"big.bin", |entry| {
            let mut read = Vec::new();
            entry.reader()?.read_to_end(&mut read).unwrap();
            Ok::<_, Error>(read)
        })
        .unwrap()
        .unwrap();
    assert!(read == content);
}

#[tokio::test]
async fn hostile_trees_are_refused() {
    for name in ["..", ".git", ".GIT", "."] {
        let repo = Repo::new();
        let blob = repo.git(&["rev-parse", "HEAD:app.yaml"]);
        let object = repo.work().join("../tree");
        let mut tree = format!("100644 {name}\0").into_bytes();
        tree.extend((0..20).map(|index| u8::from_str_radix(&blob[index * 2..index * 2 + 2], 16).unwrap()));
        std::fs::write(&object, tree).unwrap();
        let tree = repo.git(&["hash-object", "-t", "tree", "--literally", "-w", object.to_str().unwrap()]);
        let hostile = repo.git(&["commit-tree", "-m", "hostile", &tree]);
        repo.git(&["reset", "-q", "--soft", &hostile]);
        let (_store, commit) = fetched(&repo).await;
        let err = commit.walk(|_| Ok::<_, Error>(Walk::Continue)).unwrap_err();
        assert!(matches!(err, Error::UnsafePath { .. }), "{name}: {err:?}");
    }
}

#[tokio::test]
async fn signatures_are_split_off() {
    let repo = Repo::new();
    let key = crate::support::ssh::KeyPair::generate("-t ed25519", "");
    let path = repo.root().join("signing");
    std::fs::write(&path, &key.private).unwrap();
    std::fs::write(path.with_extension("pub"), &key.public).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    repo.git(&["config", "gpg.format", "ssh"]);
    repo.git(&["config", "user.signingkey", path.to_str().unwrap()]);
    repo.git(&["commit", "-q", "-S", "--allow-empty", "-m", "signed"]);
    repo.git(&["tag", "-s", "-m", "signed tag", "v1"]);
    repo.push("refs/tags/v1");
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let commit =
        fetch(&remote(&server.url()), &crate::support::tag("v1"), store.path(), &options()).await.unwrap();
    let tag = commit.tag.unwrap();
    // The real ssh-keygen is the judge of both payloads.
    let allowed = repo.root().join("allowed");
    std::fs::write(&allowed, format!("me {}\n", key.public)).unwrap();
    for (payload, signature) in
        [(commit.payload, commit.signature.unwrap()), (tag.payload, tag.signature.unwrap())]
    {
        let file = repo.root().join("signature");
        std::fs::write(&file, signature).unwrap();
        let data = repo.root().join("payload");
        std::fs::write(&data, payload).unwrap();
        let output = std::process::Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "git", "-I", "me", "-f"])
            .arg(&allowed)
            .arg("-s")
            .arg(&file)
            .stdin(std::fs::File::open(&data).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(tag.message, "signed tag\n");
}

#[tokio::test]
async fn submodules() {
    let repo = Repo::new();
    let lib = Repo::new();
    let sha = lib.git(&["rev-parse", "HEAD"]);
    std::fs::write(
        repo.work().join(".gitmodules"),
        "[submodule \"lib\"]\n\tpath = libs/lib\n\turl = ../lib.git\n[submodule \"gone\"]\n\tpath = gone\n\turl = ../gone.git\n",
    )
    .unwrap();
    repo.commit_all("modules");
    for path in ["libs/lib", "unlisted"] {
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},{path}")]);
    }
    repo.git(&["commit", "-q", "-m", "pins"]);
    repo.push("main");
    symlink(lib.bare(), repo.root().join("lib.git")).unwrap();
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let parent = remote(&server.url());
    let commit = fetch(&parent, &branch("main"), store.path(), &options()).await.unwrap();
    let modules = commit.submodules().unwrap();
    assert_eq!(modules.len(), 1);
    assert_eq!((modules[0].path.as_str(), modules[0].sha.as_str()), ("libs/lib", sha.as_str()));
    let reference = crate::support::commit(&modules[0].sha, None);
    let store = tempfile::tempdir().unwrap();
    let module =
        fetch(&modules[0].remote(&parent).unwrap(), &reference, store.path(), &options()).await.unwrap();
    assert_eq!(paths(&module), ["app.yaml"]);
}
