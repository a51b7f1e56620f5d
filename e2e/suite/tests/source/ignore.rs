//! Which files of a repository are in the artifact.

use serde_json::json;

use crate::support::{World, commit, git_server, main_of, paths};

const TREE: [&str; 9] = [
    ".github/ci.yaml",
    ".gitignore",
    ".sops.yaml",
    "app/a.yaml",
    "app/logo.png",
    "app/sub/b.yaml",
    "app/sub/notes.txt",
    "docs/readme.md",
    "x.zip",
];

/// Ignore files by path, `spec.ignore`, and what is left.
type Case =
    (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>, &'static [&'static str]);

const DEFAULT: &[&str] =
    &["app", "app/a.yaml", "app/sub", "app/sub/b.yaml", "app/sub/notes.txt", "docs", "docs/readme.md"];

const CASES: [Case; 9] = [
    ("defaults", &[], None, DEFAULT),
    ("comments", &[], Some("# nothing\n\n"), DEFAULT),
    (
        "spec",
        &[],
        Some("/docs\n*.zip\n"),
        &[
            ".github",
            ".github/ci.yaml",
            ".sops.yaml",
            "app",
            "app/a.yaml",
            "app/logo.png",
            "app/sub",
            "app/sub/b.yaml",
            "app/sub/notes.txt",
        ],
    ),
    ("only", &[], Some("/*\n!/docs\n"), &["docs", "docs/readme.md"]),
    // The excluded directories have no entry, and what is included again in them has one.
    ("again", &[], Some("/*\n!/app/**/*.yaml\n"), &["app/a.yaml", "app/sub/b.yaml"]),
    (
        "file",
        &[(".sourceignore", "/docs\n/.*/\n*.zip\n*.png\n")],
        None,
        &[
            ".sops.yaml",
            ".sourceignore",
            "app",
            "app/a.yaml",
            "app/sub",
            "app/sub/b.yaml",
            "app/sub/notes.txt",
        ],
    ),
    (
        "nested",
        &[("app/sub/.sourceignore", "*.txt\n"), ("app/.sourceignore", "*\n!sub/\n!*.yaml\n!.sourceignore\n")],
        Some("/docs\n/.github\n.sops.yaml\n*.zip\n"),
        &["app", "app/.sourceignore", "app/a.yaml", "app/sub", "app/sub/.sourceignore", "app/sub/b.yaml"],
    ),
    (
        "spec-wins",
        &[(".sourceignore", "/app\n/docs\n")],
        Some("!/app/sub/\n/.*\n*.zip\n"),
        &["app/sub", "app/sub/b.yaml", "app/sub/notes.txt"],
    ),
    ("all", &[], Some("*\n"), &[]),
];

#[tokio::test]
async fn ignore_rules_decide_what_is_archived() {
    let world = World::new().await;
    let server = git_server();
    let _controller = world.controller(&["--concurrent=8"]).await;
    for (name, files, ignore, _) in CASES {
        let repo = server.repository(name).unwrap();
        let tree = TREE.iter().map(|path| (*path, Some(*path)));
        let tree: Vec<_> = tree.chain(files.iter().map(|(path, text)| (*path, Some(*text)))).collect();
        repo.commit("all files", &tree).unwrap();
        let mut spec = main_of(&server, name);
        if let Some(ignore) = ignore {
            spec["ignore"] = ignore.into();
        }
        world.create(name, spec).await;
    }
    for (name, _, _, expected) in CASES {
        let artifact = world.ready(name).await;
        assert_eq!(paths(&artifact).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_change_of_the_rules_rebuilds_the_same_revision() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "docs/readme.md", "x");
    commit(&repo, "a.yaml", "a: 1\n");
    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let all = world.ready("app").await;
    world.patch("app", json!({"spec": {"ignore": "/docs\n"}})).await;
    let some = world.ready("app").await;
    assert_eq!(some.revision, all.revision);
    assert_ne!(some.digest, all.digest);
    assert_eq!(paths(&some).await, ["a.yaml"]);
    let status = world.get("app").await.status.unwrap();
    assert_eq!(status.observed_ignore.as_deref(), Some("/docs\n"));
    world.patch("app", json!({"spec": {"ignore": null}})).await;
    assert_eq!(world.ready("app").await.digest, all.digest);
    assert_eq!(world.get("app").await.status.unwrap().observed_ignore, None);
}
