//! Artifacts of more, and of less, than one commit's tree: includes, submodules, chosen directories.

use serde_json::json;

use crate::support::{World, artifact, commit, download, git_server, main_of, message, paths, reason};

#[tokio::test]
async fn artifacts_of_other_repositories_are_included() {
    let world = World::new().await;
    let server = git_server();
    let (app, lib) = (server.repository("app").unwrap(), server.repository("lib").unwrap());
    app.commit("app", &[("a.yaml", Some("a: 1\n")), ("deploy/x.yaml", Some("x: 1\n"))]).unwrap();
    lib.commit("lib", &[("b.yaml", Some("b: 1\n")), ("deep/c.yaml", Some("c: 1\n"))]).unwrap();
    let _controller = world.controller(&["--requeue-dependency=200ms"]).await;
    let mut spec = main_of(&server, "app");
    spec["include"] = json!([
        {"repository": {"name": "lib"}},
        {"repository": {"name": "lib"}, "fromPath": "./deep", "toPath": "../vendor/deep"},
        {"repository": {"name": "lib"}, "fromPath": "b.yaml", "toPath": "a.yaml"},
    ]);
    world.create("app", spec).await;
    let waiting = world.failed("app", "NotFound").await;
    assert_eq!(
        message(&waiting, "IncludeUnavailable"),
        "could not get resource for include 'lib': GitRepository.source.toolkit.fluxcd.io \"lib\" not found"
    );
    world.create("lib", main_of(&server, "lib")).await;
    let included = world.ready("lib").await;
    let stored = world.ready("app").await;
    let entries = download(&stored).await;
    assert_eq!(
        entries.keys().filter(|path| *path != ".").collect::<Vec<_>>(),
        [
            "a.yaml",
            "deploy",
            "deploy/x.yaml",
            "lib",
            "lib/b.yaml",
            "lib/deep",
            "lib/deep/c.yaml",
            "vendor",
            "vendor/deep",
            "vendor/deep/c.yaml"
        ]
    );
    assert_eq!(entries["a.yaml"].content, b"b: 1\n", "a file is replaced");
    let status = world.get("app").await.status.unwrap();
    assert_eq!(status.included_artifacts.len(), 3);
    assert_eq!(status.included_artifacts[0].digest, included.digest);
    assert_eq!(status.observed_include.len(), 3);

    // A change of what is included is noticed at the next turn; the revision stays.
    commit(&lib, "b.yaml", "b: 2\n");
    world.request("lib").await;
    world.request("app").await;
    let after = world.ready("app").await;
    assert_eq!(after.revision, stored.revision);
    assert_ne!(after.digest, stored.digest);
    assert_eq!(download(&after).await["lib/b.yaml"].content, b"b: 2\n");
}

#[tokio::test]
async fn an_include_that_cannot_be_copied_is_explained() {
    let world = World::new().await;
    let server = git_server();
    let (app, lib) = (server.repository("app").unwrap(), server.repository("lib").unwrap());
    commit(&app, "deploy/x.yaml", "x: 1\n");
    commit(&lib, "b.yaml", "b: 1\n");
    let _controller = world.controller(&[]).await;
    world.create("lib", main_of(&server, "lib")).await;
    world.ready("lib").await;
    let mut spec = main_of(&server, "app");
    spec["include"] = json!([{"repository": {"name": "lib"}, "fromPath": "none", "toPath": "x"}]);
    world.create("app", spec).await;
    let failed = world.failed("app", "CopyFailure").await;
    assert_eq!(reason(&failed, "StorageOperationFailed"), "CopyFailure");
    let text = message(&failed, "Ready");
    assert!(
        text.starts_with("failed to copy 'lib' include from none to x: cannot stat /tmp/include/unpack/none"),
        "{text}"
    );
    // A directory is never replaced.
    let include = json!([{"repository": {"name": "lib"}, "toPath": "deploy"}]);
    world.patch("app", json!({"spec": {"include": include}})).await;
    let failed = world.until("app", |object| message(object, "Ready").contains("file exists")).await;
    assert_eq!(artifact(&failed), None);
    world.patch("app", json!({"spec": {"include": null}})).await;
    assert_eq!(paths(&world.ready("app").await).await, ["deploy", "deploy/x.yaml"]);
}

#[tokio::test]
async fn submodules_are_fetched_on_request() {
    let world = World::new().await;
    let server = git_server();
    let (app, lib) = (server.repository("app").unwrap(), server.repository("lib").unwrap());
    let sha = commit(&lib, "b.yaml", "b: 1\n");
    commit(&lib, "b.yaml", "b: 2\n");
    app.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},libs/lib")]).unwrap();
    std::fs::create_dir_all(app.path().join("libs/lib")).unwrap();
    let modules = "[submodule \"lib\"]\n\tpath = libs/lib\n\turl = ../lib.git\n";
    std::fs::write(app.path().join(".gitmodules"), modules).unwrap();
    app.git(&["add", ".gitmodules"]).unwrap();
    app.git(&["commit", "--quiet", "-m", "a submodule"]).unwrap();
    app.git(&["push", "--quiet", "origin", "HEAD"]).unwrap();
    let _controller = world.controller(&[]).await;
    let mut spec = main_of(&server, "app");
    spec["recurseSubmodules"] = true.into();
    world.create("app", spec).await;
    let stored = world.ready("app").await;
    let entries = download(&stored).await;
    assert_eq!(entries.keys().collect::<Vec<_>>(), [".", "libs", "libs/lib", "libs/lib/b.yaml"]);
    assert_eq!(entries["libs/lib/b.yaml"].content, b"b: 1\n", "the commit that is pinned");
    assert!(world.get("app").await.status.unwrap().observed_recurse_submodules);
    world.patch("app", json!({"spec": {"recurseSubmodules": false}})).await;
    let without = world
        .until("app", |object| artifact(object).is_some_and(|artifact| artifact.digest != stored.digest));
    assert_eq!(paths(artifact(&without.await).unwrap()).await, ["libs", "libs/lib"]);
}

#[tokio::test]
async fn chosen_directories_alone_are_stored() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let files = ["apps/a/x.yaml", "apps/b/y.yaml", "infra/i.yaml", "root.yaml"];
    let files: Vec<(&str, Option<&str>)> = files.iter().map(|path| (*path, Some("x: 1\n"))).collect();
    repo.commit("files", &files).unwrap();
    let _controller = world.controller(&[]).await;
    let mut spec = main_of(&server, "app");
    spec["sparseCheckout"] = json!(["./apps/a", "infra/"]);
    world.create("app", spec).await;
    let stored = world.ready("app").await;
    assert_eq!(paths(&stored).await, ["apps", "apps/a", "apps/a/x.yaml", "infra", "infra/i.yaml"]);
    let status = world.get("app").await.status.unwrap();
    assert_eq!(status.observed_sparse_checkout, ["./apps/a", "infra/"]);

    world.patch("app", json!({"spec": {"sparseCheckout": ["apps/a", "none"]}})).await;
    let failed = world.failed("app", "GitOperationFailed").await;
    let text = message(&failed, "FetchFailed");
    assert!(
        text.starts_with("failed to sparse checkout directories : sparse checkout dir 'none' does not exist in repository: lstat "),
        "{text}"
    );
    assert!(artifact(&failed).is_some(), "the last artifact is served on");
    world.patch("app", json!({"spec": {"sparseCheckout": ["apps"]}})).await;
    let stored = world.ready("app").await;
    assert_eq!(paths(&stored).await, ["apps", "apps/a", "apps/a/x.yaml", "apps/b", "apps/b/y.yaml"]);
}
