//! What becomes of unusual files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::support::{World, artifact, commit, download, git_server, main_of, message, run};

#[tokio::test]
async fn links_are_left_out_and_modes_are_plain() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let deep = format!("{}/deep.yaml", ["directory"; 20].join("/"));
    fs::write(repo.path().join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(repo.path().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    for (link, target) in [
        ("outside", "/etc/passwd"),
        ("above", "../../../../etc/passwd"),
        ("inside", "run.sh"),
        ("dir", "größe"),
        (".sourceignore", "/etc/hostname"),
    ] {
        symlink(target, repo.path().join(link)).unwrap();
    }
    let files = [("größe/日本.yaml", Some("ü: 1\n")), (deep.as_str(), Some("x: 1\n")), ("empty", Some(""))];
    repo.commit("odd files", &files).unwrap();
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let entries = download(&world.ready("app").await).await;
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
async fn a_large_file_is_never_held_in_memory() {
    const SIZE: u64 = 256 << 20;
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    fs::File::create(repo.path().join("large")).unwrap().set_len(SIZE).unwrap();
    repo.commit_all("a large file").unwrap();
    let controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let stored = world.ready("app").await;
    let (_, peak) = controller.memory().unwrap();
    assert!(peak < SIZE / 2, "{} MiB at the peak", peak >> 20);
    assert_eq!(download(&stored).await["large"].content.len() as u64, SIZE);
}

#[tokio::test]
async fn a_submodule_is_an_empty_directory() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let sha = commit(&repo, "a.yaml", "a: 1\n");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},lib")]).unwrap();
    repo.git(&["commit", "--quiet", "-m", "a submodule"]).unwrap();
    repo.git(&["push", "--quiet", "origin", "HEAD"]).unwrap();
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let entries = download(&world.ready("app").await).await;
    assert_eq!(entries.keys().collect::<Vec<_>>(), [".", "a.yaml", "lib"]);
    assert_eq!(entries["lib"].mode, 0o750);
}

#[tokio::test]
async fn a_tree_that_would_escape_is_refused() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    // Plumbing writes what porcelain refuses: an entry named `..`.
    let blob = repo.git(&["rev-parse", "HEAD:a.yaml"]).unwrap();
    let entry = repo.path().join("entry");
    fs::write(&entry, format!("100644 blob {blob}\t..\n")).unwrap();
    let input = fs::File::open(entry).unwrap();
    let tree = run(Command::new("git").arg("-C").arg(repo.path()).arg("mktree").stdin(input));
    let hostile = repo.git(&["commit-tree", &tree, "-m", "hostile"]).unwrap();
    repo.git(&["push", "--quiet", "--force", "origin", &format!("{hostile}:refs/heads/main")]).unwrap();
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let object = world.failed("app", "ArchiveOperationFailed").await;
    assert!(message(&object, "Ready").contains("'..'"), "{}", message(&object, "Ready"));
    assert_eq!(artifact(&object), None);
}
