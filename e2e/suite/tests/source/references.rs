//! What is checked out, and what happens when it moves.

use serde_json::json;

use crate::support::{Controller, GitServer, World, download, message};

#[tokio::test]
async fn a_branch_is_followed_even_when_its_history_is_rewritten() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 1\n");
    repo.commit("a.yaml", "a: 2\n");
    let _controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}, "interval": "1s"})).await;
    world.ready("app").await;

    // Another root, nothing in common.
    repo.git(&["checkout", "--quiet", "--orphan", "rewritten"]);
    let sha = repo.commit("a.yaml", "a: rewritten\n");
    let artifact = world.revision("app", &format!("main@sha1:{sha}")).await;
    assert_eq!(download(&artifact).await["a.yaml"].content, b"a: rewritten\n");

    // And back to an older commit than the one before.
    repo.git(&["reset", "--quiet", "--hard", &sha]);
    let newer = repo.commit("a.yaml", "a: 3\n");
    world.revision("app", &format!("main@sha1:{newer}")).await;
    repo.git(&["reset", "--quiet", "--hard", &sha]);
    repo.push_head("refs/heads/main");
    let back = world.revision("app", &format!("main@sha1:{sha}")).await;
    assert_eq!(back.digest, artifact.digest);
}

#[tokio::test]
async fn a_moved_tag_is_noticed() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    let first = repo.commit("a.yaml", "a: 1\n");
    repo.push_head("refs/tags/v1");
    let _controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"tag": "v1"}})).await;
    assert_eq!(world.ready("app").await.revision, format!("v1@sha1:{first}"));
    let second = repo.commit("a.yaml", "a: 2\n");
    // Annotated this time: the revision is still the commit's.
    repo.git(&["tag", "--annotate", "-m", "release", "v1"]);
    let bare = repo.git(&["rev-parse", "refs/tags/v1"]);
    assert_ne!(bare, second);
    repo.git(&["checkout", "--quiet", "--detach", &second]);
    repo.push_tag("v1");
    world.request("app").await;
    world.revision("app", &format!("v1@sha1:{second}")).await;
}

#[tokio::test]
async fn every_kind_of_reference_gives_its_form_of_revision() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    let first = repo.commit("a.yaml", "a: 1\n");
    for tag in ["1.0.0", "v1.1.0", "1.2.0-rc.1", "2.0.0", "1.9", "nightly"] {
        repo.push_head(&format!("refs/tags/{tag}"));
    }
    let second = repo.commit("a.yaml", "a: 2\n");
    repo.push_head("refs/heads/dev");
    repo.push_head("refs/tags/v1.1.5");
    let _controller = Controller::start(&world, &[]);
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
        world.create(name, json!({"url": server.url(&repo), "ref": reference})).await;
        assert_eq!(world.ready(name).await.revision, revision, "{name}");
    }
    for (name, reference, text) in [
        ("no-branch", json!({"branch": "x"}), "couldn't find remote ref \"refs/heads/x\""),
        ("no-master", json!(null), "couldn't find remote ref \"refs/heads/master\""),
        ("no-tag", json!({"tag": "x"}), "couldn't find remote ref \"refs/tags/x\""),
        ("no-semver", json!({"semver": ">9"}), "no match found for semver: >9"),
        ("no-name", json!({"name": "refs/x/y"}), "unable to resolve ref 'refs/x/y' to a specific commit"),
    ] {
        world.create(name, json!({"url": server.url(&repo), "ref": reference})).await;
        let object = world.failed(name, "GitOperationFailed").await;
        let message = message(&object, "Ready");
        assert!(message.starts_with("failed to checkout and determine revision: "), "{name}: {message}");
        assert!(message.contains(text), "{name}: {message}");
    }
}

#[tokio::test]
async fn nothing_is_transferred_while_nothing_changes() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 1\n");
    let _controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    let artifact = world.ready("app").await;

    let requests = async |ask: bool| {
        let before = server.requests().len();
        if ask {
            world.request("app").await;
        } else {
            repo.commit("a.yaml", "a: 2\n");
            world.request("app").await;
        }
        server.requests().len() - before
    };
    let unchanged = requests(true).await;
    assert_eq!(world.ready("app").await, artifact, "not even its time");
    world.event("app", "GitOperationSucceeded").await;
    let changed = requests(false).await;
    assert!(unchanged < changed, "{unchanged} requests without a change, {changed} with one");
}
