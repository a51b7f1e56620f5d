//! SSH: keys, host keys, paths.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use russh::keys::HashAlg;
use sluice_git::{Auth, Cause, Error, Remote, SshAlgorithms, fetch, resolve};

use crate::support::repo::Repo;
use crate::support::ssh::{KeyPair, Server};
use crate::support::{branch, options, remote};

fn auth(key: &KeyPair, password: Option<&str>, known_hosts: &str) -> Auth {
    Auth::Ssh {
        identity: key.private.clone(),
        password: password.map(str::to_owned),
        known_hosts: known_hosts.as_bytes().to_vec(),
    }
}

async fn get(url: &str, auth: Auth) -> Result<String, Error> {
    get_from(&Remote { auth, ..remote(url) }).await
}

async fn get_from(remote: &Remote) -> Result<String, Error> {
    let store = tempfile::tempdir().unwrap();
    fetch(remote, &branch("main"), store.path(), &options()).await.map(|commit| commit.revision)
}

#[tokio::test]
async fn all_key_types_and_formats() {
    let repo = Repo::new();
    let host = KeyPair::generate("-t ed25519", "");
    let keys = [
        "-t ed25519",
        "-t ecdsa -b 256",
        "-t ecdsa -b 384",
        "-t ecdsa -b 521",
        "-t rsa -b 2048",
        "-t rsa -b 2048 -m PEM",
        "-t rsa -b 2048 -m PKCS8",
        "-t ecdsa -b 256 -m PKCS8",
    ];
    for args in keys {
        let key = KeyPair::generate(args, "");
        let server = Server::start(repo.root(), &[&host], &key.public).await;
        let revision = get(&server.url(), auth(&key, None, &server.known_hosts(&host))).await;
        assert!(revision.is_ok(), "{args}: {revision:?}");
        let (user, hash) = server.logins.lock().unwrap()[0].clone();
        assert_eq!(user, "git");
        if args.contains("rsa") {
            assert_eq!(hash, Some(HashAlg::Sha512), "{args}");
        }
    }
}

#[tokio::test]
async fn encrypted_keys() {
    let repo = Repo::new();
    let host = KeyPair::generate("-t ed25519", "");
    for args in ["-t ed25519", "-t rsa -b 2048", "-t rsa -b 2048 -m PKCS8", "-t rsa -b 2048 -m PEM"] {
        let key = KeyPair::generate(args, "sesame");
        let server = Server::start(repo.root(), &[&host], &key.public).await;
        let known = server.known_hosts(&host);
        let opened = get(&server.url(), auth(&key, Some("sesame"), &known)).await;
        assert!(opened.is_ok(), "{args}: {opened:?}");
        let err = get(&server.url(), auth(&key, None, &known)).await.unwrap_err();
        assert!(matches!(err.cause(), Some(Cause::EncryptedIdentity)), "{args}: {err:?}");
        let err = get(&server.url(), auth(&key, Some("wrong-word"), &known)).await.unwrap_err();
        assert!(matches!(err.cause(), Some(Cause::Authentication(_))), "{args}: {err:?}");
        assert!(!format!("{err:?}").contains("wrong-word"));
    }
}

#[tokio::test]
async fn users_and_paths() {
    let repo = Repo::new();
    std::fs::rename(repo.bare(), repo.root().join("it's $(touch x).git")).unwrap();
    let (host, key) = (KeyPair::generate("-t ed25519", ""), KeyPair::generate("-t ed25519", ""));
    let server = Server::start(repo.root(), &[&host], &key.public).await;
    let url = format!("ssh://deploy%2Bbot@{}/it's%20$(touch%20x).git", server.address);
    get(&url, auth(&key, None, &server.known_hosts(&host))).await.unwrap();
    assert_eq!(server.logins.lock().unwrap()[0].0, "deploy+bot");
    let absent = format!("ssh://git@{}/none.git", server.address);
    let err = get(&absent, auth(&key, None, &server.known_hosts(&host))).await.unwrap_err();
    assert!(matches!(err, Error::RepositoryNotFound { .. }), "{err:?}");
    assert!(err.to_string().contains("does not appear to be a git repository"), "{err}");
    let closed = async {
        while server.active.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), closed).await.expect("connections end with their fetch");
}

#[tokio::test]
async fn host_keys() {
    let repo = Repo::new();
    let (host, other, key) = (
        KeyPair::generate("-t ed25519", ""),
        KeyPair::generate("-t ed25519", ""),
        KeyPair::generate("-t ed25519", ""),
    );
    let server = Server::start(repo.root(), &[&host], &key.public).await;
    let known = server.known_hosts(&host);
    let try_with = |known: String| get_owned(server.url(), auth(&key, None, &known));

    assert!(try_with(known.clone()).await.is_ok());
    assert!(try_with(hashed(&known)).await.is_ok(), "hashed by ssh-keygen -H");
    let err = try_with(server.known_hosts(&other)).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::HostKeyMismatch { .. })), "{err:?}");
    assert!(err.to_string().contains("ssh: handshake failed: knownhosts: key mismatch"), "{err}");
    let err = try_with(format!("other.example {}", host.public)).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::HostKeyUnknown { .. })), "{err:?}");
    assert!(err.to_string().contains("knownhosts: key is unknown"), "{err}");
    let err = try_with(format!("{known}@revoked * {}", host.public)).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::HostKeyRevoked { .. })), "{err:?}");
    let err = try_with(
        known.replace("[127.0.0.1]", "127.0.0.1").replace(&format!(":{}", server.address.port()), ""),
    )
    .await
    .unwrap_err();
    assert!(
        matches!(err.cause(), Some(Cause::HostKeyUnknown { .. })),
        "an entry for port 22 is another host: {err:?}"
    );
    assert_eq!(server.logins.lock().unwrap().len(), 2, "nobody logs in to an unverified host");
}

async fn get_owned(url: String, auth: Auth) -> Result<String, Error> {
    get(&url, auth).await
}

/// What `ssh-keygen -H` makes of a file.
fn hashed(known_hosts: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    std::fs::write(&path, known_hosts).unwrap();
    assert!(
        Command::new("ssh-keygen")
            .arg("-q")
            .arg("-H")
            .arg("-f")
            .arg(&path)
            .output()
            .unwrap()
            .status
            .success()
    );
    let hashed = std::fs::read_to_string(path).unwrap();
    assert!(hashed.starts_with("|1|"), "{hashed}");
    hashed
}

#[tokio::test]
async fn a_listed_host_key_type_is_preferred() {
    let repo = Repo::new();
    let (ed, rsa, key) = (
        KeyPair::generate("-t ed25519", ""),
        KeyPair::generate("-t rsa -b 2048", ""),
        KeyPair::generate("-t ed25519", ""),
    );
    let server = Server::start(repo.root(), &[&ed, &rsa], &key.public).await;
    for listed in [&rsa, &ed] {
        get(&server.url(), auth(&key, None, &server.known_hosts(listed))).await.unwrap();
    }
}

#[tokio::test]
async fn algorithms_can_be_chosen() {
    let repo = Repo::new();
    let (host, key) = (KeyPair::generate("-t rsa -b 2048", ""), KeyPair::generate("-t ed25519", ""));
    let server = Server::start(repo.root(), &[&host], &key.public).await;
    let with = |kex: &str, host_key: &str| {
        let list = |name: &str| if name.is_empty() { vec![] } else { vec![name.to_owned()] };
        let ssh = SshAlgorithms { kex: list(kex), host_key: list(host_key) };
        Remote { auth: auth(&key, None, &server.known_hosts(&host)), ssh, ..remote(&server.url()) }
    };
    get_from(&with("curve25519-sha256", "rsa-sha2-256")).await.unwrap();
    let err = get_from(&with("", "ssh-ed25519")).await.unwrap_err();
    assert!(err.to_string().contains("no common algorithm"), "{err}");
    let err = get_from(&with("made-up", "")).await.unwrap_err();
    assert!(err.to_string().contains("unsupported key exchange algorithm 'made-up'"), "{err}");
}

#[tokio::test]
async fn wrong_keys_and_missing_keys() {
    let repo = Repo::new();
    let (host, key, stranger) = (
        KeyPair::generate("-t ed25519", ""),
        KeyPair::generate("-t ed25519", ""),
        KeyPair::generate("-t rsa -b 2048", ""),
    );
    let server = Server::start(repo.root(), &[&host], &key.public).await;
    let err = get(&server.url(), auth(&stranger, None, &server.known_hosts(&host))).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::Authentication(_))), "{err:?}");
    assert!(err.to_string().contains("ssh: unable to authenticate"), "{err}");
    assert!(get(&server.url(), Auth::None).await.unwrap_err().to_string().contains("'identity' is required"));
    let remote = Remote { auth: auth(&key, None, &server.known_hosts(&host)), ..remote(&server.url()) };
    assert!(resolve(&remote, &branch("main"), &options()).await.unwrap().is_some());
}
