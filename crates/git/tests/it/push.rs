//! Commits and pushes, taken by the real git.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use sluice_git::{
    Auth, Cause, Commit, Error, NewCommit, Person, Remote, Rule, Update, commit, fetch, push, ssh_signer,
};

use crate::support::http::Server;
use crate::support::repo::{Repo, run};
use crate::support::ssh::{self, KeyPair};
use crate::support::{branch, options, remote};

/// A repository that takes pushes over HTTP.
fn repo() -> Repo {
    let repo = Repo::new();
    repo.config("http.receivepack", "true");
    repo.config("receive.advertisePushOptions", "true");
    repo
}

fn author() -> Person {
    Person {
        name: "Robot".to_owned(),
        email: "robot@example.org".to_owned(),
        seconds: 1_700_000_100,
        offset_minutes: 60,
    }
}

fn change(parent: &Commit, content: &str) -> Option<String> {
    let files = [("app.yaml".to_owned(), content.as_bytes().to_vec())];
    commit(parent, &NewCommit { files: &files, author: &author(), message: "Update", signer: None }).unwrap()
}

fn to(name: &str, sha: &str, rule: Rule) -> Vec<Update> {
    vec![Update { name: name.to_owned(), sha: sha.to_owned(), rule }]
}

async fn base(remote: &Remote, store: &tempfile::TempDir) -> Commit {
    fetch(remote, &branch("main"), store.path(), &options()).await.unwrap()
}

fn hook(repo: &Repo, name: &str, script: &str) {
    let path = repo.bare().join("hooks").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_commit_reaches_the_branch_over_http_and_ssh() {
    let repo = repo();
    repo.commit("deep/run.sh", "echo\n");
    repo.executable("deep/run.sh");
    repo.commit_all("mode");
    repo.push("main");
    let http = Server::plain(repo.root()).await;
    let (host, key) = (KeyPair::generate("-t ed25519", ""), KeyPair::generate("-t ed25519", ""));
    let ssh = ssh::Server::start(repo.root(), &[&host], &key.public).await;
    let auth = Auth::Ssh {
        identity: key.private.clone(),
        password: None,
        known_hosts: ssh.known_hosts(&host).into_bytes(),
    };
    let remotes = [remote(&http.url()), Remote { auth, ..remote(&ssh.url()) }];
    for (index, remote) in remotes.iter().enumerate() {
        let store = tempfile::tempdir().unwrap();
        let parent = base(remote, &store).await;
        let files = [
            ("app.yaml".to_owned(), format!("replicas: {index}5\n").into_bytes()),
            ("deep/run.sh".to_owned(), format!("echo {index}\n").into_bytes()),
        ];
        let new =
            NewCommit { files: &files, author: &author(), message: "Two files\n\nand é", signer: None };
        let sha = commit(&parent, &new).unwrap().unwrap();
        let updates = to("refs/heads/main", &sha, Rule::FastForward);
        assert!(push(remote, &parent, &updates, &[], &options()).await.unwrap());
        let git = |args: &[&str]| run(&repo.bare(), args);
        assert_eq!(git(&["rev-parse", "main", "main^"]), format!("{sha}\n{}", parent.sha));
        assert_eq!(
            git(&["show", "-s", "--format=%an %ae %cn %ai%n%B", "main"]),
            "Robot robot@example.org Robot 2023-11-14 23:15:00 +0100\nTwo files\n\nand é"
        );
        assert_eq!(git(&["show", "main:deep/run.sh"]), format!("echo {index}"));
        assert!(git(&["ls-tree", "main", "deep/run.sh"]).starts_with("100755"));
        git(&["fsck", "--strict"]);
        // What is there already is not sent again, and what is fetched next is known already.
        assert!(!push(remote, &parent, &updates, &[], &options()).await.unwrap());
        assert_eq!(base(remote, &store).await.sha, sha);
        assert_eq!(change(&base(remote, &store).await, &format!("replicas: {index}5\n")), None);
    }
}

#[tokio::test]
async fn only_fast_forwards_unless_forced() {
    let repo = repo();
    let server = Server::plain(repo.root()).await;
    let (remote, store) = (remote(&server.url()), tempfile::tempdir().unwrap());
    let parent = base(&remote, &store).await;
    repo.git(&["push", "-q", "origin", "main:refs/heads/behind"]);
    let theirs = repo.commit("other.yaml", "a: 1\n");
    repo.push("main");
    let ours = change(&parent, "replicas: 2\n").unwrap();
    let updates = to("refs/heads/main", &ours, Rule::FastForward);
    let error = push(&remote, &parent, &updates, &[], &options()).await.unwrap_err();
    assert!(matches!(&error, Error::NonFastForward { found, .. } if *found == theirs), "{error}");
    assert_eq!(run(&repo.bare(), &["rev-parse", "main"]), theirs);

    // From the new head it goes.
    let parent = base(&remote, &store).await;
    let ours = change(&parent, "replicas: 2\n").unwrap();
    let updates = to("refs/heads/main", &ours, Rule::FastForward);
    assert!(push(&remote, &parent, &updates, &[], &options()).await.unwrap());

    // A branch that is behind by more than the store knows of.
    let updates = to("refs/heads/behind", &ours, Rule::FastForward);
    assert!(push(&remote, &parent, &updates, &[], &options()).await.unwrap());
    assert_eq!(run(&repo.bare(), &["rev-parse", "behind"]), ours);

    // Another history only by force; a new branch in any case.
    let other = change(&parent, "replicas: 3\n").unwrap();
    let updates = to("refs/heads/behind", &other, Rule::FastForward);
    assert!(push(&remote, &parent, &updates, &[], &options()).await.is_err());
    let updates = to("refs/heads/behind", &other, Rule::Force);
    assert!(push(&remote, &parent, &updates, &[], &options()).await.unwrap());
    let updates = to("refs/heads/new", &parent.sha, Rule::FastForward);
    assert!(push(&remote, &parent, &updates, &[], &options()).await.unwrap());
    assert_eq!(run(&repo.bare(), &["rev-parse", "behind", "new"]), format!("{other}\n{}", parent.sha));
}

#[tokio::test]
async fn hooks_are_told_options_and_may_refuse() {
    let repo = repo();
    hook(&repo, "pre-receive", "echo \"saw $GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0\" >&2; exit 1");
    let server = Server::plain(repo.root()).await;
    let (remote, store) = (remote(&server.url()), tempfile::tempdir().unwrap());
    let parent = base(&remote, &store).await;
    let sha = change(&parent, "replicas: 2\n").unwrap();
    let updates = to("refs/heads/main", &sha, Rule::FastForward);
    let error = push(&remote, &parent, &updates, &["ci.skip=true".to_owned()], &options()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to push to remote: command error on refs/heads/main: pre-receive hook declined: saw 1 ci.skip=true"
    );
    assert_eq!(run(&repo.bare(), &["rev-parse", "main"]), parent.sha);
    repo.config("receive.advertisePushOptions", "false");
    let error = push(&remote, &parent, &updates, &["a".to_owned()], &options()).await.unwrap_err();
    assert!(error.to_string().contains("does not support push options"), "{error}");
}

#[tokio::test]
async fn a_remote_that_takes_nothing_says_why() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let (remote, store) = (remote(&server.url()), tempfile::tempdir().unwrap());
    let parent = base(&remote, &store).await;
    let sha = change(&parent, "replicas: 2\n").unwrap();
    repo.config("http.receivepack", "false");
    let error = push(&remote, &parent, &to("refs/heads/main", &sha, Rule::FastForward), &[], &options())
        .await
        .unwrap_err();
    assert!(matches!(error.cause(), Some(Cause::Authentication(_))), "{error}");
    let strange = to("refs/heads/a b", &sha, Rule::FastForward);
    assert!(push(&remote, &parent, &strange, &[], &options()).await.is_err());
}

#[tokio::test]
async fn files_that_are_none_are_not_written() {
    let repo = repo();
    let server = Server::plain(repo.root()).await;
    let store = tempfile::tempdir().unwrap();
    let parent = base(&remote(&server.url()), &store).await;
    for path in ["absent.yaml", "../app.yaml", ""] {
        let files = [(path.to_owned(), b"x".to_vec())];
        let new = NewCommit { files: &files, author: &author(), message: "m", signer: None };
        assert!(commit(&parent, &new).is_err(), "{path}");
    }
}

#[test]
fn ssh_keys_sign_as_ssh_keygen_does() {
    let dir = tempfile::tempdir().unwrap();
    for (args, password) in [
        ("-t ed25519", ""),
        ("-t ecdsa -b 256", "hunter2"),
        ("-t rsa -b 2048", ""),
        ("-t rsa -b 2048 -m PKCS8", ""),
    ] {
        let key = KeyPair::generate(args, password);
        let given = (!password.is_empty()).then_some(password);
        let signature = ssh_signer(&key.private, given).unwrap()(b"tree x\n").unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        fs::write(at("signature"), signature).unwrap();
        fs::write(at("signers"), format!("robot@example.org {}\n", key.public)).unwrap();
        fs::write(at("content"), "tree x\n").unwrap();
        let status = std::process::Command::new("ssh-keygen")
            .args(["-q", "-Y", "verify", "-n", "git", "-I", "robot@example.org"])
            .args(["-f", &at("signers"), "-s", &at("signature")])
            .stdin(fs::File::open(at("content")).unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "{args}");
        if !password.is_empty() {
            assert!(matches!(ssh_signer(&key.private, None), Err(Cause::EncryptedIdentity)));
            assert!(ssh_signer(&key.private, Some("wrong")).is_err());
        }
    }
}
