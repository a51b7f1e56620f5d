//! Repositories over HTTP, from `git http-backend` itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;

use crate::built;

fn git(at: &Path, arguments: &[&str]) {
    let fixed = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").args(fixed).args(arguments).current_dir(at).output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

/// A repository with a base on `main`, one commit further than the tag `v1`, whose name a branch has too.
fn repository(root: &Path) {
    let work = root.join("work");
    std::fs::create_dir_all(work.join("base")).unwrap();
    git(&work, &["init", "-q"]);
    std::fs::write(work.join("base/kustomization.yaml"), "resources: [r.yaml]\n").unwrap();
    let commit = |name: &str| {
        std::fs::write(work.join("base/r.yaml"), config(name)).unwrap();
        git(&work, &["add", "-A"]);
        git(&work, &["commit", "-q", "-m", name]);
    };
    commit("tagged");
    git(&work, &["tag", "v1"]);
    commit("main");
    git(&work, &["branch", "v1"]);
    std::fs::create_dir_all(work.join("leak")).unwrap();
    std::fs::write(work.join("leak/kustomization.yaml"), "resources: [link.yaml]\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", work.join("leak/link.yaml")).unwrap();
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-q", "-m", "leak"]);
    git(root, &["clone", "-q", "--bare", "work", "repo.git"]);
}

/// Runs git's own CGI program for a request.
async fn backend(State(root): State<Arc<PathBuf>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, 1 << 20).await.unwrap_or_default();
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root.as_path())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or(""))
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let done = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            std::io::Write::write_all(&mut stdin, &body)?;
        }
        child.wait_with_output()
    });
    let output = done.await.unwrap().unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        if let Some((name, value)) = line.split_once(": ") {
            response = match name {
                "Status" => response.status(value[..3].parse::<u16>().unwrap_or(500)),
                _ => response.header(name, value),
            };
        }
    }
    let body = output.get(end + 4..).unwrap_or_default().to_vec();
    response.body(Body::from(body)).unwrap()
}

async fn server(root: &Path) -> String {
    let router = Router::new().fallback(backend).with_state(Arc::new(root.to_owned()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/repo.git")
}

#[tokio::test]
async fn references_mean_what_git_takes_them_for() {
    let root = tempfile::tempdir().unwrap();
    repository(root.path());
    let url = server(root.path()).await;
    for (reference, name) in [
        ("", "main"),
        ("?ref=main", "main"),
        ("?ref=v1", "tagged"),
        ("?ref=refs/heads/v1", "main"),
        ("?version=heads/v1&submodules=false", "main"),
    ] {
        let build = built(&format!("- {url}//base{reference}\n")).await.unwrap();
        assert_eq!(build.resources[0].name(), name, "{reference}");
    }
    let done = Command::new("git")
        .args(["rev-parse", "v1^{commit}"])
        .env("GIT_DIR", root.path().join("repo.git"))
        .output();
    let sha = String::from_utf8(done.unwrap().stdout).unwrap();
    let build = built(&format!("- {url}//base?ref={}\n", sha.trim())).await;
    assert_eq!(build.unwrap().resources[0].name(), "tagged");
    let error = built(&format!("- {url}//base?ref=none\n")).await.unwrap_err();
    assert!(error.contains("none"), "{error}");
}

#[tokio::test]
async fn a_link_in_a_fetched_tree_leads_nowhere() {
    let root = tempfile::tempdir().unwrap();
    repository(root.path());
    let url = server(root.path()).await;
    let error = built(&format!("- {url}//leak\n")).await.unwrap_err();
    assert!(error.contains("outside") && !error.contains("root:x:"), "{error}");
}
