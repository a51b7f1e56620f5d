//! The main job: people hear of a broken commit, of its repair, and Flux hears of a push.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_testkit::{Controller, EventSink, GitOptions, GitRepository, GitServer, wait_for};

use crate::support::{PATIENCE, World, signed};

const GOOD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  key: value\n";
const BROKEN: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Not_A_Name\n";
/// How soon people hear of a commit, and Flux of a push.
const SOON: Duration = Duration::from_secs(2);
const AT_ONCE: Duration = Duration::from_secs(1);
/// Tries: other tests may keep the machine busy for a moment.
const ROUNDS: usize = 5;

struct Story {
    world: World,
    repository: GitRepository,
    hook: String,
    _git: GitServer,
    _source: Controller,
    _kustomize: Controller,
}

impl Story {
    async fn begin() -> Self {
        let world = World::start("story").await;
        let git = GitServer::start(&GitOptions::default()).unwrap();
        let repository = git.repository("app").unwrap();
        repository.commit("begin", &[("app.yaml", Some(GOOD))]).unwrap();
        let start = |name| {
            let builder = Controller::of(name).in_namespace(&world.namespace);
            builder.arg(format!("--events-addr={}", world.events)).start()
        };
        let (source, kustomize) =
            tokio::try_join!(start("source-controller"), start("kustomize-controller")).unwrap();
        let reference =
            json!({"interval": "1h", "url": git.http_url("app").unwrap(), "ref": {"branch": "main"}});
        world.create("source.toolkit.fluxcd.io/v1", "GitRepository", "app", reference).await;
        world.secret("hook", json!({"token": "push-token"})).await;
        let resources = json!([{"kind": "GitRepository", "name": "app"}]);
        let spec = json!({"type": "github", "events": ["push"], "secretRef": {"name": "hook"}, "resources": resources});
        let hook = world.receiver("app", spec).await;
        Self { world, repository, hook, _git: git, _source: source, _kustomize: kustomize }
    }

    /// Pushes a change, and tells as GitHub does.
    async fn push(&self, content: &str) -> String {
        let commit = self.repository.commit("change", &[("app.yaml", Some(content))]).unwrap();
        let body = json!({"ref": "refs/heads/main", "after": commit}).to_string();
        let request = self.world.http.post(&self.hook).header("X-GitHub-Event", "push");
        let request = request.header("Content-Type", "application/json");
        let signature = signed("push-token", body.as_bytes());
        let answer = request.header("X-Hub-Signature-256", signature).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", self.world.controller.log());
        commit
    }

    async fn until_artifact(&self, commit: &str) {
        let api = self.world.namespace.objects("source.toolkit.fluxcd.io/v1", "GitRepository");
        let has = |object: Option<&kube::api::DynamicObject>| {
            let revision = object.map(|object| object.data["status"]["artifact"]["revision"].clone());
            revision.as_ref().and_then(Value::as_str).is_some_and(|revision| revision.ends_with(commit))
        };
        wait_for(&api, "app", PATIENCE, has).await.unwrap();
    }
}

fn attachment(body: &Value) -> (&str, &str) {
    let attachment = &body["attachments"][0];
    (attachment["color"].as_str().unwrap_or_default(), attachment["text"].as_str().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_commit_and_its_repair_are_heard_of_within_two_seconds() {
    let story = Story::begin().await;
    let slack = EventSink::start().await.unwrap();
    story.world.alert("slack", "Kustomization", json!({"type": "slack", "address": slack.url()})).await;
    let spec = json!({
        "interval": "1h", "prune": true, "path": "./", "targetNamespace": story.world.namespace.name(),
        "sourceRef": {"kind": "GitRepository", "name": "app"},
    });
    story.world.create("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "app", spec).await;
    slack.wait_for(PATIENCE, |body| attachment(body).0 == "good").await.unwrap();

    let mut fastest = (Duration::MAX, Duration::MAX);
    for round in 0..ROUNDS {
        let began = Instant::now();
        let commit = story.push(&format!("{BROKEN}# {round}\n")).await;
        let about = |body: &Value| {
            let fields = body["attachments"][0]["fields"].as_array().cloned().unwrap_or_default();
            fields.iter().any(|field| field["value"].as_str().is_some_and(|value| value.contains(&commit)))
        };
        slack.wait_for(PATIENCE, |body| attachment(body).0 == "danger" && about(body)).await.unwrap();
        let broken = began.elapsed();

        let began = Instant::now();
        let commit = story.push(&format!("{GOOD}  round: \"{round}\"\n")).await;
        let about = |body: &Value| body.to_string().contains(&commit);
        slack
            .wait_for(PATIENCE, |body| {
                let (color, text) = attachment(body);
                color == "good" && !text.is_empty() && about(body)
            })
            .await
            .unwrap();
        fastest = (fastest.0.min(broken), fastest.1.min(began.elapsed()));
        if fastest.0 < SOON && fastest.1 < SOON {
            return;
        }
    }
    panic!("the failure was heard of after {:?}, the repair after {:?}", fastest.0, fastest.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_push_is_fetched_within_a_second() {
    let story = Story::begin().await;
    story.until_artifact("").await;
    let mut fastest = Duration::MAX;
    for round in 0..ROUNDS {
        let began = Instant::now();
        let commit = story.push(&format!("{GOOD}  round: \"{round}\"\n")).await;
        story.until_artifact(&commit).await;
        fastest = fastest.min(began.elapsed());
        if fastest < AT_ONCE {
            return;
        }
    }
    panic!("a push was fetched after {fastest:?}");
}
