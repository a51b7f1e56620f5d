//! What becomes of unusual files.

use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::support::{Controller, GitServer, World, download, message};

#[tokio::test]
async fn links_are_left_out_and_modes_are_plain() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.write("run.sh", "#!/bin/sh\n");
    let set_mode = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(repo.dir().join("run.sh"), permissions).unwrap();
    };
    set_mode(0o755);
    repo.write("größe/日本.yaml", "ü: 1\n");
    repo.write(&format!("{}/deep.yaml", ["directory"; 20].join("/")), "x: 1\n");
    repo.write("empty", "");
    for (link, target) in [
        ("outside", "/etc/passwd"),
        ("above", "../../../../etc/passwd"),
        ("inside", "run.sh"),
        ("dir", "größe"),
        (".sourceignore", "/etc/hostname"),
    ] {
        symlink(target, repo.dir().join(link)).unwrap();
    }
    repo.push("main", "odd files");
    let _controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    let entries = download(&world.ready("app").await).await;
    let deep = format!("{}/deep.yaml", ["directory"; 20].join("/"));
    for (path, mode) in [
        (".", 0o750),
        ("run.sh", 0o700),
        ("größe", 0o750),
        ("größe/日本.yaml", 0o600),
        (deep.as_str(), 0o600),
        ("empty", 0o600),
    ] {
        assert_eq!(entries[path].mode, mode, "{path}");
    }
    for link in ["outside", "above", "inside", "dir", ".sourceignore"] {
        assert!(!entries.contains_key(link), "{link}");
    }
}

#[tokio::test]
async fn a_large_file_is_archived() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    let file = std::fs::File::create(repo.dir().join("large")).unwrap();
    file.set_len(200 << 20).unwrap();
    repo.push("main", "a large file");
    let _controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    let entries = download(&world.ready("app").await).await;
    assert_eq!(entries["large"].content.len(), 200 << 20);
}

#[tokio::test]
async fn a_submodule_is_an_empty_directory() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    let sha = repo.commit("a.yaml", "a: 1\n");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},lib")]);
    repo.git(&["commit", "--quiet", "-m", "a submodule"]);
    repo.push_head("refs/heads/main");
    let _controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}})).await;
    let entries = download(&world.ready("app").await).await;
    assert_eq!(entries.keys().collect::<Vec<_>>(), [".", "a.yaml", "lib"]);
    assert_eq!(entries["lib"].mode, 0o750);
}

#[tokio::test]
async fn a_tree_that_would_escape_is_refused() {
    let world = World::new().await;
    let server = GitServer::start();
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 1\n");
    // Plumbing writes what porcelain refuses: an entry named `..`.
    let blob = repo.git(&["rev-parse", "HEAD:a.yaml"]);
    repo.write("tree", format!("100644 blob {blob}\t..\n"));
    let tree = repo.git_with_input(&["mktree"], "tree");
    let commit = repo.git(&["commit-tree", &tree, "-m", "hostile"]);
    repo.git(&["update-ref", "refs/heads/hostile", &commit]);
    repo.push_reference("refs/heads/hostile", "refs/heads/main");
    let _controller = Controller::start(&world, &[]);
    world.create("app", json!({"url": server.url(&repo), "ref": {"branch": "main"}, "timeout": "10s"})).await;
    let object = world.failed("app", "ArchiveOperationFailed").await;
    assert!(message(&object, "Ready").contains("'..'"), "{}", message(&object, "Ready"));
    assert!(object.status.unwrap().artifact.is_none());
}
