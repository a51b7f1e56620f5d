//! Submodules and partial trees.

use std::path::PathBuf;

use sluice_git::{Auth, Content, Error, Kind, Remote, Walk, fetch};

use crate::support::http::{Config, Server};
use crate::support::repo::{Repo, run};
use crate::support::{branch, options, remote};

/// Adds the content of another repository to the root of `repo` as the bare repository `name`.
fn export(repo: &Repo, other: &Repo, name: &str) {
    let from = other.bare();
    run(repo.root(), &["clone", "-q", "--bare", from.to_str().unwrap(), name]);
}

fn add_submodule(repo: &Repo, url: &str, path: &str) {
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, path]);
    repo.commit_all(&format!("add {path}"));
}

/// `app` holds `libs/one`, which holds `two`, at a commit that is no head any more.
fn nested() -> Repo {
    let (app, one, two) = (Repo::new(), Repo::new(), Repo::new());
    two.commit("two.yaml", "two: 2\n");
    two.push("main");
    export(&one, &two, "two.git");
    add_submodule(&one, "../two.git", "two");
    one.push("main");
    export(&app, &two, "two.git");
    export(&app, &one, "one.git");
    add_submodule(&app, "../one.git", "libs/one");
    app.commit("z.yaml", "z: 1\n");
    app.push("main");
    two.commit("two.yaml", "two: 3\n");
    two.git(&["push", "-q", "-f", app.root().join("two.git").to_str().unwrap(), "main"]);
    app
}

async fn content(remote: &Remote, store: &tempfile::TempDir) -> Content {
    let commit = fetch(remote, &branch("main"), &store.path().join("app"), &options()).await.unwrap();
    Content::new(commit)
}

async fn fill(content: &mut Content, remote: &Remote, stores: &tempfile::TempDir) -> Result<(), Error> {
    let root = stores.path().to_owned();
    let store_of = move |remote: &Remote| -> PathBuf { root.join(remote.url.path().replace('/', "-")) };
    content.fetch_submodules(remote, &store_of, &options()).await
}

fn list(content: &Content) -> Vec<String> {
    let mut found = Vec::new();
    content
        .walk(|entry| {
            let mark = if entry.kind == Kind::Directory { "/" } else { "" };
            found.push(format!("{}{mark}", String::from_utf8_lossy(entry.path)));
            Ok::<_, Error>(Walk::Continue)
        })
        .unwrap();
    found
}

#[tokio::test]
async fn submodules_are_filled_in_where_they_belong() {
    let repo = nested();
    let server = Server::plain(repo.root()).await;
    let stores = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    let mut content = content(&remote, &stores).await;
    assert_eq!(list(&content), [".gitmodules", "app.yaml", "libs/", "libs/one", "z.yaml"]);
    fill(&mut content, &remote, &stores).await.unwrap();
    assert_eq!(
        list(&content),
        [
            ".gitmodules",
            "app.yaml",
            "libs/",
            "libs/one/",
            "libs/one/.gitmodules",
            "libs/one/app.yaml",
            "libs/one/two/",
            "libs/one/two/app.yaml",
            "libs/one/two/two.yaml",
            "z.yaml"
        ]
    );
    let mut two = Vec::new();
    content
        .walk(|entry| {
            if entry.path.ends_with(b"two.yaml") {
                two = entry.read(100)?;
            }
            Ok::<_, Error>(Walk::Continue)
        })
        .unwrap();
    assert_eq!(two, b"two: 2\n", "the pinned commit, not the head");
    assert!(content.contains("libs/one/two/two.yaml").unwrap());
    assert!(!content.contains("libs/one/two/three.yaml").unwrap());
}

/// As `git` has it: what only one of the tree and `.gitmodules` names is no submodule that can be had.
#[tokio::test]
async fn a_submodule_that_is_listed_nowhere_stays_empty() {
    let repo = nested();
    let module = "[submodule \"gone\"]\n\tpath = gone\n\turl = ../gone.git\n";
    let pinned = format!("160000,{},lost", "1".repeat(40));
    repo.git(&["update-index", "--add", "--cacheinfo", &pinned]);
    let listed = std::fs::read_to_string(repo.work().join(".gitmodules")).unwrap();
    std::fs::write(repo.work().join(".gitmodules"), listed + module).unwrap();
    repo.git(&["add", ".gitmodules"]);
    repo.git(&["commit", "-q", "-m", "One that is not listed, and one that is not there"]);
    repo.push("main");
    let server = Server::plain(repo.root()).await;
    let stores = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    let mut content = content(&remote, &stores).await;
    fill(&mut content, &remote, &stores).await.unwrap();
    let found = list(&content);
    assert!(found.contains(&"lost".to_owned()), "{found:?}");
    assert!(found.contains(&"libs/one/two/two.yaml".to_owned()), "{found:?}");
    assert!(!found.iter().any(|path| path.starts_with("gone") || path.starts_with("lost/")), "{found:?}");
}

#[tokio::test]
async fn a_missing_submodule_is_named() {
    let repo = nested();
    std::fs::remove_dir_all(repo.root().join("two.git")).unwrap();
    let server = Server::plain(repo.root()).await;
    let stores = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    let mut content = content(&remote, &stores).await;
    let text = fill(&mut content, &remote, &stores).await.unwrap_err().to_string();
    assert!(text.starts_with("unable to clone submodule 'two': "), "{text}");
    assert!(text.contains("repository not found"), "{text}");
}

#[tokio::test]
async fn a_submodule_that_pins_a_lost_commit_fails() {
    let repo = nested();
    let bare = repo.root().join("one.git");
    run(&bare, &["update-ref", "-d", "refs/heads/main"]);
    run(&bare, &["-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now"]);
    let server = Server::plain(repo.root()).await;
    let stores = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    let mut content = content(&remote, &stores).await;
    let text = fill(&mut content, &remote, &stores).await.unwrap_err().to_string();
    assert!(text.starts_with("unable to clone submodule 'libs/one': "), "{text}");
}

#[tokio::test]
async fn credentials_of_the_repository_stay_with_its_server() {
    let repo = Repo::new();
    let elsewhere = nested();
    let thief = Server::start(Config::new(elsewhere.root())).await;
    let url = thief.url();
    repo.commit(".gitmodules", format!("[submodule \"x\"]\n\tpath = x\n\turl = {url}\n"));
    let sha = run(&elsewhere.bare(), &["rev-parse", "main"]);
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{sha},x")]);
    repo.git(&["commit", "-q", "-m", "a link elsewhere"]);
    repo.push("main");
    let authorization = Some("Bearer hunter2".to_owned());
    let server = Server::start(Config { authorization, ..Config::new(repo.root()) }).await;
    let stores = tempfile::tempdir().unwrap();
    let mut remote = remote(&server.url());
    remote.auth = Auth::Bearer("hunter2".to_owned());
    let mut content = content(&remote, &stores).await;
    fill(&mut content, &remote, &stores).await.unwrap();
    assert!(content.contains("x/z.yaml").unwrap());
    let seen = thief.seen();
    assert!(!seen.is_empty() && seen.iter().all(|request| request.authorization.is_none()), "{seen:?}");
}

#[tokio::test]
async fn only_the_wanted_directories_are_left() {
    let repo = nested();
    for path in ["apps/a/x.yaml", "apps/b/y.yaml", "apps-not/n.yaml", "infra/i.yaml", ".sourceignore"] {
        repo.commit(path, path);
    }
    repo.push("main");
    let server = Server::plain(repo.root()).await;
    let stores = tempfile::tempdir().unwrap();
    let remote = remote(&server.url());
    let whole = content(&remote, &stores).await;
    let some = |paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        whole.clone().with_directories(&paths)
    };
    assert_eq!(list(&some(&["./apps"])), ["apps/", "apps/a/", "apps/a/x.yaml", "apps/b/", "apps/b/y.yaml"]);
    assert_eq!(
        list(&some(&["apps/b/", "infra"])),
        ["apps/", "apps/b/", "apps/b/y.yaml", "infra/", "infra/i.yaml"]
    );
    assert_eq!(list(&some(&["z.yaml"])), ["z.yaml"]);
    assert_eq!(list(&some(&["./"])), list(&whole));
    let apps = some(&["apps/a"]);
    for (path, there) in
        [("apps/a", true), ("./apps/a/", true), ("apps/b", false), ("none", false), ("/apps/a", false)]
    {
        assert_eq!(apps.contains(path).unwrap(), there, "{path}");
    }

    // Submodules that nobody wants are not fetched.
    let mut apps = some(&["apps"]);
    let before = server.seen().len();
    fill(&mut apps, &remote, &stores).await.unwrap();
    assert_eq!(server.seen().len(), before);
    let mut libs = some(&["libs/one/two"]);
    fill(&mut libs, &remote, &stores).await.unwrap();
    assert_eq!(
        list(&libs),
        ["libs/", "libs/one/", "libs/one/two/", "libs/one/two/app.yaml", "libs/one/two/two.yaml"]
    );
}
