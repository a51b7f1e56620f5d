//! Signatures of commits and tags, made by the real `gpg` and `ssh-keygen` through git.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};
use sluice_apis::conditions::is_false;
use sluice_testkit::{GitRepository as Repo, GitServer};
use tempfile::TempDir;

use crate::support::{World, artifact, commit, git_server, main_of, message, push_head, reason, run};

/// Keys of somebody who signs.
struct Signer {
    home: TempDir,
}

impl Signer {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { home }
    }

    /// Makes git sign with an SSH key; returns the public key and its fingerprint.
    fn ssh(&self, repo: &Repo) -> (String, String) {
        let key = self.home.path().join("key");
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "me", "-f"]).arg(&key));
        for (name, value) in [("gpg.format", "ssh"), ("user.signingKey", key.to_str().unwrap())] {
            repo.git(&["config", name, value]).unwrap();
        }
        let listed = run(Command::new("ssh-keygen").arg("-lf").arg(&key));
        let fingerprint = listed.split(' ').nth(1).unwrap().to_owned();
        (std::fs::read_to_string(key.with_extension("pub")).unwrap(), fingerprint)
    }

    /// Makes git sign with an OpenPGP key; returns the public key and its id.
    fn pgp(&self, repo: &Repo) -> (String, String) {
        let home = self.home.path();
        let gpg = |args: &[&str]| {
            let mut command = Command::new("gpg");
            command.arg("--homedir").arg(home).args(["--batch", "--quiet", "--passphrase", ""]);
            run(command.args(["--pinentry-mode", "loopback"]).args(args))
        };
        gpg(&["--quick-generate-key", "me@example.org", "ed25519", "sign", "never"]);
        let listed = gpg(&["--with-colons", "--list-keys", "me@example.org"]);
        let line = listed.lines().find(|line| line.starts_with("pub:")).unwrap().to_owned();
        let id = line.split(':').nth(4).unwrap().to_owned();
        // Git runs this program; it must find the keys.
        let program = home.join("sign");
        std::fs::write(&program, format!("#!/bin/sh\nexec gpg --homedir '{}' \"$@\"\n", home.display()))
            .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        for (name, value) in [
            ("gpg.format", "openpgp"),
            ("user.signingKey", id.as_str()),
            ("gpg.program", program.to_str().unwrap()),
        ] {
            repo.git(&["config", name, value]).unwrap();
        }
        (gpg(&["--armor", "--export", "me@example.org"]), id)
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).status();
    }
}

/// A signed commit on `main`.
fn signed_commit(repo: &Repo, content: &str) -> String {
    std::fs::write(repo.path().join("a.yaml"), content).unwrap();
    repo.git(&["add", "--all"]).unwrap();
    repo.git(&["commit", "--quiet", "-S", "-m", content.trim()]).unwrap();
    push_head(repo, "refs/heads/main");
    repo.head().unwrap()
}

fn verified(server: &GitServer, mode: &str) -> Value {
    let mut spec = main_of(server, "app");
    spec["verify"] = json!({"mode": mode, "secretRef": {"name": "keys"}});
    spec
}

#[tokio::test]
async fn commits_must_be_signed_by_somebody_who_is_trusted() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let (me, stranger) = (Signer::new(), Signer::new());
    commit(&repo, "a.yaml", "a: 0\n");
    let _controller = world.controller(&[]).await;
    world.create("app", verified(&server, "HEAD")).await;
    let failed = world.failed("app", "VerificationError").await;
    assert_eq!(message(&failed, "Ready"), "public keys secret error: secrets \"keys\" not found");

    let (public, fingerprint) = me.ssh(&repo);
    world.secret("keys", &[("me.sshpub", &public)]).await;
    let failed = world.failed("app", "InvalidCommitSignature").await;
    assert!(message(&failed, "SourceVerified").ends_with("unsupported signature type: empty"));
    assert_eq!(artifact(&failed), None);

    let sha = signed_commit(&repo, "a: 1\n");
    world.request("app").await;
    let stored = world.revision("app", &format!("main@sha1:{sha}")).await;
    let object = world.get("app").await;
    assert_eq!(
        message(&object, "SourceVerified"),
        format!("verified signature of\n\t- commit '{sha}' with key '{fingerprint}'")
    );
    let status = object.status.as_ref().unwrap();
    assert_eq!(serde_json::to_value(&status.source_verification_mode).unwrap(), "HEAD");

    // An unsigned commit, and one by somebody else, are not stored; the last good one is served on.
    repo.git(&["config", "commit.gpgSign", "false"]).unwrap();
    commit(&repo, "a.yaml", "a: 2\n");
    world.request("app").await;
    let failed = world.failed("app", "InvalidCommitSignature").await;
    assert_eq!(artifact(&failed).unwrap().digest, stored.digest);
    stranger.ssh(&repo);
    let sha = signed_commit(&repo, "a: 3\n");
    world.request("app").await;
    let failed = world.until("app", |object| {
        is_false(object, "SourceVerified") && message(object, "SourceVerified").contains(&sha)
    });
    let failed = failed.await;
    let text = message(&failed, "Ready");
    assert!(text.contains("no matching key\npublic key does not match: it was made with"), "{text}");
    assert_eq!(artifact(&failed).unwrap().digest, stored.digest);

    // OpenPGP is told apart.
    let (_, _) = stranger.pgp(&repo);
    signed_commit(&repo, "a: 4\n");
    world.request("app").await;
    let failed =
        world.until("app", |object| message(object, "Ready").contains("PGP signature detected")).await;
    assert!(
        message(&failed, "Ready").ends_with("no PGP public keys found in secret (keys with .asc suffix)")
    );

    // Without verification everything goes again, and nothing is said of signatures.
    world.patch("app", json!({"spec": {"verify": null}})).await;
    world.ready("app").await;
    let object = world.get("app").await;
    assert_eq!(reason(&object, "SourceVerified"), "");
    assert!(object.status.unwrap().source_verification_mode.is_none());
}

#[tokio::test]
async fn tags_and_commits_are_checked_as_the_mode_says() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let me = Signer::new();
    let (public, id) = me.pgp(&repo);
    let sha = signed_commit(&repo, "a: 1\n");
    repo.git(&["tag", "-s", "-m", "signed", "v1"]).unwrap();
    repo.git(&["tag", "-a", "-m", "not signed", "v2"]).unwrap();
    repo.git(&["tag", "v3"]).unwrap();
    repo.git(&["push", "--quiet", "origin", "--tags"]).unwrap();
    let tag = repo.git(&["rev-parse", "v1"]).unwrap();
    world.secret("keys", &[("me.asc", &public)]).await;
    let _controller = world.controller(&[]).await;

    world.create("app", verified(&server, "Tag")).await;
    let stalled = world.failed("app", "InvalidVerificationMode").await;
    assert_eq!(reason(&stalled, "Stalled"), "InvalidVerificationMode");

    world.patch("app", json!({"spec": {"ref": {"branch": null, "tag": "v3"}}})).await;
    let failed = world.failed("app", "InvalidGitObject").await;
    assert_eq!(message(&failed, "Ready"), "cannot verify signature of tag 'v3' since it is not signed");
    world.patch("app", json!({"spec": {"ref": {"tag": "v2"}}})).await;
    world.until("app", |object| message(object, "Ready").contains("tag 'v2@")).await;

    world.patch("app", json!({"spec": {"ref": {"tag": "v1"}}})).await;
    let stored = world.ready("app").await;
    let object = world.get("app").await;
    assert_eq!(
        message(&object, "SourceVerified"),
        format!("verified signature of\n\t- tag 'v1@{tag}' with key '{id}'")
    );
    // A wider mode needs another look, though nothing has changed; the artifact stays the same.
    world.patch("app", json!({"spec": {"verify": {"mode": "TagAndHEAD"}}})).await;
    let both = format!(
        "verified signature of\n\t- tag 'v1@{tag}' with key '{id}'\n\t- commit '{sha}' with key '{id}'"
    );
    world.until("app", |object| message(object, "SourceVerified") == both).await;
    let again = world.ready("app").await;
    assert_eq!((again.revision, again.digest), (stored.revision, stored.digest));
}
