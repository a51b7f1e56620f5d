//! What is checked out, and what happens when it moves.

use serde_json::json;

use crate::support::{World, commit, download, git_server, main_of, message, push_head};

#[tokio::test]
async fn a_branch_is_followed_even_when_its_history_is_rewritten() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    commit(&repo, "a.yaml", "a: 2\n");
    let _controller = world.controller(&[]).await;
    let mut spec = main_of(&server, "app");
    spec["interval"] = "1s".into();
    world.create("app", spec).await;
    world.ready("app").await;

    // Another root, nothing in common.
    repo.git(&["checkout", "--quiet", "--orphan", "rewritten"]).unwrap();
    let sha = commit(&repo, "a.yaml", "a: rewritten\n");
    push_head(&repo, "refs/heads/main");
    let artifact = world.revision("app", &format!("main@sha1:{sha}")).await;
    assert_eq!(download(&artifact).await["a.yaml"].content, b"a: rewritten\n");

    // And back to an older commit.
    let newer = commit(&repo, "a.yaml", "a: 3\n");
    push_head(&repo, "refs/heads/main");
    world.revision("app", &format!("main@sha1:{newer}")).await;
    repo.reset(&sha).unwrap();
    push_head(&repo, "refs/heads/main");
    let back = world.revision("app", &format!("main@sha1:{sha}")).await;
    assert_eq!(back.digest, artifact.digest);
}

#[tokio::test]
async fn a_moved_tag_is_noticed() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let first = commit(&repo, "a.yaml", "a: 1\n");
    repo.tag("v1", None).unwrap();
    let _controller = world.controller(&[]).await;
    world.create("app", json!({"url": server.http_url("app").unwrap(), "ref": {"tag": "v1"}})).await;
    assert_eq!(world.ready("app").await.revision, format!("v1@sha1:{first}"));
    let second = commit(&repo, "a.yaml", "a: 2\n");
    // Annotated this time: the revision is still the commit's.
    repo.tag("v1", Some("release")).unwrap();
    assert_ne!(repo.git(&["rev-parse", "refs/tags/v1"]).unwrap(), second);
    world.request("app").await;
    world.revision("app", &format!("v1@sha1:{second}")).await;
}

#[tokio::test]
async fn every_kind_of_reference_gives_its_form_of_revision() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let first = commit(&repo, "a.yaml", "a: 1\n");
    for tag in ["1.0.0", "v1.1.0", "1.2.0-rc.1", "2.0.0", "1.9", "nightly"] {
        repo.tag(tag, None).unwrap();
    }
    let second = commit(&repo, "a.yaml", "a: 2\n");
    push_head(&repo, "refs/heads/dev");
    repo.tag("v1.1.5", Some("annotated")).unwrap();
    let url = server.http_url("app").unwrap();
    let _controller = world.controller(&[]).await;
    for (name, reference, revision) in [
        ("branch", json!({"branch": "dev"}), format!("dev@sha1:{second}")),
        ("tag", json!({"tag": "v1.1.0"}), format!("v1.1.0@sha1:{first}")),
        ("semver", json!({"semver": "1.x"}), format!("v1.1.5@sha1:{second}")),
        ("pre", json!({"semver": ">=1.1.9-0 <2"}), format!("1.2.0-rc.1@sha1:{first}")),
        ("name", json!({"name": "refs/heads/main"}), format!("refs/heads/main@sha1:{second}")),
        ("commit", json!({"commit": first}), format!("sha1:{first}")),
        ("pinned", json!({"branch": "main", "commit": first}), format!("main@sha1:{first}")),
        (
            "precedence",
            json!({"branch": "main", "tag": "2.0.0", "semver": "1.x"}),
            format!("2.0.0@sha1:{first}"),
        ),
    ] {
        world.create(name, json!({"url": url, "ref": reference})).await;
        assert_eq!(world.ready(name).await.revision, revision, "{name}");
    }
    for (name, reference, text) in [
        ("no-branch", json!({"branch": "x"}), "couldn't find remote ref \"refs/heads/x\""),
        ("no-master", json!(null), "couldn't find remote ref \"refs/heads/master\""),
        ("no-tag", json!({"tag": "x"}), "couldn't find remote ref \"refs/tags/x\""),
        ("no-semver", json!({"semver": ">9"}), "no match found for semver: >9"),
        ("no-name", json!({"name": "refs/x/y"}), "unable to resolve ref 'refs/x/y' to a specific commit"),
    ] {
        world.create(name, json!({"url": url, "ref": reference})).await;
        let object = world.failed(name, "GitOperationFailed").await;
        let message = message(&object, "Ready");
        assert!(message.starts_with("failed to checkout and determine revision: "), "{name}: {message}");
        assert!(message.contains(text), "{name}: {message}");
    }
}

#[tokio::test]
async fn nothing_is_transferred_while_nothing_changes() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let artifact = world.ready("app").await;

    let before = server.fetches("app").unwrap();
    world.request("app").await;
    let unchanged = server.fetches("app").unwrap() - before;
    assert_eq!(world.ready("app").await, artifact, "not even its time");
    world.event("app", "GitOperationSucceeded").await;

    commit(&repo, "a.yaml", "a: 2\n");
    let before = server.fetches("app").unwrap();
    world.request("app").await;
    let changed = server.fetches("app").unwrap() - before;
    // Protocol version 2 lists references by a request too, which is all that there is without a change.
    assert!(unchanged < changed, "{unchanged} requests without a change, {changed} with one");
}
