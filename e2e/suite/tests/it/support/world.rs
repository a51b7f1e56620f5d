//! What a test has for itself.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result, anyhow, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use sluice_testkit::{
    ControlPlane, Controller, EventSink, GitOptions, GitServer, Namespace, Options, wait_for,
};

use super::{
    PATIENCE,
    audit::{self, Mark, Write},
    clock::Clock,
    manifests::git_repository,
    objects::{is_ready, ready, reason, revision},
    turn::Turn,
    weather::Weather,
};

/// The control plane of all tests.
fn cluster() -> Result<&'static ControlPlane> {
    static SHARED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    let start = || ControlPlane::start(Options { audit: true, ..Options::default() });
    let shared = SHARED.get_or_init(|| start().map_err(|error| format!("{error:#}")));
    shared.as_ref().map_err(|message| anyhow!("{message}"))
}

/// A namespace, and what serves it.
pub struct World {
    pub source: Controller,
    pub kustomize: Controller,
    pub sink: EventSink,
    pub git: GitServer,
    pub namespace: Namespace<'static>,
    cluster: &'static ControlPlane,
    _turn: Turn,
}

/// How a world differs from the usual one.
#[derive(Default)]
struct Setup<'a> {
    /// Instead of the control plane of all tests.
    cluster: Option<&'static ControlPlane>,
    /// Flags of kustomize-controller.
    flags: &'a [&'a str],
    /// Environment variables of kustomize-controller.
    environment: &'a [(&'a str, &'a str)],
    git: Option<&'a GitOptions>,
    /// By which the controllers get to the API server, instead of the control plane's own.
    kubeconfig: Option<&'a Path>,
    /// By which both controllers go, electing a leader.
    clock: Option<&'a Clock>,
}

impl World {
    /// Beside other tests, with the controllers' defaults.
    pub async fn start(prefix: &str) -> Result<Self> {
        Self::build(prefix, Turn::shared().await, Setup::default()).await
    }

    /// Beside other tests, with a Git server of this kind.
    pub async fn with_git(prefix: &str, git: &GitOptions) -> Result<Self> {
        Self::build(prefix, Turn::shared().await, Setup { git: Some(git), ..Setup::default() }).await
    }

    /// Beside other tests, with these flags of kustomize-controller.
    pub async fn with_flags(prefix: &str, flags: &[&str]) -> Result<Self> {
        Self::build(prefix, Turn::shared().await, Setup { flags, ..Setup::default() }).await
    }

    /// Beside other tests, with these flags and environment variables of kustomize-controller.
    pub async fn with_environment(
        prefix: &str,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let setup = Setup { flags, environment, ..Setup::default() };
        Self::build(prefix, Turn::shared().await, setup).await
    }

    /// Beside other tests, on a control plane that they don't use.
    pub async fn on(cluster: &'static ControlPlane, prefix: &str) -> Result<Self> {
        let setup = Setup { cluster: Some(cluster), ..Setup::default() };
        Self::build(prefix, Turn::shared().await, setup).await
    }

    /// Beside other tests; the controllers get to the API server through weather.
    pub async fn behind_weather(prefix: &str, seed: u64) -> Result<(Self, Weather)> {
        let weather = Weather::start(cluster()?.client().await?, seed).await?;
        let setup = Setup { kubeconfig: Some(weather.kubeconfig()), ..Setup::default() };
        let world = Self::build(prefix, Turn::shared().await, setup).await?;
        Ok((world, weather))
    }

    /// Beside other tests; the controllers go by this clock, and elect leaders.
    pub async fn with_clock(prefix: &str, clock: &Clock) -> Result<Self> {
        let kubeconfig = clock.kubeconfig(cluster()?.kubeconfig())?;
        let setup = Setup { clock: Some(clock), kubeconfig: Some(&kubeconfig), ..Setup::default() };
        Self::build(prefix, Turn::shared().await, setup).await
    }

    /// While no other test runs, with these flags of kustomize-controller.
    pub async fn alone(prefix: &str, flags: &[&str]) -> Result<Self> {
        Self::build(prefix, Turn::alone().await, Setup { flags, ..Setup::default() }).await
    }

    async fn build(prefix: &str, turn: Turn, setup: Setup<'_>) -> Result<Self> {
        let cluster = setup.cluster.map_or_else(cluster, Ok)?;
        cluster.install_crds().await?;
        let namespace = cluster.namespace(prefix).await?;
        let git = GitServer::start(setup.git.unwrap_or(&GitOptions::default()))?;
        let sink = EventSink::start().await?;
        let builder = |name| {
            let mut builder = Controller::of(name).in_namespace(&namespace).events_to(&sink);
            if let Some(clock) = setup.clock {
                let variables = clock.environment().into_iter();
                builder =
                    variables.fold(builder.with_election(), |builder, (key, value)| builder.env(key, &value));
            }
            match setup.kubeconfig {
                Some(path) => builder.kubeconfig(path),
                None => builder,
            }
        };
        let kustomize =
            setup.flags.iter().fold(builder("kustomize-controller"), |builder, flag| builder.arg(*flag));
        let kustomize =
            setup.environment.iter().fold(kustomize, |builder, (key, value)| builder.env(key, value));
        let (source, kustomize) = tokio::try_join!(builder("source-controller").start(), kustomize.start())?;
        Ok(Self { source, kustomize, sink, git, namespace, cluster, _turn: turn })
    }

    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The kubeconfig of the control plane.
    pub fn kubeconfig(&self) -> &Path {
        self.cluster.kubeconfig()
    }

    pub fn sources(&self) -> Api<DynamicObject> {
        self.namespace.objects("source.toolkit.fluxcd.io/v1", "GitRepository")
    }

    pub fn kustomizations(&self) -> Api<DynamicObject> {
        self.namespace.objects("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
    }

    pub fn config_maps(&self) -> Api<DynamicObject> {
        self.namespace.objects("v1", "ConfigMap")
    }

    /// A Kustomization of a path of a `GitRepository`, with an interval of an hour; `more` is added to its spec.
    pub fn kustomization(&self, name: &str, source: &str, path: &str, more: &Value) -> Value {
        let mut object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": name},
            "spec": {
                "interval": "1h", "prune": true, "path": path, "targetNamespace": self.name(),
                "sourceRef": {"kind": "GitRepository", "name": source},
            },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            object["spec"][key] = value.clone();
        }
        object
    }

    /// Creates an object.
    pub async fn create(&self, object: Value) -> Result<()> {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api = self.namespace.objects(&text("/apiVersion"), &text("/kind"));
        let name = text("/metadata/name");
        api.create(&PostParams::default(), &serde_json::from_value(object)?)
            .await
            .with_context(|| format!("create {name}"))?;
        Ok(())
    }

    /// Creates many objects, several at a time.
    pub async fn create_all(&self, objects: impl IntoIterator<Item = Value>) -> Result<()> {
        stream::iter(objects).map(|object| self.create(object)).buffer_unordered(16).try_collect().await
    }

    /// Creates the `GitRepository` `name` of the served repository of that name.
    pub async fn create_source(&self, name: &str) -> Result<()> {
        self.create(git_repository(name, &self.git.http_url(name)?)).await
    }

    /// Merges into an object.
    pub async fn patch(&self, api: &Api<DynamicObject>, name: &str, patch: &Value) -> Result<()> {
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .with_context(|| format!("patch {name}"))?;
        Ok(())
    }

    /// Asks for an object's deletion.
    pub async fn delete(&self, api: &Api<DynamicObject>, name: &str) -> Result<()> {
        api.delete(name, &DeleteParams::default()).await.with_context(|| format!("delete {name}"))?;
        Ok(())
    }

    /// Asks for a reconciliation, and returns what the status will say when it was done.
    pub async fn request(&self, api: &Api<DynamicObject>, name: &str) -> Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let token = format!("request-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let patch = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}});
        self.patch(api, name, &patch).await?;
        Ok(token)
    }

    /// Has a `GitRepository` fetch, and waits until it has this commit; returns the revision.
    pub async fn sync(&self, source: &str, commit: &str) -> Result<String> {
        let wanted = format!("main@sha1:{commit}");
        self.request(&self.sources(), source).await?;
        let stored = |object: Option<&DynamicObject>| object.is_some_and(|object| revision(object) == wanted);
        wait_for(&self.sources(), source, PATIENCE, stored).await?;
        Ok(wanted)
    }

    /// Waits until a Kustomization has applied a revision and is ready.
    pub async fn applied(&self, name: &str, wanted: &str) -> Result<DynamicObject> {
        let applied = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| is_ready(object) && revision(object) == wanted)
        };
        wait_for(&self.kustomizations(), name, PATIENCE, applied).await?.context("an applied object exists")
    }

    /// Waits until an object is ready in its current generation.
    pub async fn ready(&self, api: &Api<DynamicObject>, name: &str) -> Result<DynamicObject> {
        let ready = |object: Option<&DynamicObject>| object.is_some_and(is_ready);
        wait_for(api, name, PATIENCE, ready).await?.context("a ready object exists")
    }

    /// Waits until Ready is False for this reason.
    pub async fn failed(&self, api: &Api<DynamicObject>, name: &str, wanted: &str) -> Result<DynamicObject> {
        let failed = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| ready(object) == "False" && reason(object, "Ready") == wanted)
        };
        wait_for(api, name, PATIENCE, failed).await?.context("a failed object exists")
    }

    /// Waits until a `ConfigMap` has this value.
    pub async fn value(&self, name: &str, wanted: &str) -> Result<DynamicObject> {
        let has = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| object.data["data"]["value"] == wanted)
        };
        wait_for(&self.config_maps(), name, PATIENCE, has).await?.context("the object exists")
    }

    /// The objects of an API with a label selector, by name.
    pub async fn list(
        &self,
        api: &Api<DynamicObject>,
        labels: &str,
    ) -> Result<BTreeMap<String, DynamicObject>> {
        let list = api.list(&ListParams::default().labels(labels)).await?;
        Ok(list.items.into_iter().map(|object| (object.name_any(), object)).collect())
    }

    /// The end of the audit log, with everything that was answered before.
    pub async fn mark(&self) -> Result<Mark> {
        audit::mark(self.cluster, &self.namespace).await
    }

    /// What was written in the namespace since.
    pub async fn writes_since(&self, mark: Mark) -> Result<Vec<Write>> {
        let now = self.mark().await?;
        audit::writes(self.cluster, self.name(), mark, now)
    }

    /// How often kustomize-controller has read objects of a resource in the namespace since.
    pub async fn reads_since(&self, mark: Mark, resource: &str) -> Result<usize> {
        let now = self.mark().await?;
        audit::reads(self.cluster, self.name(), resource, mark, now)
    }

    /// The sum of a counter of kustomize-controller; 0 before it counts.
    pub async fn counter(&self, name: &str) -> Result<u64> {
        Ok(self.kustomize.metrics().await?.sum(name, &[]).unwrap_or_default() as u64)
    }

    /// Everything that the controllers tell anybody: logs, events, statuses; each with what it is.
    pub async fn told(&self) -> Result<Vec<(&'static str, String)>> {
        let list = async |kind: &str| {
            self.namespace.kubectl(&["get", kind, "-o", "json", "--show-managed-fields"]).await
        };
        let statuses = |text: String| -> Result<String> {
            let list: Value = serde_json::from_str(&text)?;
            let items = list["items"].as_array().into_iter().flatten();
            let statuses = items.map(|item| format!("{}: {}", item["metadata"]["name"], item["status"]));
            Ok(statuses.collect::<Vec<_>>().join("\n"))
        };
        let posted: Vec<_> = self.sink.received().iter().map(|request| request.body.to_string()).collect();
        let told = vec![
            ("log of source-controller", self.source.log()),
            ("log of kustomize-controller", self.kustomize.log()),
            ("event", posted.join("\n")),
            ("Kubernetes event", list("events").await?),
            ("GitRepository", statuses(list("gitrepositories").await?)?),
            ("Kustomization", statuses(list("kustomizations").await?)?),
        ];
        for (what, text) in &told {
            ensure!(!text.is_empty(), "{what}: there is none");
        }
        Ok(told)
    }

    /// Waits for an event of this severity about an object whose message holds a text.
    pub async fn event(&self, kind: &str, name: &str, severity: &str, text: &str) -> Result<Value> {
        let wanted = |event: &Value| {
            event["involvedObject"]["kind"] == kind
                && event["involvedObject"]["name"] == name
                && event["severity"] == severity
                && event["message"].as_str().is_some_and(|message| message.contains(text))
        };
        self.sink
            .wait_for(PATIENCE, wanted)
            .await
            .with_context(|| format!("{severity} event of {kind} {name}: {text}"))
    }
}
