//! What the tests of this suite share.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use kube::Api;
use kube::api::{DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::k8s::{ConfigMap, Secret};
use sluice_testkit::{ControlPlane, Controller, Namespace, PushedArtifact, Registry, wait_for, wait_gone};

use crate::charts::{Files, archive};

/// Longer than anything here takes on a machine with other work.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A namespace with a source-controller of its own.
pub struct World {
    pub namespace: Namespace<'static>,
    _source: Controller,
}

/// A revision of a release as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub version: i64,
    pub labels: BTreeMap<String, String>,
    pub release: Value,
}

impl Stored {
    /// The state that is stored, which the label repeats.
    pub fn status(&self) -> &str {
        let status = self.release["info"]["status"].as_str().unwrap_or_default();
        assert_eq!(self.labels["status"], status, "label and record of v{}", self.version);
        status
    }
}

/// The registry of all tests: each pushes to repositories of its own.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry::start().unwrap())
}

impl World {
    pub async fn new(prefix: &str) -> Self {
        let cluster = ControlPlane::shared().unwrap();
        cluster.install_crds().await.unwrap();
        Self::on(cluster, prefix).await
    }

    /// On a control plane of its own, whose definitions are there.
    pub async fn on(cluster: &'static ControlPlane, prefix: &str) -> Self {
        let namespace = cluster.namespace(prefix).await.unwrap();
        let source = Controller::of("source-controller").in_namespace(&namespace).start().await.unwrap();
        Self { namespace, _source: source }
    }

    /// A helm-controller that sees this namespace only.
    pub async fn controller(&self, flags: &[&str]) -> Controller {
        let builder = Controller::of("helm-controller")
            .in_namespace(&self.namespace)
            .arg("--interval-jitter-percentage=0")
            .arg("--min-retry-delay=50ms")
            .arg("--max-retry-delay=1s");
        flags.iter().fold(builder, |builder, flag| builder.arg(*flag)).start().await.unwrap()
    }

    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// Where this world's charts are in the registry.
    fn repository(&self, chart: &str) -> String {
        format!("{}/{chart}", self.name())
    }

    /// Pushes a chart to the registry.
    pub async fn push(&self, name: &str, version: &str, files: &Files) {
        self.push_archive(name, version, archive(name, version, files)).await;
    }

    /// Pushes what calls itself a chart.
    pub async fn push_archive(&self, name: &str, version: &str, archive: Vec<u8>) {
        let config = json!({"apiVersion": "v2", "name": name, "version": version});
        let artifact = PushedArtifact {
            config: ("application/vnd.cncf.helm.config.v1+json".to_owned(), config.to_string().into_bytes()),
            layers: vec![("application/vnd.cncf.helm.chart.content.v1.tar+gzip".to_owned(), archive)],
            annotations: BTreeMap::new(),
        };
        registry().push(&self.repository(name), version, &artifact).await.unwrap();
    }

    /// Pushes a chart, and has an `OCIRepository` of its name point to it.
    pub async fn publish(&self, name: &str, version: &str, files: &Files) {
        self.push(name, version, files).await;
        self.follow(name, version).await;
    }

    /// Has an `OCIRepository` of a chart's name point to it.
    pub async fn follow(&self, name: &str, version: &str) {
        let url = format!("oci://{}/{}", registry().address(), self.repository(name));
        self.apply(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository", "metadata": {"name": name},
            "spec": {
                "interval": "1h", "insecure": true, "url": url, "ref": {"tag": version},
                "layerSelector": {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "operation": "copy"},
            },
        }))
        .await;
    }

    pub async fn apply(&self, object: Value) {
        self.namespace.apply(&object.to_string()).await.unwrap();
    }

    pub fn releases(&self) -> Api<HelmRelease> {
        self.namespace.api()
    }

    /// A `HelmRelease` of a chart that was published; `more` is added to its spec.
    #[allow(clippy::unused_self, reason = "reads as the other objects of the world")]
    pub fn release(&self, name: &str, chart: &str, more: &Value) -> Value {
        let mut object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": name},
            "spec": {"interval": "1h", "timeout": "30s", "chartRef": {"kind": "OCIRepository", "name": chart}},
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            object["spec"][key] = value.clone();
        }
        object
    }

    pub async fn create(&self, object: Value) {
        let object: HelmRelease = serde_json::from_value(object).unwrap();
        self.releases().create(&PostParams::default(), &object).await.unwrap();
    }

    pub async fn patch(&self, name: &str, patch: Value) {
        self.namespace.patch(&self.releases(), name, &patch).await.unwrap();
    }

    /// Asks for a pass and waits until it is over.
    pub async fn request(&self, name: &str) -> HelmRelease {
        let token = format!("{:?}", std::time::Instant::now());
        self.patch(name, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}))
            .await;
        let handled = |object: &HelmRelease| {
            let status = object.status.as_ref();
            status.and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some(token.as_str())
        };
        self.until(name, handled).await
    }

    pub async fn until(&self, name: &str, check: impl Fn(&HelmRelease) -> bool) -> HelmRelease {
        wait_for(&self.releases(), name, PATIENCE, |object| object.is_some_and(&check))
            .await
            .unwrap()
            .unwrap()
    }

    /// Waits until the object is ready in its current generation.
    pub async fn ready(&self, name: &str) -> HelmRelease {
        self.until(name, is_ready).await
    }

    /// Waits until nothing but a change helps.
    pub async fn stalled(&self, name: &str) -> HelmRelease {
        self.until(name, |object| conditions::is_true(object, "Stalled")).await
    }

    pub async fn gone(&self, name: &str) {
        wait_gone(&self.releases(), name, PATIENCE).await.unwrap();
    }

    /// The revisions in storage, oldest first.
    pub async fn stored(&self, release: &str) -> Vec<Stored> {
        let api: Api<Secret> = self.namespace.api();
        let selector = format!("owner=helm,name={release}");
        let secrets = api.list(&ListParams::default().labels(&selector)).await.unwrap();
        let mut stored: Vec<Stored> = secrets.items.iter().map(decode).collect();
        stored.sort_by_key(|stored| stored.version);
        stored
    }

    /// Numbers and states of the revisions in storage, oldest first.
    pub async fn revisions(&self, release: &str) -> Vec<String> {
        let stored = self.stored(release).await;
        stored.iter().map(|stored| format!("{} {}", stored.version, stored.status())).collect()
    }

    pub async fn config_map(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let api: Api<ConfigMap> = self.namespace.api();
        Some(api.get_opt(name).await.unwrap()?.data.unwrap_or_default())
    }

    pub fn objects(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        self.namespace.objects(api_version, kind)
    }
}

/// Whether the object is ready in its current generation, and nothing goes on.
pub fn is_ready(object: &HelmRelease) -> bool {
    let observed = object.status.as_ref().map(|status| status.observed_generation);
    conditions::is_ready(object)
        && observed == object.metadata.generation
        && !conditions::is_reconciling(object)
}

/// Numbers, states and actions in the history of the status, newest first.
pub fn history(object: &HelmRelease) -> Vec<String> {
    let history = object.status.iter().flat_map(|status| &status.history);
    let row = |s: &sluice_apis::helm::v2::ReleaseSnapshot| {
        format!("{} {} {}", s.version, s.status, s.action.as_deref().unwrap_or_default())
    };
    history.map(row).collect()
}

fn decode(secret: &Secret) -> Stored {
    let labels = secret.metadata.labels.clone().unwrap();
    let data = &secret.data.as_ref().unwrap()["release"].0;
    let compressed = STANDARD.decode(data).unwrap();
    let mut text = String::new();
    GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
    Stored {
        version: labels["version"].parse().unwrap(),
        labels,
        release: serde_json::from_str(&text).unwrap(),
    }
}
