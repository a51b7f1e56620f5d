//! Large files beside Git.
//!
//! The environment variable `SLUICE_GIT_LFS` names the real `git-lfs` (Debian's package `git-lfs`); where it does, that is
//! what makes the pointers and pushes the files. With `SLUICE_LFS_URL` too they go to another's server, for instance
//! giftless (<https://giftless.datopian.com>) with anonymous access.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path as Parameter, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_testkit::GitRepository as Repo;
use tokio::task::JoinHandle;

use crate::support::{World, artifact, commit, download, git_server, main_of, message, run};

const LFS: &str = "sluice.dev/lfs";

/// The URL of another's server, as `lfs.url` has it.
const ANOTHER: &str = "SLUICE_LFS_URL";

type Contents = Arc<Mutex<HashMap<String, Bytes>>>;

/// The batch API with the basic transfer, both ways: <https://github.com/git-lfs/git-lfs/tree/main/docs/api>.
struct Server {
    url: String,
    contents: Contents,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let contents = Contents::default();
        let router = Router::new()
            .route("/org/app/objects/batch", post(batch))
            .route("/contents/{oid}", get(give).put(take))
            .layer(DefaultBodyLimit::max(16 << 20))
            .with_state(Arc::clone(&contents));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}/org/app", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let url = std::env::var(ANOTHER).unwrap_or(own);
        Self { url, contents, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn batch(State(contents): State<Contents>, headers: HeaderMap, body: Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let operation = asked["operation"].as_str().unwrap();
    let contents = contents.lock().unwrap();
    let place = |object: &Value| {
        let oid = object["oid"].as_str().unwrap();
        let href = format!("http://{}/contents/{oid}", headers["host"].to_str().unwrap());
        match (operation, contents.contains_key(oid)) {
            ("upload", true) => json!({"oid": oid, "size": object["size"]}),
            ("download", false) => {
                json!({"oid": oid, "error": {"code": 404, "message": "Object does not exist"}})
            }
            _ => json!({"oid": oid, "size": object["size"], "actions": {operation: {"href": href}}}),
        }
    };
    let objects: Vec<Value> = asked["objects"].as_array().unwrap().iter().map(place).collect();
    Response::builder()
        .header("content-type", "application/vnd.git-lfs+json")
        .body(Body::from(json!({"transfer": "basic", "objects": objects}).to_string()))
        .unwrap()
}

async fn give(
    State(contents): State<Contents>,
    Parameter(oid): Parameter<String>,
) -> Result<Bytes, StatusCode> {
    contents.lock().unwrap().get(&oid).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn take(
    State(contents): State<Contents>,
    Parameter(oid): Parameter<String>,
    body: Bytes,
) -> StatusCode {
    contents.lock().unwrap().insert(oid, body);
    StatusCode::OK
}

fn oid(content: &[u8]) -> String {
    digest(&SHA256, content).as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Runs git in the work tree, with `git lfs`.
fn git(repo: &Repo, lfs: &Path, args: &[&str]) {
    let path = format!("{}:{}", lfs.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let identity =
        |role: &str| [(format!("GIT_{role}_NAME"), "Ada"), (format!("GIT_{role}_EMAIL"), "ada@example.org")];
    run(Command::new("git")
        .current_dir(repo.path())
        .args(args)
        .env("PATH", path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("HOME", repo.path().parent().unwrap())
        .envs(identity("AUTHOR"))
        .envs(identity("COMMITTER")));
}

/// Commits a file that is kept beside Git, and gives it to the server.
fn push(repo: &Repo, server: &Server, content: &[u8]) {
    std::fs::write(repo.path().join("a.yaml"), "a: 1\n").unwrap();
    let Some(lfs) = std::env::var_os("SLUICE_GIT_LFS").map(PathBuf::from) else {
        server.contents.lock().unwrap().insert(oid(content), content.to_vec().into());
        let (oid, size) = (oid(content), content.len());
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n");
        std::fs::write(repo.path().join("model.bin"), pointer).unwrap();
        std::fs::write(repo.path().join(".lfsconfig"), format!("[lfs]\n\turl = {}\n", server.url)).unwrap();
        repo.commit_all("a large file").unwrap();
        return;
    };
    git(repo, &lfs, &["lfs", "install", "--local"]);
    git(repo, &lfs, &["lfs", "track", "*.bin"]);
    git(repo, &lfs, &["config", "lfs.locksverify", "false"]);
    git(repo, &lfs, &["config", "--file", ".lfsconfig", "lfs.url", &server.url]);
    std::fs::write(repo.path().join("model.bin"), content).unwrap();
    git(repo, &lfs, &["add", "--all"]);
    git(repo, &lfs, &["commit", "--quiet", "--message", "a large file"]);
    git(repo, &lfs, &["push", "--quiet", "origin", "HEAD:main"]);
    if std::env::var_os(ANOTHER).is_some() {
        return;
    }
    assert_eq!(server.contents.lock().unwrap().get(&oid(content)).map(|found| &found[..]), Some(content));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pointers_give_way_to_files_for_those_who_ask() {
    let world = World::new().await;
    let (server, large) = (git_server(), Server::start().await);
    let repo = server.repository("app").unwrap();
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    tokio::task::block_in_place(|| push(&repo, &large, &content));

    let _controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let pointer = world.ready("app").await;
    let files = download(&pointer).await;
    assert!(files["model.bin"].content.starts_with(b"version https://git-lfs.github.com/spec/v1\n"));
    assert!(pointer.metadata.is_empty());

    let annotate = |value: Value| json!({"metadata": {"annotations": {LFS: value}}});
    world.patch("app", annotate("Enabled".into())).await;
    world.request("app").await;
    let whole = world.ready("app").await;
    let files = download(&whole).await;
    assert_eq!(files["model.bin"].content, content);
    assert_eq!(files["a.yaml"].content, b"a: 1\n");
    assert_eq!(whole.revision, pointer.revision);
    assert_eq!(whole.metadata[LFS], "Enabled");

    // What is here is not fetched again, and the unchanged commit not either.
    drop(large);
    world.request("app").await;
    assert_eq!(world.ready("app").await.digest, whole.digest);
    world.patch("app", annotate(Value::Null)).await;
    world.request("app").await;
    assert_eq!(world.ready("app").await.digest, pointer.digest);
}

#[tokio::test]
async fn what_is_too_large_or_missing_is_told() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    let oid = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12345\n");
    commit(&repo, "big.bin", &pointer);
    let controller = world.controller(&["--git-lfs-max-size=12344"]).await;
    world.create("app", main_of(&server, "app")).await;
    world.ready("app").await;
    let annotate = |value: &str| json!({"metadata": {"annotations": {LFS: value}}});
    world.patch("app", annotate("Enabled")).await;
    world.request("app").await;
    let object = world.failed("app", "GitOperationFailed").await;
    let told = message(&object, "FetchFailed");
    assert!(
        told.contains("unable to fetch LFS file 'big.bin': the LFS files of the commit have 12345 bytes"),
        "{told}"
    );
    assert!(told.ends_with("or have --git-lfs-max-size raised"), "{told}");
    // What is stored stays, and leaving the file out is enough.
    assert!(artifact(&object).is_some());
    world.patch("app", json!({"spec": {"ignore": "*.bin"}})).await;
    let stored = world.ready("app").await;
    assert!(!download(&stored).await.contains_key("big.bin"));

    world.patch("app", annotate("yes")).await;
    world.request("app").await;
    let object = world.failed("app", "UnsupportedField").await;
    let wanted = format!("annotation {LFS} must be 'Enabled' or 'Disabled', not 'yes'");
    assert_eq!(message(&object, "Ready"), wanted);
    world.patch("app", annotate("disabled")).await;
    world.ready("app").await;
    assert!(!conditions::is_false(&world.get("app").await, "Ready"));
    drop(controller);
}
