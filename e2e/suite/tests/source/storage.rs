//! What is stored, served and thrown away.

use serde_json::json;
use sluice_apis::conditions::ConditionedObject;

use crate::support::{Controller, GitServer, World, download, files_below};

#[tokio::test]
async fn a_lost_storage_is_rebuilt_with_the_same_digest() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.write("b/c.yaml", "c: 1\n");
    repo.commit("a.yaml", "a: 1\n");
    let controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    let before = world.ready("app").await;
    world.event("app", "NewArtifact").await;
    let controller = controller.restart(&world, &[], |storage| {
        std::fs::remove_dir_all(storage).unwrap();
    });
    let rebuilt = |object: &sluice_apis::source::v1::GitRepository| {
        let artifact = object.status.as_ref().and_then(|status| status.artifact.as_ref());
        artifact.is_some_and(|artifact| artifact.url != before.url)
            && sluice_apis::conditions::is_ready(object)
    };
    let object = world.until("app", "the rebuilt artifact", rebuilt).await;
    let after = object.status.as_ref().unwrap().artifact.clone().unwrap();
    assert_eq!(
        (&after.digest, &after.revision, &after.path),
        (&before.digest, &before.revision, &before.path)
    );
    assert_eq!(object.observed_generation(), 1);
    download(&after).await;
    // Content that consumers have already is no news.
    assert_eq!(world.count_events("app", "NewArtifact").await, 1);
    assert!(!files_below(&controller.storage()).is_empty());
}

#[tokio::test]
async fn a_corrupt_artifact_is_replaced() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 1\n");
    let controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    let artifact = world.ready("app").await;
    let file = controller.storage().join(&artifact.path);
    std::fs::write(&file, "tampered").unwrap();
    world.request("app").await;
    let again = world.ready("app").await;
    assert_eq!(again.digest, artifact.digest);
    download(&again).await;
    world.event("app", "ArtifactVerificationFailed").await;
}

#[tokio::test]
async fn old_artifacts_are_removed() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 0\n");
    let controller =
        Controller::start(&world, &["--artifact-retention-records=2", "--artifact-retention-ttl=1h"]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    world.ready("app").await;
    let mut shas = Vec::new();
    for i in 1..5 {
        let sha = repo.commit("a.yaml", &format!("a: {i}\n"));
        world.request("app").await;
        world.revision("app", &format!("main@sha1:{sha}")).await;
        shas.push(sha);
    }
    // Old ones go at the beginning of a turn.
    world.request("app").await;
    let mut left: Vec<String> = files_below(&controller.storage())
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name.ends_with(".tar.gz"))
        .collect();
    let mut wanted: Vec<String> = shas[2..].iter().map(|sha| format!("{sha}.tar.gz")).collect();
    left.sort();
    wanted.sort();
    assert_eq!(left, wanted);
    world.event("app", "GarbageCollectionSucceeded").await;
}

#[tokio::test]
async fn the_digest_algorithm_can_be_chosen() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 1\n");
    let _controller = Controller::start(&world, &["--artifact-digest-algo=blake3"]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    let artifact = world.ready("app").await;
    assert!(artifact.digest.starts_with("blake3:"), "{}", artifact.digest);
    download(&artifact).await;
}
