//! Commits and pushes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageUpdateAutomation};
use sluice_apis::source::v1::GitRepository;
use sluice_testkit::{Controller, GitOptions, GitRepository as Repo, GitServer};

use crate::story::manifest;
use crate::support::{World, bare, ready_message};

const IMAGE: &str = "ghcr.io/org/app";

/// A world with a repository that has a marker, and a policy that selected another tag. No registry is needed: what
/// policies select is in their status.
struct Shop {
    world: World,
    server: GitServer,
    repo: Repo,
    _controller: Controller,
}

impl Shop {
    async fn new(options: &GitOptions, args: &[&str]) -> Self {
        let world = World::new().await;
        let server = GitServer::start(options).unwrap();
        let repo = server.repository("app").unwrap();
        repo.commit("first", &[("shop/web.yaml", Some(&manifest(&world, IMAGE)))]).unwrap();
        let controller = world.automation(args).await;
        world.semver("app", "none", "1.x").await;
        select(&world, "app", "1.1.0").await;
        Self { world, server, repo, _controller: controller }
    }

    async fn plain() -> Self {
        let shop = Self::new(&GitOptions::default(), &[]).await;
        shop.world.git(&shop.server.http_url("app").unwrap(), json!({})).await;
        shop
    }

    fn count(&self, reference: &str) -> String {
        bare(&self.repo, &["rev-list", "--count", reference])
    }

    fn head(&self, branch: &str) -> String {
        bare(&self.repo, &["rev-parse", &format!("refs/heads/{branch}")])
    }

    fn hook(&self, script: &str) {
        let path = self.repo.bare_path().join("hooks/pre-receive");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    async fn pushed(&self, name: &str) -> String {
        let has = |object: &ImageUpdateAutomation| {
            last(object).is_some() && ready_message(object) == "repository up-to-date"
        };
        last(&self.world.until(name, has).await).unwrap()
    }
}

fn last(object: &ImageUpdateAutomation) -> Option<String> {
    object.status.as_ref()?.last_push_commit.clone()
}

/// Writes what a policy selects, as image-reflector-controller would.
async fn select(world: &World, policy: &str, tag: &str) {
    let status = json!({"status": {"latestRef": {"name": IMAGE, "tag": tag}}});
    let api: kube::Api<ImagePolicy> = world.namespace.api();
    let patch = kube::api::Patch::Merge(status);
    api.patch_status(policy, &kube::api::PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn over_ssh_and_https_with_credentials() {
    let options = GitOptions::default().basic("u", "p").tls().ssh();
    let shop = Shop::new(&options, &[]).await;
    let (world, server) = (&shop.world, &shop.server);
    let ssh = [("identity", server.ssh_identity().unwrap()), ("known_hosts", server.known_hosts().unwrap())];
    let ssh: Vec<_> = ssh.iter().map(|(key, value)| (*key, value.as_str())).collect();
    world.secret("ssh", "Opaque", &ssh).await;
    let ca = server.ca().unwrap();
    world.secret("basic", "Opaque", &[("username", "u"), ("password", "p"), ("ca.crt", &ca)]).await;
    world.git(&server.ssh_url("app").unwrap(), json!({"secretRef": {"name": "ssh"}})).await;
    world.automate("all", json!({})).await;
    let first = shop.pushed("all").await;
    assert_eq!((shop.head("main"), shop.count("main")), (first.clone(), "2".to_owned()));
    assert_eq!(
        bare(&shop.repo, &["show", "-s", "--format=%B", "main"]),
        "Update from image update automation"
    );
    let https = json!({"spec": {"url": server.https_url("app").unwrap(), "secretRef": {"name": "basic"}}});
    world.patch::<GitRepository>("app", https).await;
    select(world, "app", "1.2.0").await;
    let moved =
        world.until("all", |object: &ImageUpdateAutomation| last(object).is_some_and(|sha| sha != first));
    assert_eq!(last(&moved.await).unwrap(), shop.head("main"));
    assert_eq!(shop.count("main"), "3");
}

#[tokio::test]
async fn a_push_branch_holds_one_commit() {
    let shop = Shop::plain().await;
    let base = shop.head("main");
    shop.world.automate("all", json!({"git": {"push": {"branch": "auto", "options": {}}}})).await;
    let first = shop.pushed("all").await;
    assert_eq!(
        (shop.head("auto"), shop.head("main"), shop.count("main..auto")),
        (first.clone(), base.clone(), "1".into())
    );
    let object = shop.world.get::<ImageUpdateAutomation>("all").await;
    assert_eq!(object.status.unwrap().observed_source_revision, Some(format!("main@sha1:{base}")));
    // The same again is not pushed again.
    let again = shop.world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!((last(&again), shop.head("auto")), (Some(first.clone()), first.clone()));
    // Another image replaces the commit.
    select(&shop.world, "app", "1.2.0").await;
    let moved = shop
        .world
        .until("all", |object: &ImageUpdateAutomation| last(object).is_some_and(|sha| sha != first));
    moved.await;
    assert_eq!((shop.count("main..auto"), shop.count("auto")), ("1".to_owned(), "2".to_owned()));
    // After the base moved on, the branch begins there.
    let base = shop.repo.commit("second", &[("other.yaml", Some("a: 1\n"))]).unwrap();
    shop.world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!(bare(&shop.repo, &["rev-parse", "auto^"]), base);
}

#[tokio::test]
async fn a_push_branch_keeps_its_history_without_force() {
    let shop = Shop::new(&GitOptions::default(), &["--feature-gates=GitForcePushBranch=false"]).await;
    shop.world.git(&shop.server.http_url("app").unwrap(), json!({})).await;
    shop.world.automate("all", json!({"git": {"push": {"branch": "auto"}}})).await;
    let first = shop.pushed("all").await;
    select(&shop.world, "app", "1.2.0").await;
    let moved = |object: &ImageUpdateAutomation| last(object).is_some_and(|sha| sha != first);
    shop.world.until("all", moved).await;
    assert_eq!(shop.count("main..auto"), "2");
}

#[tokio::test]
async fn refspecs_and_push_options() {
    let shop = Shop::plain().await;
    let options = shop.repo.bare_path().join("options");
    shop.hook(&format!("echo \"$GIT_PUSH_OPTION_0\" >> {}", options.display()));
    bare(&shop.repo, &["config", "receive.advertisePushOptions", "true"]);
    let push = json!({"branch": "main", "refspec": "refs/heads/main:refs/heads/review", "options": {"ci.skip": "true"}});
    shop.world.automate("all", json!({"git": {"push": push}})).await;
    let sha = shop.pushed("all").await;
    assert_eq!((shop.head("main"), shop.head("review")), (sha.clone(), sha.clone()));
    assert_eq!(fs::read_to_string(options).unwrap(), "ci.skip=true\nci.skip=true\n");
    let told = format!(
        "pushed commit '{}' to branch 'main' and refspecs 'refs/heads/main:refs/heads/review'\nUpdate from image update automation",
        &sha[..7]
    );
    shop.world
        .sink
        .wait_for(crate::support::PATIENCE, |event| event["message"] == told.as_str())
        .await
        .unwrap();
    // A reference that went elsewhere is never overwritten.
    bare(&shop.repo, &["branch", "-f", "review", "main^"]);
    let other = bare(&shop.repo, &["commit-tree", "-p", "main^", "-m", "other", "main^{tree}"]);
    bare(&shop.repo, &["branch", "-f", "review", &other]);
    select(&shop.world, "app", "1.2.0").await;
    let message = shop.world.failed::<ImageUpdateAutomation>("all", "GitOperationFailed").await;
    assert!(message.contains("non-fast-forward update: refs/heads/review"), "{message}");
    assert_eq!(shop.head("review"), other);
}

#[tokio::test]
async fn what_can_not_be_right_stalls() {
    let shop = Shop::plain().await;
    let world = &shop.world;
    let invalid = |operator: &str| json!({"policySelector": {"matchExpressions": [{"key": "a", "operator": operator}]}});
    world.automate("selector", invalid("Matches")).await;
    let message = world.stalled::<ImageUpdateAutomation>("selector", "InvalidPolicySelector").await;
    assert_eq!(
        message,
        "failed to parse policy selector: \"Matches\" is not a valid label selector operator"
    );
    let updated = json!({"git": {"commit": {"messageTemplate": "{{ range .Updated.Images }}{{ end }}"}}});
    world.automate("template", updated).await;
    let message = world.stalled::<ImageUpdateAutomation>("template", "RemovedTemplateField").await;
    assert!(
        message.starts_with("template uses removed '.Updated' field. Please use '.Changed' instead."),
        "{message}"
    );
    world.automate("deletion", json!({"git": {"push": {"refspec": "a:b:c"}}})).await;
    world.stalled::<ImageUpdateAutomation>("deletion", "InvalidSourceConfiguration").await;
    world.automate("bare", json!({"git": null})).await;
    let message = world.stalled::<ImageUpdateAutomation>("bare", "InvalidSourceConfiguration").await;
    assert!(message.contains("necessitates field .spec.git"), "{message}");
    world.automate("outside", json!({"update": {"path": "../x"}})).await;
    assert!(
        world
            .failed::<ImageUpdateAutomation>("outside", "UpdateFailed")
            .await
            .starts_with("failed to apply policies: ")
    );
    world.automate("absent", json!({"update": {"path": "./nowhere"}})).await;
    world.failed::<ImageUpdateAutomation>("absent", "UpdateFailed").await;
    world.automate("nobody", json!({"sourceRef": {"name": "nobody"}})).await;
    let message = world.failed::<ImageUpdateAutomation>("nobody", "SourceManagerFailed").await;
    assert!(
        message.starts_with("failed configuring source manager: referenced git repository does not exist: "),
        "{message}"
    );
    assert_eq!(shop.count("main"), "1", "nothing was pushed");
}

#[tokio::test]
async fn other_namespaces_can_be_forbidden() {
    let shop = Shop::new(&GitOptions::default(), &["--no-cross-namespace-refs"]).await;
    shop.world.automate("all", json!({"sourceRef": {"name": "app", "namespace": "default"}})).await;
    let message = shop.world.stalled::<ImageUpdateAutomation>("all", "AccessDenied").await;
    assert_eq!(
        message,
        "can't access 'GitRepository/default/app', cross-namespace references have been blocked"
    );
}

#[tokio::test]
async fn a_hook_that_refuses_is_told_of_and_asked_again() {
    let shop = Shop::plain().await;
    shop.hook("echo 'not on Fridays' >&2; exit 1");
    shop.world.automate("all", json!({})).await;
    let message = shop.world.failed::<ImageUpdateAutomation>("all", "GitOperationFailed").await;
    assert_eq!(
        message,
        "failed to update source: failed to push to remote: command error on refs/heads/main: pre-receive hook declined: not on Fridays"
    );
    assert_eq!(shop.count("main"), "1");
    shop.hook("exit 0");
    shop.pushed("all").await;
    assert_eq!(shop.count("main"), "2");
}

#[tokio::test]
async fn who_pushes_meanwhile_loses_nothing() {
    let shop = Shop::plain().await;
    // The hook lets somebody else push first, once.
    let marker = shop.repo.bare_path().join("raced");
    let work = shop.repo.path().join("../racer");
    let script = format!(
        "[ -e {marker} ] && exit 0\ntouch {marker}\nunset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\ngit clone -q {bare} {work} && cd {work} && echo 'b: 1' > human.yaml && git add . && git -c user.name=h -c user.email=h@example.org commit -qm human && git push -q origin HEAD:main",
        marker = marker.display(),
        bare = shop.repo.bare_path().display(),
        work = work.display(),
    );
    shop.hook(&script);
    shop.world.automate("all", json!({})).await;
    let sha = shop.pushed("all").await;
    assert_eq!(shop.head("main"), sha);
    assert_eq!(shop.count("main"), "3");
    assert_eq!(
        bare(&shop.repo, &["log", "--format=%s", "main"]),
        "Update from image update automation\nhuman\nfirst"
    );
    let failures = shop.world.events("ImageUpdateAutomation", "all", "error");
    assert!(failures.iter().all(|message| message.starts_with("failed to update source: ")), "{failures:?}");
    assert_eq!(failures.len(), 1, "{failures:?}");
}

#[tokio::test]
async fn two_automations_of_one_repository() {
    let shop = Shop::plain().await;
    let world = &shop.world;
    let second = format!("image: {IMAGE}:1.0.0 # {{\"$imagepolicy\": \"{}:second\"}}\n", world.name());
    shop.repo.commit("second", &[("second.yaml", Some(&second))]).unwrap();
    world
        .create_labelled::<ImagePolicy>(
            "second",
            json!({"team": "b"}),
            json!({"imageRepositoryRef": {"name": "none"}, "policy": {"alphabetical": {}}}),
        )
        .await;
    select(world, "second", "1.1.0").await;
    let team = |operator: &str| json!({"policySelector": {"matchExpressions": [{"key": "team", "operator": operator}]}});
    world.automate("a", team("DoesNotExist")).await;
    world.automate("b", team("Exists")).await;
    for name in ["a", "b"] {
        shop.pushed(name).await;
    }
    assert_eq!(shop.count("main"), "4");
    assert!(bare(&shop.repo, &["show", "main:second.yaml"]).contains(":1.1.0"));
    assert!(bare(&shop.repo, &["show", "main:shop/web.yaml"]).contains(":1.1.0"));
}

#[tokio::test]
async fn only_what_is_marked_in_the_path_changes() {
    let shop = Shop::plain().await;
    let world = &shop.world;
    let marked =
        |rest: &str| format!("image: {IMAGE}:1.0.0 # {{\"$imagepolicy\": \"{}:app\"}}{rest}", world.name());
    let files: Vec<(&str, String)> = vec![
        ("apps/crlf.yaml", marked("\r\nb:   1\r\n")),
        ("apps/no-end.yml", format!("a: 1\n---\n---\n{}", marked(""))),
        ("apps/Kustomization", marked("\n")),
        ("apps/template.yaml", format!("{{{{ if x }}\n{}", marked("\n"))),
        ("apps/broken.yaml", marked(" extra\n")),
        ("apps/notes.txt", marked("\n")),
        ("other/app.yaml", marked("\n")),
    ];
    let given: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    shop.repo.commit("files", &given).unwrap();
    world.automate("all", json!({"update": {"path": "./apps"}})).await;
    shop.pushed("all").await;
    let changed = bare(&shop.repo, &["diff", "--name-only", "main^", "main"]);
    assert_eq!(changed, "apps/Kustomization\napps/crlf.yaml\napps/no-end.yml\napps/template.yaml");
    assert_eq!(
        bare(&shop.repo, &["diff", "--shortstat", "main^", "main"]),
        "4 files changed, 4 insertions(+), 4 deletions(-)"
    );
    let crlf = shop
        .repo
        .git(&["fetch", "-q", "origin", "main"])
        .and_then(|_| shop.repo.git(&["show", "FETCH_HEAD:apps/crlf.yaml"]));
    assert_eq!(crlf.unwrap(), files[0].1.replace("1.0.0", "1.1.0").trim());
    let found = world.told("MarkerIgnored").await;
    assert!(found[0].starts_with("a marker is ignored: broken.yaml, line 1: "), "{found:?}");
}

#[tokio::test]
async fn a_suspended_automation_does_nothing_and_a_gone_one_leaves_nothing() {
    let shop = Shop::plain().await;
    shop.world.automate("all", json!({"suspend": true})).await;
    shop.world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!(shop.count("main"), "1");
    shop.world.patch::<ImageUpdateAutomation>("all", json!({"spec": {"suspend": false}})).await;
    shop.pushed("all").await;
    shop.world.delete::<ImageUpdateAutomation>("all").await;
    let api = shop.world.namespace.api::<ImageUpdateAutomation>();
    sluice_testkit::wait_gone(&api, "all", crate::support::PATIENCE).await.unwrap();
}
