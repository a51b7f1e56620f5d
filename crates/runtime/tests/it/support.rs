//! A namespace of one's own on the shared control plane, and controllers that see nothing else.

use std::{fmt::Debug, future::Future, time::Duration};

use clap::Parser;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::{Value, json};
use sluice_apis::source::v1::GitRepository;
use sluice_runtime::{CommonArgs, Manager, RuntimeError, Task};
use sluice_testkit::{ControlPlane, Namespace};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

pub struct Env {
    pub client: Client,
    pub namespace: String,
    /// Deletes the namespace at the end.
    _owned: Namespace<'static>,
}

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: CommonArgs,
}

pub fn parse(args: &[&str]) -> CommonArgs {
    let defaults = ["test", "--metrics-addr=0", "--health-addr=0"];
    Args::parse_from(defaults.iter().chain(args)).common
}

impl Env {
    pub async fn new() -> Self {
        let cluster = ControlPlane::shared().unwrap();
        cluster.install_crds().await.unwrap();
        let owned = cluster.namespace("runtime").await.unwrap();
        Self { client: owned.client(), namespace: owned.name().to_owned(), _owned: owned }
    }

    pub fn repos(&self) -> Api<GitRepository> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The label selector that only objects of this test match.
    pub fn selector(&self) -> String {
        format!("test={}", self.namespace)
    }

    pub async fn create(&self, name: &str) -> GitRepository {
        self.create_with(name, json!({})).await
    }

    pub async fn create_with(&self, name: &str, annotations: Value) -> GitRepository {
        let object = self.object(name, &annotations, &json!({}));
        self.repos().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    pub async fn create_spec(&self, name: &str, spec: Value) {
        let object = self.object(name, &json!({}), &spec);
        self.repos().create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    fn object(&self, name: &str, annotations: &Value, spec: &Value) -> Value {
        let mut object = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": name, "labels": {"test": self.namespace}, "annotations": annotations},
            "spec": {"url": "https://example.com/x", "interval": "1h"},
        });
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        object
    }

    pub async fn merge(&self, name: &str, patch: Value) -> GitRepository {
        self.repos().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Waits until the object satisfies the condition.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        check: impl Fn(&GitRepository) -> bool,
    ) -> GitRepository {
        let condition = |object: Option<&GitRepository>| object.is_some_and(&check);
        soon(what, await_condition(self.repos(), name, condition)).await.unwrap().unwrap()
    }

    pub fn manager(&self, args: &[&str]) -> Manager {
        let selector = format!("--watch-label-selector={}", self.selector());
        let args: Vec<&str> = std::iter::once(selector.as_str()).chain(args.iter().copied()).collect();
        Manager::with_client("test-controller", &parse(&args), self.client.clone()).unwrap()
    }
}

/// A manager at work; it ends with the test.
pub struct Running {
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), RuntimeError>>,
}

impl Running {
    pub fn start(manager: Manager, task: Task) -> Self {
        let shutdown = manager.shutdown();
        Self { shutdown, ended: tokio::spawn(manager.run(vec![task])) }
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        soon("the end of the manager", self.ended).await.unwrap().unwrap();
    }
}

/// Fails the test if this takes too long.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let waited = tokio::time::timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

/// Waits until `check` yields a value.
pub async fn eventually<T: Debug>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            if let Some(value) = check().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}
