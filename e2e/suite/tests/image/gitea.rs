//! A host with Gitea's API: a real one where there is a program, else one that does what the interface says and
//! refuses what it does not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sluice_testkit::{GitOptions, GitRepository, GitServer, Gitea};

use crate::support::{bare, run};

/// The token of the scripted host.
const TOKEN: &str = "forge-token";

/// A repository `acme/app` at a host.
pub struct Host {
    /// Where Git finds the repository.
    pub git: String,
    /// Where the API is.
    pub api: String,
    pub user: String,
    pub token: String,
    client: reqwest::Client,
    kind: Kind,
}

enum Kind {
    Scripted { _server: GitServer, repo: GitRepository, state: State },
    Real { gitea: Gitea, work: PathBuf },
}

impl Host {
    /// One that follows the published interface.
    pub async fn scripted() -> Self {
        let server = GitServer::start(&GitOptions::default()).unwrap();
        let repo = server.repository("acme/app").unwrap();
        let state = State { bare: repo.bare_path().to_owned(), ..State::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let shared = state.clone();
        let app = axum::Router::new().fallback(move |request: Request| answer(shared.clone(), request));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            git: server.http_url("acme/app").unwrap(),
            api,
            user: "robot".to_owned(),
            token: TOKEN.to_owned(),
            client: reqwest::Client::new(),
            kind: Kind::Scripted { _server: server, repo, state },
        }
    }

    /// A real one, if there is a program.
    pub async fn real(directory: &Path) -> Option<Self> {
        let gitea = Gitea::start(directory).await.unwrap()?;
        gitea.repository("acme", "app").await.unwrap();
        let host = Self {
            git: format!("{}/acme/app.git", gitea.web()),
            api: gitea.api(),
            user: gitea.user().to_owned(),
            token: gitea.token().to_owned(),
            client: reqwest::Client::new(),
            kind: Kind::Real { gitea, work: directory.join("work") },
        };
        host.prepare();
        Some(host)
    }

    fn prepare(&self) {
        if let Kind::Real { work, gitea } = &self.kind {
            let url = gitea.git_url("acme/app");
            run(Command::new("git").args(["init", "-q", "-b", "main"]).arg(work));
            self.git(&["remote", "add", "origin", &url]);
            self.git(&["config", "user.name", "ann"]);
            self.git(&["config", "user.email", "ann@example.org"]);
        }
    }

    /// Commits files to `main`.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) {
        match &self.kind {
            Kind::Scripted { repo, .. } => {
                let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
                if repo.git(&["rev-parse", "--verify", "-q", "HEAD"]).is_ok() {
                    repo.git(&["fetch", "-q", "origin", "main"]).unwrap();
                    repo.git(&["reset", "-q", "--hard", "FETCH_HEAD"]).unwrap();
                }
                repo.commit(message, &files).unwrap();
            }
            Kind::Real { work, .. } => {
                if !self.git(&["ls-remote", "origin", "main"]).is_empty() {
                    self.git(&["fetch", "-q", "origin", "main"]);
                    self.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
                }
                for (path, text) in files {
                    let path = work.join(path);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, text).unwrap();
                }
                self.git(&["add", "-A"]);
                self.git(&["commit", "-q", "-m", message]);
                self.git(&["push", "-q", "origin", "HEAD:main"]);
            }
        }
    }

    fn git(&self, arguments: &[&str]) -> String {
        let Kind::Real { work, .. } = &self.kind else { return String::new() };
        run(Command::new("git").arg("-C").arg(work).args(arguments))
    }

    /// What git says of the repository as the host has it.
    pub fn ask(&self, arguments: &[&str]) -> String {
        match &self.kind {
            Kind::Scripted { repo, .. } => bare(repo, arguments),
            Kind::Real { .. } => {
                self.git(&["fetch", "-q", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*"]);
                let remote = |argument: &&str| argument.replace("refs/heads/", "refs/remotes/origin/");
                let arguments: Vec<String> = arguments.iter().map(remote).collect();
                self.git(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
            }
        }
    }

    /// Pull requests in a state.
    pub async fn pulls(&self, state: &str) -> Vec<Value> {
        let path = format!("repos/acme/app/pulls?state={state}&sort=recentupdate&page=1&limit=50");
        self.call("GET", &path, Value::Null).await.as_array().unwrap().clone()
    }

    pub async fn merge(&self, number: u64) {
        // A real one may not have looked at the branches yet.
        let began = std::time::Instant::now();
        loop {
            let request = self.request("POST", &format!("repos/acme/app/pulls/{number}/merge"));
            let answer = request.json(&json!({ "Do": "merge" })).send().await.unwrap();
            if answer.status().is_success() {
                return;
            }
            assert!(began.elapsed() < crate::support::PATIENCE, "not merged: {:?}", answer.text().await);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    pub async fn close(&self, number: u64) {
        self.call("PATCH", &format!("repos/acme/app/pulls/{number}"), json!({ "state": "closed" })).await;
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}/{path}", self.api));
        request.header("authorization", format!("token {}", self.token))
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Requests that the interface does not have.
    pub fn refused(&self) -> Vec<String> {
        match &self.kind {
            Kind::Scripted { state, .. } => state.inner.lock().unwrap().refused.clone(),
            Kind::Real { .. } => Vec::new(),
        }
    }

    /// How many requests changed something.
    pub fn writes(&self) -> Option<usize> {
        match &self.kind {
            Kind::Scripted { state, .. } => Some(state.inner.lock().unwrap().writes),
            Kind::Real { .. } => None,
        }
    }
}

/// Merges a branch into another as hosts do: with a commit of its own.
fn merge(repository: &Path, base: &str, head: &str) {
    let git = |arguments: &[&str]| run(Command::new("git").arg("-C").arg(repository).args(arguments));
    let tree = git(&["merge-tree", "--write-tree", base, head]);
    let identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"];
    let message = format!("Merge {head}");
    let arguments = ["commit-tree", &tree, "-p", base, "-p", head, "-m", &message];
    let merged = git(&[identity.as_slice(), arguments.as_slice()].concat());
    git(&["update-ref", base, &merged]);
}

#[derive(Clone, Default)]
struct State {
    bare: PathBuf,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    pulls: Vec<Value>,
    labels: Vec<Value>,
    refused: Vec<String>,
    writes: usize,
}

async fn answer(state: State, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
    let query: BTreeMap<String, String> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect();
    let expected = format!("token {TOKEN}");
    if parts.headers.get("authorization").is_none_or(|value| value != expected.as_str()) {
        return (StatusCode::UNAUTHORIZED, json!({ "message": "token is required" }).to_string())
            .into_response();
    }
    let bytes = to_bytes(body, 1 << 20).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let mut inner = state.inner.lock().unwrap();
    let what = format!("{method} {path} {body}");
    let Some((status, value)) = inner.handle(&state.bare, &method, &path, &query, &body) else {
        inner.refused.push(what);
        let message = json!({ "message": "not in the interface" });
        return (StatusCode::UNPROCESSABLE_ENTITY, message.to_string()).into_response();
    };
    if method != "GET" && status < 300 {
        inner.writes += 1;
    }
    (StatusCode::from_u16(status).unwrap(), value.to_string()).into_response()
}

impl Inner {
    fn handle(
        &mut self,
        bare: &Path,
        method: &str,
        path: &str,
        query: &BTreeMap<String, String>,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let rest = path.strip_prefix("/api/v1/repos/acme/app/")?;
        let parts: Vec<&str> = rest.split('/').collect();
        let only = |allowed: &[&str]| {
            body.as_object().is_some_and(|fields| fields.keys().all(|key| allowed.contains(&key.as_str())))
        };
        match (method, parts.as_slice()) {
            ("GET", ["pulls"]) => {
                let state = query.get("state")?;
                let is = |pull: &&Value| state == "all" || pull["state"] == state.as_str();
                let found: Vec<Value> = self.pulls.iter().rev().filter(is).cloned().collect();
                Some((200, Value::Array(found)))
            }
            ("POST", ["pulls"]) if only(&["title", "body", "head", "base", "labels"]) => {
                self.open(bare, body)
            }
            ("PATCH", ["pulls", number]) if only(&["title", "body", "state"]) => {
                let pull = self.pull(number)?;
                for (key, value) in body.as_object()? {
                    pull[key] = value.clone();
                }
                Some((201, pull.clone()))
            }
            ("POST", ["pulls", number, "merge"]) if body["Do"] == "merge" => {
                let pull = self.pull(number)?;
                let branch = |side: &str| Some(format!("refs/heads/{}", pull[side]["ref"].as_str()?));
                merge(bare, &branch("base")?, &branch("head")?);
                pull["state"] = "closed".into();
                pull["merged"] = true.into();
                Some((200, Value::Null))
            }
            ("GET", ["labels"]) => Some((200, Value::Array(self.labels.clone()))),
            ("POST", ["labels"]) if only(&["name", "color"]) => {
                let label = json!({ "id": self.labels.len() + 1, "name": body["name"].as_str()? });
                self.labels.push(label.clone());
                Some((201, label))
            }
            ("POST", ["issues", number, "labels"]) if only(&["labels"]) => {
                let labels = self.named(&body["labels"])?;
                let pull = self.pull(number)?;
                pull["labels"].as_array_mut()?.extend(labels);
                Some((200, pull["labels"].clone()))
            }
            _ => None,
        }
    }

    fn open(&mut self, bare: &Path, body: &Value) -> Option<(u16, Value)> {
        let (head, target) = (body["head"].as_str()?, body["base"].as_str()?);
        let same = |pull: &Value| {
            pull["state"] == "open" && pull["head"]["ref"] == head && pull["base"]["ref"] == target
        };
        if self.pulls.iter().any(same) {
            return Some((409, json!({ "message": "pull request already exists for these targets" })));
        }
        for branch in [head, target] {
            run(Command::new("git").arg("-C").arg(bare).args(["rev-parse", &format!("refs/heads/{branch}")]));
        }
        let number = self.pulls.len() + 1;
        let pull = json!({
            "number": number, "html_url": format!("http://gitea.example/acme/app/pulls/{number}"), "state": "open",
            "merged": false, "title": body["title"].as_str()?, "body": body["body"].as_str()?,
            "labels": self.named(&body["labels"])?,
            "head": { "ref": head, "repo_id": 1 }, "base": { "ref": target, "repo_id": 1 },
        });
        self.pulls.push(pull.clone());
        Some((201, pull))
    }

    fn pull(&mut self, number: &str) -> Option<&mut Value> {
        let number: u64 = number.parse().ok()?;
        self.pulls.iter_mut().find(|pull| pull["number"] == number)
    }

    /// Labels by their numbers.
    fn named(&self, ids: &Value) -> Option<Vec<Value>> {
        let ids = ids.as_array()?;
        ids.iter().map(|id| self.labels.iter().find(|label| label["id"] == *id).cloned()).collect()
    }
}
