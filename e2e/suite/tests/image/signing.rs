//! Signatures of commits, confirmed by git with the real `gpg` and `ssh-keygen`.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageUpdateAutomation};
use sluice_testkit::{Controller, GitOptions, GitRepository as Repo, GitServer};
use tempfile::TempDir;

use crate::story::manifest;
use crate::support::{World, run};

struct Signed {
    world: World,
    repo: Repo,
    home: TempDir,
    _server: GitServer,
    _controller: Controller,
}

impl Signed {
    async fn new() -> Self {
        let world = World::new().await;
        let server = GitServer::start(&GitOptions::default()).unwrap();
        let repo = server.repository("app").unwrap();
        repo.commit("first", &[("web.yaml", Some(&manifest(&world, "ghcr.io/org/app")))]).unwrap();
        let controller = world.automation(&[]).await;
        world.git(&server.http_url("app").unwrap(), json!({})).await;
        world.semver("app", "none", "1.x").await;
        let status = json!({"status": {"latestRef": {"name": "ghcr.io/org/app", "tag": "1.1.0"}}});
        let api: kube::Api<ImagePolicy> = world.namespace.api();
        let patch = kube::api::Patch::Merge(status);
        api.patch_status("app", &kube::api::PatchParams::default(), &patch).await.unwrap();
        let home = TempDir::new().unwrap();
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { world, repo, home, _server: server, _controller: controller }
    }

    async fn push(&self, key: serde_json::Value) {
        self.world.automate("all", json!({"git": {"commit": {"signingKey": key}}})).await;
        let pushed = |object: &ImageUpdateAutomation| {
            object.status.as_ref().is_some_and(|status| status.last_push_commit.is_some())
        };
        self.world.until("all", pushed).await;
    }

    /// What `git verify-commit` says of the head of the served branch.
    fn verify(&self, settings: &[(&str, &str)]) -> String {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.repo.bare_path()).env("GNUPGHOME", self.home.path());
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let output = command.args(["verify-commit", "--raw", "main"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }
}

#[tokio::test]
async fn with_openpgp() {
    let signed = Signed::new().await;
    let gpg = |args: &[&str]| {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(signed.home.path()).args(["--batch", "--quiet"]);
        run(command.args(["--pinentry-mode", "loopback", "--passphrase", "hunter2"]).args(args))
    };
    gpg(&["--quick-generate-key", "robot@example.org", "ed25519", "sign", "never"]);
    let key = gpg(&["--armor", "--export-secret-keys", "robot@example.org"]);
    signed.world.secret("locked", "Opaque", &[("git.asc", &key)]).await;
    signed.world.secret("key", "Opaque", &[("git.asc", &key), ("passphrase", "hunter2")]).await;
    let locked = json!({"git": {"commit": {"signingKey": {"secretRef": {"name": "locked"}}}}});
    signed.world.automate("locked", locked).await;
    let message = signed.world.failed::<ImageUpdateAutomation>("locked", "SourceManagerFailed").await;
    assert_eq!(
        message,
        "failed configuring source manager: can not use passphrase protected signing key without 'passphrase' field present in secret locked"
    );
    signed.push(json!({"secretRef": {"name": "key"}})).await;
    let said = signed.verify(&[]);
    assert!(said.contains("GOODSIG") && said.contains("robot@example.org"), "{said}");
}

#[tokio::test]
async fn with_ssh() {
    let signed = Signed::new().await;
    let path = signed.home.path().join("key");
    let mut keygen = Command::new("ssh-keygen");
    run(keygen.args(["-q", "-t", "ed25519", "-N", "hunter2", "-C", "robot", "-f"]).arg(&path));
    let key = std::fs::read_to_string(&path).unwrap();
    let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let signers = signed.home.path().join("signers");
    std::fs::write(&signers, format!("robot@example.org {public}")).unwrap();
    signed.world.secret("key", "Opaque", &[("identity", &key), ("password", "hunter2")]).await;
    signed.push(json!({"secretRef": {"name": "key"}, "type": "ssh"})).await;
    let signers = signers.to_str().unwrap();
    let said = signed.verify(&[("gpg.format", "ssh"), ("gpg.ssh.allowedSignersFile", signers)]);
    assert!(said.contains("Good \"git\" signature for robot@example.org"), "{said}");
}
