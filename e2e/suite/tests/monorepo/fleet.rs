//! The clusters, the repositories, the controllers, and how to look at them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};
use sluice_testkit::{
    ControlPlane, Controller, GitOptions, GitRepository, GitServer, Options, condition, wait_for,
};

/// Longer than anything here takes on a machine with other work.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Where the platform's own objects are.
pub const PLATFORM: &str = "flux-system";

/// On whose behalf the platform's Kustomizations are applied.
const DEPLOYER: &str = "system:serviceaccount:flux-system:kustomize-controller";

const LOCKDOWN: [&str; 3] =
    ["--no-cross-namespace-refs=true", "--no-remote-bases=true", "--default-service-account=default"];

/// The files of this story.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/monorepo")
}

/// A control plane and a client of it.
pub struct Cluster {
    plane: ControlPlane,
    client: Client,
}

impl Cluster {
    async fn start() -> Result<Self> {
        let plane = ControlPlane::start(Options { audit: true, ..Options::default() })?;
        let client = plane.client().await?;
        Ok(Self { plane, client })
    }

    /// The objects of a kind in a namespace.
    pub fn objects(&self, namespace: &str, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    pub fn deployments(&self, namespace: &str) -> Api<DynamicObject> {
        self.objects(namespace, "apps/v1", "Deployment")
    }

    pub fn kustomizations(&self, namespace: &str) -> Api<DynamicObject> {
        self.objects(namespace, "kustomize.toolkit.fluxcd.io/v1", "Kustomization")
    }

    /// A value of a Secret.
    pub async fn secret(&self, namespace: &str, name: &str, key: &str) -> Result<String> {
        let secret = self.objects(namespace, "v1", "Secret").get(name).await?;
        let value = secret.data["data"][key].as_str().with_context(|| format!("{name} has no {key}"))?;
        Ok(String::from_utf8(STANDARD.decode(value)?)?)
    }

    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.plane.kubectl(arguments).await
    }

    /// What was written for the platform's Kustomizations so far: verb and path. Dry-runs and refusals don't count.
    pub fn writes(&self) -> Result<Vec<String>> {
        let is_write = |event: &Value| {
            let verb = event["verb"].as_str().unwrap_or_default();
            let uri = event["requestURI"].as_str().unwrap_or_default();
            matches!(verb, "create" | "update" | "patch" | "delete")
                && event["impersonatedUser"]["username"] == DEPLOYER
                && !uri.contains("dryRun=All")
                && event["responseStatus"]["code"].as_u64().is_some_and(|code| code < 300)
        };
        let events = self.plane.audit_events()?;
        let writes = events.iter().filter(|event| is_write(event));
        Ok(writes
            .map(|event| {
                let uri = event["requestURI"].as_str().unwrap_or_default();
                let path = uri.split('?').next().unwrap_or_default();
                format!("{} {path}", event["verb"].as_str().unwrap_or_default())
            })
            .collect())
    }
}

pub struct Fleet {
    pub hub: Cluster,
    pub spoke: Cluster,
    /// The platform's repository.
    pub platform: GitRepository,
    /// The tenant's repository.
    pub team: GitRepository,
    pub kustomize: Controller,
    source: Controller,
    _git: GitServer,
}

impl Fleet {
    /// Two clusters, and on the hub what `flux bootstrap` leaves behind: the controllers, their rights, the keys that no
    /// repository may hold, the source and the root Kustomization.
    pub async fn start() -> Result<Self> {
        let (hub, spoke) = tokio::try_join!(Cluster::start(), Cluster::start())?;
        let git = GitServer::start(&GitOptions::default())?;
        let (platform, team) = (git.repository("fleet")?, git.repository("team-a")?);
        copy(&here().join("repository"), platform.path())?;
        platform.commit_all("The fleet")?;
        team.commit("First", &[("app.yaml", Some(super::tenant::APP))])?;
        let server = git.http_url("fleet")?.trim_end_matches("/fleet.git").to_owned();

        hub.plane.install_crds().await?;
        hub.kubectl(&["create", "namespace", PLATFORM]).await?;
        hub.kubectl(&["create", "serviceaccount", "kustomize-controller", "-n", PLATFORM]).await?;
        for cluster in [&hub, &spoke] {
            let account = format!("--serviceaccount={PLATFORM}:kustomize-controller");
            let bind = ["create", "clusterrolebinding", "deployer", "--clusterrole=cluster-admin", &account];
            cluster.kubectl(&bind).await?;
        }
        let kubeconfig = std::fs::read_to_string(spoke.plane.kubeconfig())?;
        let bootstrap = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bootstrap", "namespace": PLATFORM},
             "data": {"git_server": server}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "staging-kubeconfig", "namespace": PLATFORM},
             "stringData": {"value": kubeconfig}},
            age_key("production")?,
            age_key("staging")?,
        ]});
        hub.plane.apply_yaml(&bootstrap.to_string()).await?;
        let root = std::fs::read_to_string(platform.path().join("clusters/production/flux-system.yaml"))?;
        hub.plane.apply_yaml(&root.replace("${git_server}", &server)).await?;

        let controller =
            |name| Controller::of(name).kubeconfig(hub.plane.kubeconfig()).env("RUNTIME_NAMESPACE", PLATFORM);
        let kustomize = LOCKDOWN.iter().fold(controller("kustomize-controller"), |it, flag| it.arg(*flag));
        let source = controller("source-controller");
        let (source, kustomize) = tokio::try_join!(source.start(), kustomize.start())?;
        Ok(Self { hub, spoke, platform, team, kustomize, source, _git: git })
    }

    /// Commits files to the platform's repository and has it fetched; returns the revision.
    pub async fn commit(&self, message: &str, files: &[(&str, Option<&str>)]) -> Result<String> {
        let revision = format!("main@sha1:{}", self.platform.commit(message, files)?);
        self.fetch(PLATFORM, PLATFORM, &revision).await?;
        Ok(revision)
    }

    /// Has a source of the hub fetch, and waits until it has this revision.
    pub async fn fetch(&self, namespace: &str, name: &str, revision: &str) -> Result<()> {
        let api = self.hub.objects(namespace, "source.toolkit.fluxcd.io/v1", "GitRepository");
        request(&api, name, revision).await?;
        let stored = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| object.data["status"]["artifact"]["revision"] == revision)
        };
        wait_for(&api, name, PATIENCE, stored).await?;
        Ok(())
    }

    /// Waits until a Kustomization has applied a revision, healthy if it is to wait for that.
    pub async fn applied(&self, namespace: &str, name: &str, revision: &str) -> Result<DynamicObject> {
        let applied = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                is_ready(object) && object.data["status"]["lastAppliedRevision"] == revision
            })
        };
        let api = self.hub.kustomizations(namespace);
        let object = wait_for(&api, name, PATIENCE, applied).await;
        object.with_context(|| name.to_owned())?.context("it exists")
    }

    /// Waits until a Kustomization has failed with a message that holds a text.
    pub async fn failed(&self, namespace: &str, name: &str, text: &str) -> Result<DynamicObject> {
        let failed = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                let ready = ready(object);
                ready["status"] == "False" && ready["message"].as_str().is_some_and(|all| all.contains(text))
            })
        };
        let api = self.hub.kustomizations(namespace);
        let object = wait_for(&api, name, PATIENCE, failed).await;
        object.with_context(|| name.to_owned())?.context("it exists")
    }

    /// Has a Kustomization reconciled, and waits until that is done.
    pub async fn reconcile(&self, namespace: &str, name: &str, token: &str) -> Result<()> {
        let api = self.hub.kustomizations(namespace);
        request(&api, name, token).await?;
        let handled = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                object.data["status"]["lastHandledReconcileAt"] == token && is_ready(object)
            })
        };
        wait_for(&api, name, PATIENCE, handled).await.with_context(|| name.to_owned())?;
        Ok(())
    }

    /// How often kustomize-controller has built so far.
    pub async fn builds(&self) -> Result<u64> {
        let metrics = self.kustomize.metrics().await?;
        Ok(metrics.sum("sluice_kustomization_builds_total", &[]).unwrap_or_default() as u64)
    }

    /// No log holds what was decrypted.
    pub fn nothing_was_told(&self) -> Result<()> {
        for log in [self.source.log(), self.kustomize.log()] {
            for secret in ["EdgeTokenOf", "PasswordOf", "AGE-SECRET-KEY"] {
                ensure!(!log.contains(secret), "the log holds {secret}");
            }
        }
        Ok(())
    }
}

/// The Ready condition; `null` where there is none.
pub fn ready(object: &DynamicObject) -> Value {
    condition(&object.data, "Ready").cloned().unwrap_or_default()
}

fn is_ready(object: &DynamicObject) -> bool {
    let observed = object.data["status"]["observedGeneration"].as_i64();
    ready(object)["status"] == "True" && observed == object.metadata.generation
}

async fn request(api: &Api<DynamicObject>, name: &str, token: &str) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}});
    api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}

/// The Secret with a cluster's key.
fn age_key(cluster: &str) -> Result<Value> {
    let key = std::fs::read_to_string(here().join(format!("keys/{cluster}.agekey")))?;
    Ok(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("sops-{cluster}"), "namespace": PLATFORM},
        "stringData": {"age.agekey": key},
    }))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
