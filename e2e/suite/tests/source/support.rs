//! What the tests of this suite share.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use flate2::read::GzDecoder;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sluice_apis::conditions::{self, ConditionedObject};
use sluice_apis::k8s::{Event, Secret};
use sluice_apis::source::v1::{Artifact, GitRepository};
use sluice_testkit::{
    ControlPlane, Controller, GitOptions, GitRepository as Repo, GitServer, Namespace, wait_for, wait_gone,
};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A namespace of one's own.
pub struct World {
    namespace: Namespace<'static>,
    temporary: TempDir,
}

/// A server of plain HTTP that everybody may read and write.
pub fn git_server() -> GitServer {
    GitServer::start(&GitOptions::default()).unwrap()
}

/// Commits one file on the current branch; returns the hash.
pub fn commit(repo: &Repo, path: &str, content: &str) -> String {
    repo.commit(&format!("change {path}"), &[(path, Some(content))]).unwrap()
}

/// Points a reference of the server at the current commit.
pub fn push_head(repo: &Repo, reference: &str) {
    repo.git(&["push", "--quiet", "--force", "origin", &format!("HEAD:{reference}")]).unwrap();
}

/// A spec that follows `main` of a repository served over plain HTTP.
pub fn main_of(server: &GitServer, repo: &str) -> Value {
    json!({"url": server.http_url(repo).unwrap(), "ref": {"branch": "main"}})
}

/// The reason of a condition.
pub fn reason<'a>(object: &'a GitRepository, type_: &str) -> &'a str {
    conditions::reason(object, type_).unwrap_or_default()
}

/// The message of a condition.
pub fn message<'a>(object: &'a GitRepository, type_: &str) -> &'a str {
    conditions::message(object, type_).unwrap_or_default()
}

/// The stored artifact.
pub fn artifact(object: &GitRepository) -> Option<&Artifact> {
    object.status.as_ref()?.artifact.as_ref()
}

impl World {
    pub async fn new() -> Self {
        let cluster = ControlPlane::shared().unwrap();
        cluster.install_crds().await.unwrap();
        let temporary = TempDir::with_prefix("sluice-source-").unwrap();
        Self { namespace: cluster.namespace("source").await.unwrap(), temporary }
    }

    /// A source-controller with quick retries that sees this namespace only.
    pub async fn controller(&self, args: &[&str]) -> Controller {
        self.controller_with(args, &[]).await
    }

    /// As [`controller`](Self::controller), with variables of the environment.
    pub async fn controller_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Controller {
        let builder = Controller::of("source-controller")
            .in_namespace(&self.namespace)
            .env("TMPDIR", self.temporary.path().to_str().unwrap())
            .arg("--interval-jitter-percentage=0")
            .arg("--min-retry-delay=50ms")
            .arg("--max-retry-delay=400ms")
            .arg("--log-level=debug");
        let builder = variables.iter().fold(builder, |builder, (key, value)| builder.env(key, value));
        args.iter().fold(builder, |builder, arg| builder.arg(*arg)).start().await.unwrap()
    }

    /// A source-watcher that sees this namespace only.
    pub async fn watcher(&self, args: &[&str]) -> Controller {
        let builder = Controller::of("source-watcher")
            .in_namespace(&self.namespace)
            .env("TMPDIR", self.temporary.path().to_str().unwrap())
            .arg("--min-retry-delay=50ms")
            .arg("--max-retry-delay=400ms")
            .arg("--log-level=debug");
        args.iter().fold(builder, |builder, arg| builder.arg(*arg)).start().await.unwrap()
    }

    /// A kustomize-controller that sees this namespace only.
    pub async fn kustomize_controller(&self, args: &[&str]) -> Controller {
        let builder = Controller::of("kustomize-controller")
            .in_namespace(&self.namespace)
            .env("TMPDIR", self.temporary.path().to_str().unwrap())
            .arg("--min-retry-delay=50ms")
            .arg("--max-retry-delay=400ms");
        args.iter().fold(builder, |builder, arg| builder.arg(*arg)).start().await.unwrap()
    }

    /// The namespace's name.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// Objects of any kind.
    pub fn objects<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        self.namespace.api()
    }

    pub async fn patch_object<K>(&self, api: &Api<K>, name: &str, patch: &Value)
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    {
        self.namespace.patch(api, name, patch).await.unwrap();
    }

    /// The directory for temporary files of this world's controllers.
    pub fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    fn api(&self) -> Api<GitRepository> {
        self.namespace.api()
    }

    /// Creates a `GitRepository` with an interval of an hour.
    pub async fn create(&self, name: &str, mut spec: Value) {
        if spec["interval"].is_null() {
            spec["interval"] = "1h".into();
        }
        let body = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": name}, "spec": spec,
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    }

    pub async fn patch(&self, name: &str, patch: Value) {
        self.namespace.patch(&self.api(), name, &patch).await.unwrap();
    }

    pub async fn delete(&self, name: &str) {
        self.api().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub async fn get(&self, name: &str) -> GitRepository {
        self.api().get(name).await.unwrap()
    }

    /// Asks for a reconciliation and waits until it was done.
    pub async fn request(&self, name: &str) -> GitRepository {
        let token = format!("{:?}", std::time::Instant::now());
        self.patch(name, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}))
            .await;
        self.until(name, |o| o.last_handled_reconcile_at() == Some(token.as_str())).await
    }

    pub async fn secret(&self, name: &str, data: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data,
        });
        let api: Api<Secret> = self.namespace.api();
        // Keys that are left out must go, whoever wrote them.
        let _ = api.delete(name, &DeleteParams::default()).await;
        api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(body)).await.unwrap();
    }

    /// Waits until the object satisfies the condition.
    pub async fn until(&self, name: &str, check: impl Fn(&GitRepository) -> bool) -> GitRepository {
        wait_for(&self.api(), name, PATIENCE, |object| object.is_some_and(&check)).await.unwrap().unwrap()
    }

    /// Waits until the object is ready in its current generation; returns its artifact, which is written after
    /// the conditions.
    pub async fn ready(&self, name: &str) -> Artifact {
        let ready = |object: &GitRepository| {
            let observed = object.observed_generation() == object.generation();
            conditions::is_ready(object) && observed && artifact(object).is_some()
        };
        artifact(&self.until(name, ready).await).unwrap().clone()
    }

    /// Waits until the artifact has the revision.
    pub async fn revision(&self, name: &str, revision: &str) -> Artifact {
        let has = |object: &GitRepository| {
            artifact(object).is_some_and(|artifact| artifact.revision == revision)
                && conditions::is_ready(object)
        };
        artifact(&self.until(name, has).await).unwrap().clone()
    }

    /// Waits until Ready is False for the reason.
    pub async fn failed(&self, name: &str, wanted: &str) -> GitRepository {
        self.until(name, |object| conditions::is_false(object, "Ready") && reason(object, "Ready") == wanted)
            .await
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, name: &str) {
        wait_gone(&self.api(), name, PATIENCE).await.unwrap();
    }

    /// How many events there are about an object with the reason.
    pub async fn count_events(&self, name: &str, reason: &str) -> usize {
        let api: Api<Event> = self.namespace.api();
        let about = |event: &&Event| {
            event.involved_object.name.as_deref() == Some(name) && event.reason.as_deref() == Some(reason)
        };
        api.list(&ListParams::default()).await.unwrap().items.iter().filter(about).count()
    }

    /// Waits for an event: they are written after what they are about.
    pub async fn event(&self, name: &str, reason: &str) {
        let written = async {
            while self.count_events(name, reason).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, written).await;
        waited.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for an event {reason} about {name}"));
    }
}

/// An entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub mode: u32,
    pub content: Vec<u8>,
}

/// Downloads an artifact and lists it; its digest must be right.
pub async fn download(artifact: &Artifact) -> BTreeMap<String, Entry> {
    let response = reqwest::get(&artifact.url).await.unwrap().error_for_status().unwrap();
    let bytes = response.bytes().await.unwrap();
    let digest: sluice_archive::Digest = artifact.digest.parse().unwrap();
    assert_eq!(sluice_archive::Digest::of(digest.algorithm(), &bytes[..]).unwrap(), digest);
    assert_eq!(artifact.size, Some(bytes.len() as i64));
    let mut entries = BTreeMap::new();
    for entry in tar::Archive::new(GzDecoder::new(&bytes[..])).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        entries.insert(path, Entry { mode: entry.header().mode().unwrap(), content });
    }
    entries
}

/// The paths of an artifact's files and directories, without its root.
pub async fn paths(artifact: &Artifact) -> Vec<String> {
    download(artifact).await.into_keys().filter(|path| path != ".").collect()
}

/// The files below a directory.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(dir) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Runs a command to its end; it must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
