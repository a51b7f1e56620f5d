//! What is stored, served and thrown away.

use std::time::Duration;

use sluice_apis::conditions::ConditionedObject;

use crate::support::{World, commit, download, files_below, git_server, main_of};

#[tokio::test]
async fn a_lost_storage_is_rebuilt_with_the_same_digest() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "b/c.yaml", "c: 1\n");
    commit(&repo, "a.yaml", "a: 1\n");
    let mut controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let before = world.ready("app").await;
    world.event("app", "NewArtifact").await;

    controller.kill().unwrap();
    std::fs::remove_dir_all(controller.storage_path()).unwrap();
    controller.restart().await.unwrap();
    let file = controller.storage_path().join(&before.path);
    let rebuilt = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), rebuilt).await.expect("the artifact is there again");
    let after = world.ready("app").await;
    assert_eq!((&after.digest, &after.revision, &after.url), (&before.digest, &before.revision, &before.url));
    download(&after).await;
    assert_eq!(world.get("app").await.observed_generation(), 1);
    // Content that consumers have already is no news.
    assert_eq!(world.count_events("app", "NewArtifact").await, 1);
}

#[tokio::test]
async fn a_corrupt_artifact_is_replaced() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let artifact = world.ready("app").await;
    std::fs::write(controller.storage_path().join(&artifact.path), "tampered").unwrap();
    world.request("app").await;
    let again = world.ready("app").await;
    assert_eq!(again.digest, artifact.digest);
    download(&again).await;
    world.event("app", "ArtifactVerificationFailed").await;
}

#[tokio::test]
async fn old_artifacts_are_removed() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 0\n");
    let args = ["--artifact-retention-records=2", "--artifact-retention-ttl=1h"];
    let controller = world.controller(&args).await;
    world.create("app", main_of(&server, "app")).await;
    world.ready("app").await;
    let mut shas = Vec::new();
    for i in 1..5 {
        let sha = commit(&repo, "a.yaml", &format!("a: {i}\n"));
        world.request("app").await;
        world.revision("app", &format!("main@sha1:{sha}")).await;
        shas.push(sha);
    }
    // Old ones go at the beginning of a turn.
    world.request("app").await;
    let mut left: Vec<String> = files_below(&controller.storage_path())
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
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let _controller = world.controller(&["--artifact-digest-algo=blake3"]).await;
    world.create("app", main_of(&server, "app")).await;
    let artifact = world.ready("app").await;
    assert!(artifact.digest.starts_with("blake3:"), "{}", artifact.digest);
    download(&artifact).await;
}
