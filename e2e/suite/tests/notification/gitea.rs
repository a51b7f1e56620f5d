//! A real Gitea, where `SLUICE_GITEA` names a program: it takes statuses and comments, and its webhooks are heard.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sluice_testkit::{Gitea, wait_for};
use tempfile::TempDir;

use crate::support::{NOTIFICATION, PATIENCE, World};

/// A repository `acme/app` at a Gitea, and a clone of it.
struct Host {
    gitea: Gitea,
    clone: PathBuf,
    _directory: TempDir,
}

impl Host {
    async fn start() -> Option<Self> {
        let directory = TempDir::with_prefix("sluice-gitea-").unwrap();
        let Some(gitea) = Gitea::start(directory.path()).await.unwrap() else {
            println!("skipped: SLUICE_GITEA names no program");
            return None;
        };
        gitea.repository("acme", "app").await.unwrap();
        let clone = directory.path().join("clone");
        git(directory.path(), &["init", "-q", "-b", "main", "clone"]);
        git(&clone, &["remote", "add", "origin", &gitea.git_url("acme/app")]);
        let host = Self { gitea, clone, _directory: directory };
        host.push("main", "first");
        Some(host)
    }

    /// Commits to a branch and pushes; gives the commit.
    fn push(&self, branch: &str, text: &str) -> String {
        std::fs::write(self.clone.join("app.yaml"), text).unwrap();
        git(&self.clone, &["checkout", "-q", "-B", branch]);
        git(&self.clone, &["add", "-A"]);
        git(&self.clone, &["commit", "-q", "-m", text]);
        git(&self.clone, &["push", "-q", "origin", branch]);
        git(&self.clone, &["rev-parse", "HEAD"])
    }

    fn address(&self) -> String {
        format!("{}/acme/app", self.gitea.web())
    }

    async fn get(&self, path: &str) -> Vec<Value> {
        let found = self.gitea.call("GET", &format!("repos/acme/app/{path}"), Value::Null).await.unwrap();
        found.as_array().unwrap().clone()
    }
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"];
    let done = Command::new("git").arg("-C").arg(directory).args(identity).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// Posts an event, again with another text while nothing is heard of it: Alerts are known a moment after they were made.
async fn until_heard<F, T>(world: &World, event: &Value, look: impl Fn() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let began = Instant::now();
    for round in 0.. {
        let mut event = event.clone();
        if round > 0 {
            event["message"] = format!("{} {round}", event["message"].as_str().unwrap()).into();
        }
        assert_eq!(world.post(&event).await, 202);
        let posted = Instant::now();
        while posted.elapsed() < Duration::from_secs(5) {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(began.elapsed() < PATIENCE, "nothing is heard; log:\n{}", world.controller.log());
    }
    unreachable!()
}

/// An event about a commit.
fn event(world: &World, severity: &str, reason: &str, message: &str, commit: &str) -> Value {
    let mut event = world.event("Kustomization", severity, message);
    event["reason"] = reason.into();
    event["metadata"] = json!({
        "kustomize.toolkit.fluxcd.io/revision": format!("main@sha1:{commit}"),
        "event.toolkit.fluxcd.io/commit": commit,
    });
    event
}

#[tokio::test]
async fn commits_get_statuses() {
    let Some(host) = Host::start().await else { return };
    let world = World::start("gitea").await;
    world.secret("gitea", json!({"token": host.gitea.token()})).await;
    let spec = json!({"type": "gitea", "address": host.address(), "secretRef": {"name": "gitea"}});
    world.alert("status", "Kustomization", spec).await;
    let commit = git(&host.clone, &["rev-parse", "HEAD"]);
    let statuses = async || host.get(&format!("commits/{commit}/statuses?sort=recentupdate&limit=50")).await;
    let newest = |state: &'static str| {
        move || async move {
            // Their order is that of seconds.
            let newest = statuses().await.into_iter().max_by_key(|status| status["id"].as_u64());
            newest.filter(|status| status["status"] == state)
        }
    };

    let told = event(&world, "error", "HealthCheckFailed", "it is ill", &commit);
    let status = until_heard(&world, &told, newest("failure")).await;
    assert_eq!(status["description"], "health check failed");
    assert_eq!(status["creator"]["login"], host.gitea.user());
    let context = status["context"].as_str().unwrap();
    let provider = world.namespace.objects(&format!("{NOTIFICATION}/v1beta3"), "Provider");
    let uid = provider.get("status").await.unwrap().metadata.uid.unwrap();
    assert_eq!(context, format!("kustomization/app/{}", uid.split('-').next().unwrap()));
    // The same state again adds nothing, as what comes after it shows.
    let count = statuses().await.len();
    world.post(&event(&world, "error", "HealthCheckFailed", "it is still ill", &commit)).await;
    until_heard(
        &world,
        &event(&world, "info", "Progressing", "it is looked after", &commit),
        newest("pending"),
    )
    .await;
    until_heard(
        &world,
        &event(&world, "info", "ReconciliationSucceeded", "it is well", &commit),
        newest("success"),
    )
    .await;
    assert_eq!(statuses().await.len(), count + 2);
    let combined = format!("repos/acme/app/commits/{commit}/status");
    let combined = host.gitea.call("GET", &combined, Value::Null).await.unwrap();
    assert_eq!((&combined["state"], &combined["total_count"]), (&"success".into(), &1.into()), "{combined}");

    // A commit that is not there is a failure that the Alert tells of.
    world.post(&event(&world, "error", "HealthCheckFailed", "who is it", &"0".repeat(40))).await;
    world.until_told("status", "failed to send notification for Kustomization/").await;
}

#[tokio::test]
async fn pull_requests_get_one_comment() {
    let Some(host) = Host::start().await else { return };
    let world = World::start("gitea").await;
    let commit = host.push("change", "second");
    let body = json!({"title": "Second", "head": "change", "base": "main"});
    // It looks at what was pushed in its own time.
    let began = Instant::now();
    let pull = loop {
        match host.gitea.call("POST", "repos/acme/app/pulls", body.clone()).await {
            Ok(pull) => break pull,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let number = pull["number"].as_u64().unwrap();
    world.secret("gitea", json!({"token": host.gitea.token()})).await;
    let spec =
        json!({"type": "giteapullrequestcomment", "address": host.address(), "secretRef": {"name": "gitea"}});
    world.alert("comment", "Kustomization", spec).await;
    let comments = async || host.get(&format!("issues/{number}/comments")).await;
    let saying = |text: &'static str| {
        move || async move {
            let found = comments().await;
            let says = |comment: &&Value| comment["body"].as_str().unwrap().contains(text);
            found.iter().find(says).map(|comment| (comment["id"].clone(), found.len()))
        }
    };
    let told = |severity, message| {
        let mut event = event(&world, severity, "Test", message, &commit);
        event["metadata"]["event.toolkit.fluxcd.io/change_request"] = number.to_string().into();
        event
    };
    let first = until_heard(&world, &told("error", "it is ill"), saying("it is ill")).await;
    let second = until_heard(&world, &told("info", "it is well"), saying("it is well")).await;
    // The one that there was says so now.
    assert_eq!((first.1, &second), (1, &first));
    let body = comments().await[0]["body"].as_str().unwrap().to_owned();
    assert!(body.contains(&format!("* `revision`: main@sha1:{commit}")), "{body}");
    assert!(!body.contains("change_request"), "{body}");
}

#[tokio::test]
async fn a_push_is_heard_of() {
    let Some(host) = Host::start().await else { return };
    let world = World::start("gitea").await;
    world.secret("hook", json!({"token": "push-token"})).await;
    let spec = json!({"interval": "1h", "url": format!("{}.git", host.address())});
    world.create("source.toolkit.fluxcd.io/v1", "GitRepository", "app", spec).await;
    let resources = json!([{"kind": "GitRepository", "name": "app"}]);
    // Gitea signs and names its events as GitHub does, too.
    let filter = "req.repository.full_name == 'acme/app' && res.metadata.name == 'app'";
    let spec = json!({
        "type": "github", "events": ["push"], "secretRef": {"name": "hook"}, "resources": resources, "resourceFilter": filter,
    });
    let url = world.receiver("app", spec).await;
    let hook = |secret: &str| {
        json!({
            "type": "gitea", "active": true, "events": ["push"],
            "config": {"url": url, "content_type": "json", "secret": secret},
        })
    };
    let made = host.gitea.call("POST", "repos/acme/app/hooks", hook("push-token")).await.unwrap();
    host.push("main", "second");
    let api = world.namespace.objects("source.toolkit.fluxcd.io/v1", "GitRepository");
    let requested = |object: Option<&kube::api::DynamicObject>| {
        let annotations = object.and_then(|object| object.metadata.annotations.as_ref());
        annotations.and_then(|all| all.get("reconcile.fluxcd.io/requestedAt")).cloned()
    };
    wait_for(&api, "app", PATIENCE, |object| requested(object).is_some()).await.unwrap();

    // With another secret it is told off.
    let made = format!("repos/acme/app/hooks/{}", made["id"]);
    host.gitea.call("DELETE", &made, Value::Null).await.unwrap();
    host.gitea.call("POST", "repos/acme/app/hooks", hook("another")).await.unwrap();
    host.push("main", "third");
    let began = Instant::now();
    while !world.controller.log().contains("the GitHub signature is invalid") {
        assert!(began.elapsed() < PATIENCE, "{}", world.controller.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
