//! From creation over failures and recoveries to deletion.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice_apis::conditions::{self, ConditionedObject, is_reconciling, is_stalled};
use sluice_apis::source::v1::GitRepository;
use sluice_testkit::{GitOptions, GitServer};
use tokio::net::TcpListener;

use crate::support::{World, artifact, commit, files_below, git_server, main_of, message, reason};

/// A server that takes connections and never answers.
async fn silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    format!("http://{address}/repo.git")
}

#[tokio::test]
async fn bad_credentials_are_told_and_good_ones_recover() {
    let world = World::new().await;
    let server = GitServer::start(&GitOptions::default().basic("me", "s3cret-word")).unwrap();
    let repo = server.repository("app").unwrap();
    let sha = commit(&repo, "a.yaml", "a: 1\n");
    let controller = world.controller(&[]).await;

    let mut spec = main_of(&server, "app");
    spec["secretRef"] = json!({"name": "creds"});
    world.create("app", spec).await;
    let object = world.failed("app", "AuthenticationFailed").await;
    assert!(message(&object, "FetchFailed").ends_with("secrets \"creds\" not found"), "{object:?}");

    world.secret("creds", &[("password", "s3cret-word")]).await;
    let wanted = "failed to configure authentication options: invalid 'http' auth option: 'password' requires \
                  'username' to be set";
    world.until("app", |o| message(o, "Ready") == wanted).await;

    world.secret("creds", &[("username", "me"), ("password", "wr0ng-word")]).await;
    let object = world.failed("app", "GitOperationFailed").await;
    assert!(message(&object, "Ready").contains("authentication required"), "{}", message(&object, "Ready"));
    assert_eq!(object.observed_generation(), -1, "a failure is not an observation");

    world.secret("creds", &[("username", "me"), ("password", "s3cret-word")]).await;
    assert_eq!(world.ready("app").await.revision, format!("main@sha1:{sha}"));
    let object = world.get("app").await;
    assert!(conditions::get(&object, "FetchFailed").is_none() && !is_reconciling(&object));
    let told = format!("{}{object:?}", controller.log());
    assert!(!told.contains("s3cret-word") && !told.contains("wr0ng-word"), "a password was told");
}

#[tokio::test]
async fn an_empty_repository_becomes_ready_with_its_first_commit() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let object = world.failed("app", "EmptyGitRepository").await;
    assert_eq!(message(&object, "Ready"), "git repository is empty");
    let sha = commit(&repo, "a.yaml", "a: 1\n");
    world.revision("app", &format!("main@sha1:{sha}")).await;
    world.event("app", "EmptyGitRepository").await;
}

#[tokio::test]
async fn a_silent_server_costs_its_timeout_and_nothing_else() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let _controller = world.controller(&[]).await;
    world.create("dead", json!({"url": silent_server().await, "timeout": "1s"})).await;
    world.create("app", main_of(&server, "app")).await;
    world.ready("app").await;
    let object = world.failed("dead", "GitOperationFailed").await;
    assert!(message(&object, "Ready").contains("context deadline exceeded"), "{}", message(&object, "Ready"));
}

#[tokio::test]
async fn a_corrected_address_does_not_wait_for_the_old_ones_timeout() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let _controller = world.controller(&[]).await;
    world
        .create("app", json!({"url": silent_server().await, "timeout": "10m", "ref": {"branch": "main"}}))
        .await;
    world.until("app", is_reconciling).await;
    let start = Instant::now();
    world.patch("app", json!({"spec": {"url": server.http_url("app").unwrap()}})).await;
    world.ready("app").await;
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());

    // Nor does deletion.
    world.create("gone", json!({"url": silent_server().await, "timeout": "10m"})).await;
    world.until("gone", is_reconciling).await;
    world.delete("gone").await;
    world.gone("gone").await;
}

#[tokio::test]
async fn a_suspended_object_is_left_alone_and_served_on() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let stored = world.ready("app").await;
    world.patch("app", json!({"spec": {"suspend": true}})).await;
    world.until("app", |o| o.observed_generation() == 2).await;
    let sha = commit(&repo, "a.yaml", "a: 2\n");
    let object = world.request("app").await;
    assert_eq!(artifact(&object), Some(&stored));
    assert!(reqwest::get(&stored.url).await.unwrap().status().is_success());
    world.patch("app", json!({"spec": {"suspend": false}})).await;
    world.revision("app", &format!("main@sha1:{sha}")).await;
}

#[tokio::test]
async fn deletion_removes_everything() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let controller = world.controller(&[]).await;
    for name in ["app", "other"] {
        world.create(name, main_of(&server, "app")).await;
        world.ready(name).await;
    }
    let of = |name: &str| -> Vec<_> {
        let mut files = files_below(&controller.storage_path());
        files.extend(files_below(world.temporary()));
        let store = format!("{name}.git");
        files.retain(|file| file.iter().any(|part| part == name || *part == *store));
        files
    };
    assert!(!of("app").is_empty());
    // Also while suspended.
    world.patch("app", json!({"spec": {"suspend": true}})).await;
    world.delete("app").await;
    world.gone("app").await;
    assert_eq!(of("app"), Vec::<std::path::PathBuf>::new());
    assert!(!of("other").is_empty());
}

#[tokio::test]
async fn identities_that_can_t_be_had_are_told() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let _controller = world.controller(&[]).await;
    let url = server.http_url("app").unwrap();
    let main = json!({"branch": "main"});
    // Amazon's servers are known by their addresses: keys are signed for no others.
    world.create("app", json!({"url": url, "ref": main, "provider": "aws"})).await;
    let object = world.failed("app", "AuthenticationFailed").await;
    assert_eq!(
        message(&object, "Ready"),
        "failed to configure authentication options: AWS CodeCommit authentication requires an HTTPS Git URL"
    );
    assert_eq!(reason(&object, "FetchFailed"), "AuthenticationFailed");
    let azure = json!({"spec": {"provider": "azure", "serviceAccountName": "reader"}});
    world.patch("app", azure).await;
    let object = world.failed("app", "FeatureGateDisabled").await;
    assert!(is_stalled(&object) && !is_reconciling(&object));
    world.patch("app", json!({"spec": {"provider": "generic", "serviceAccountName": null}})).await;
    world.ready("app").await;
    assert!(!is_stalled(&world.get("app").await));

    world.create("github", json!({"url": url, "provider": "github"})).await;
    let object = world.failed("github", "InvalidProviderConfiguration").await;
    assert!(is_stalled(&object));
}

/// Somebody else's finalizer keeps the object: its status says that nothing is stored for it any more.
#[tokio::test]
async fn what_others_hold_has_no_artifact_once_it_is_deleted() {
    let git = git_server();
    let repo = git.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let world = World::new().await;
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&git, "app")).await;
    world.ready("app").await;
    let held = json!({"metadata": {"finalizers": ["finalizers.fluxcd.io", "example.com/held"]}});
    world.patch("app", held).await;
    world.delete("app").await;
    let is_forgotten = |object: &GitRepository| {
        object.metadata.finalizers.as_deref() == Some(&["example.com/held".to_owned()])
            && artifact(object).is_none()
    };
    let object = world.until("app", is_forgotten).await;
    let ready = conditions::get(&object, "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.observed_generation), ("True", object.metadata.generation));
    world.patch("app", json!({"metadata": {"finalizers": null}})).await;
    world.gone("app").await;
}
