//! source-watcher: artifacts made of the files of several sources.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use sluice_apis::conditions::{self, ConditionedObject as _};
use sluice_apis::extensions::v1beta1::ArtifactGenerator;
use sluice_apis::meta::condition_types::READY;
use sluice_apis::source::v1::{Artifact, ExternalArtifact};
use sluice_testkit::{Controller, GitRepository as Repo, GitServer, wait_for, wait_gone};

use crate::support::{World, commit, download, git_server, main_of, paths};

pub const PATIENCE: Duration = Duration::from_secs(90);

/// A world with source-controller, source-watcher and two repositories that are stored.
pub struct Workshop {
    pub world: World,
    pub server: GitServer,
    pub app: Repo,
    pub lib: Repo,
    pub watcher: Controller,
    _sources: Controller,
}

impl Workshop {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// With flags of source-watcher.
    pub async fn open_with(args: &[&str]) -> Self {
        let world = World::new().await;
        let server = git_server();
        let (app, lib) = (server.repository("app").unwrap(), server.repository("lib").unwrap());
        let files = ["apps/One/x.yaml", "apps/two/x.yaml", "apps/two/notes.md", "values.yaml"];
        let files: Vec<(&str, Option<&str>)> =
            files.iter().map(|path| (*path, Some("a: {b: 1}\n"))).collect();
        app.commit("app", &files).unwrap();
        commit(&lib, "values.yaml", "a: {c: 2}\n");
        let sources = world.controller(&[]).await;
        let watcher = world.watcher(&[&["--requeue-dependency=200ms"], args].concat()).await;
        Self { world, server, app, lib, watcher, _sources: sources }
    }

    pub async fn sources(&self) {
        for name in ["app", "lib"] {
            self.world.create(name, main_of(&self.server, name)).await;
            self.world.ready(name).await;
        }
    }

    pub fn generators(&self) -> Api<ArtifactGenerator> {
        self.world.objects()
    }

    pub fn artifacts(&self) -> Api<ExternalArtifact> {
        self.world.objects()
    }

    pub async fn create(&self, spec: Value) {
        let body = json!({
            "apiVersion": "source.extensions.fluxcd.io/v1beta1", "kind": "ArtifactGenerator",
            "metadata": {"name": "gen"}, "spec": spec,
        });
        let object = serde_json::from_value(body).unwrap();
        self.generators().create(&PostParams::default(), &object).await.unwrap();
    }

    pub async fn patch(&self, patch: Value) {
        self.world.patch_object(&self.generators(), "gen", &patch).await;
    }

    pub async fn until(&self, check: impl Fn(&ArtifactGenerator) -> bool) -> ArtifactGenerator {
        let found = wait_for(&self.generators(), "gen", PATIENCE, |object| object.is_some_and(&check)).await;
        found.unwrap().unwrap()
    }

    /// Ready in the current generation.
    pub async fn ready(&self) -> ArtifactGenerator {
        self.until(|object| {
            let observed = conditions::get(object, READY).and_then(|ready| ready.observed_generation);
            conditions::is_ready(object) && observed == object.metadata.generation
        })
        .await
    }

    pub async fn failed(&self, reason: &str) -> String {
        let object = self
            .until(|object| {
                conditions::is_false(object, READY) && conditions::reason(object, READY) == Some(reason)
            })
            .await;
        conditions::message(&object, READY).unwrap().to_owned()
    }

    /// The artifact of this name, once it satisfies the check.
    pub async fn artifact(&self, name: &str, check: impl Fn(&Artifact) -> bool) -> Artifact {
        let has = |object: Option<&ExternalArtifact>| {
            object.and_then(|object| object.status.as_ref()?.artifact.as_ref()).is_some_and(&check)
        };
        let object = wait_for(&self.artifacts(), name, PATIENCE, has).await.unwrap().unwrap();
        object.status.unwrap().artifact.unwrap()
    }
}

pub fn sources() -> Value {
    json!([
        {"alias": "app", "kind": "GitRepository", "name": "app"},
        {"alias": "lib", "kind": "GitRepository", "name": "lib"},
    ])
}

#[tokio::test]
async fn files_of_several_sources_make_an_artifact() {
    let shop = Workshop::open().await;
    shop.create(json!({
        "sources": sources(),
        "commonMetadata": {"labels": {"team": "x"}, "annotations": {"note": "y"}},
        "artifacts": [{
            "name": "mixed",
            "revision": "@app",
            "originRevision": "@lib",
            "copy": [
                {"from": "@app/apps/**", "to": "@artifact/", "exclude": ["*.md"]},
                {"from": "@app/values.yaml", "to": "@artifact/"},
                {"from": "@lib/values.yaml", "to": "@artifact/values.yaml", "strategy": "Merge"},
            ],
        }, {
            "name": "plain",
            "copy": [{"from": "@lib/", "to": "@artifact/lib"}],
        }],
    }))
    .await;
    assert_eq!(
        shop.failed("SourceFetchFailed").await,
        "get sources failed: GitRepository.source.toolkit.fluxcd.io \"app\" not found"
    );
    shop.sources().await;
    let generator = shop.ready().await;
    assert_eq!(
        conditions::message(&generator, READY).unwrap(),
        "reconciliation succeeded, generated 2 artifact(s)"
    );
    let mixed = shop.artifact("mixed", |_| true).await;
    let entries = download(&mixed).await;
    assert_eq!(
        entries.keys().collect::<Vec<_>>(),
        [".", "One", "One/x.yaml", "two", "two/x.yaml", "values.yaml"]
    );
    assert_eq!(entries["values.yaml"].content, b"a:\n  b: 1\n  c: 2\n");
    let app = shop.world.ready("app").await;
    let lib = shop.world.ready("lib").await;
    assert_eq!(mixed.revision, app.revision);
    assert_eq!(mixed.metadata["org.opencontainers.image.revision"], lib.revision);
    let plain = shop.artifact("plain", |_| true).await;
    assert_eq!(plain.revision, format!("latest@{}", plain.digest));
    assert_eq!(paths(&plain).await, ["lib", "lib/values.yaml"]);

    let object = shop.artifacts().get("mixed").await.unwrap();
    let labels = object.metadata.labels.as_ref().unwrap();
    let uid = generator.metadata.uid.clone().unwrap();
    assert_eq!(
        *labels,
        BTreeMap::from([
            ("app.kubernetes.io/managed-by".to_owned(), "source-watcher".to_owned()),
            ("source.extensions.fluxcd.io/generator".to_owned(), uid),
            ("team".to_owned(), "x".to_owned()),
        ])
    );
    assert_eq!(object.metadata.annotations.as_ref().unwrap()["note"], "y");
    let source = serde_json::to_value(object.spec.source_ref.as_ref().unwrap()).unwrap();
    assert_eq!(source["kind"], "ArtifactGenerator");
    assert!(conditions::is_ready(&object));
    let managers: Vec<String> = object
        .metadata
        .managed_fields
        .unwrap_or_default()
        .into_iter()
        .map(|field| {
            format!(
                "{}/{}/{}",
                field.manager.unwrap(),
                field.operation.unwrap(),
                field.subresource.unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(managers, ["source-watcher/Apply/", "source-watcher/Apply/status"]);

    // A new revision of one source changes what is made of it, and nothing else.
    commit(&shop.lib, "values.yaml", "a: {c: 3}\n");
    shop.world.request("lib").await;
    let merged = shop.artifact("mixed", |artifact| artifact.digest != mixed.digest).await;
    assert_eq!(download(&merged).await["values.yaml"].content, b"a:\n  b: 1\n  c: 3\n");
    assert_eq!(merged.revision, app.revision, "the revision is that of the other source");
}

#[tokio::test]
async fn each_directory_makes_an_artifact_and_what_is_gone_goes() {
    let shop = Workshop::open().await;
    shop.sources().await;
    let copy = json!([{"from": "@app/apps/{app}", "to": "@artifact/"}]);
    shop.create(json!({
        "sources": sources(),
        "pathPattern": "@app/apps/{app}",
        "artifacts": [{"name": "made-{app}", "copy": copy}],
    }))
    .await;
    let names = |generator: &ArtifactGenerator| -> Vec<String> {
        let made = generator.status.as_ref().map(|status| status.inventory.clone()).unwrap_or_default();
        made.into_iter().map(|made| made.name).collect()
    };
    // The inventory is written after the conditions.
    shop.until(|generator| conditions::is_ready(generator) && names(generator) == ["made-one", "made-two"])
        .await;
    let one = shop.artifact("made-one", |_| true).await;
    assert_eq!(paths(&one).await, ["One", "One/x.yaml"]);
    let object = shop.artifacts().get("made-one").await.unwrap();
    assert_eq!(object.metadata.labels.unwrap()["app"], "one");

    shop.app.commit("less", &[("apps/One/x.yaml", None)]).unwrap();
    shop.world.request("app").await;
    wait_gone(&shop.artifacts(), "made-one", PATIENCE).await.unwrap();
    let stored = shop.watcher.storage_path().join("externalartifact").join(shop.world.name());
    assert!(!stored.join("made-one").exists());
    shop.until(|generator| names(generator) == ["made-two"]).await;

    // A file that is lost or corrupt is made again, with the same digest.
    let two = shop.artifact("made-two", |_| true).await;
    let file = shop.watcher.storage_path().join(&two.path);
    for damage in [true, false] {
        if damage {
            std::fs::write(&file, "x").unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
        let token = format!("{damage}");
        shop.patch(json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}})).await;
        shop.until(|object| {
            object.last_handled_reconcile_at() == Some(token.as_str()) && conditions::is_ready(object)
        })
        .await;
        download(&two).await;
    }

    shop.generators().delete("gen", &DeleteParams::default()).await.unwrap();
    wait_gone(&shop.generators(), "gen", PATIENCE).await.unwrap();
    wait_gone(&shop.artifacts(), "made-two", PATIENCE).await.unwrap();
    assert!(!stored.join("made-two").exists());
}

#[tokio::test]
async fn mistakes_stall_or_are_retried() {
    let shop = Workshop::open().await;
    shop.sources().await;
    let copy = |from: &str| json!([{"from": from, "to": "@artifact/"}]);
    shop.create(json!({"sources": sources(), "artifacts": [{"name": "x", "copy": copy("@app/none")}]})).await;
    assert_eq!(
        shop.failed("BuildFailed").await,
        "x build failed: failed to apply copy operations: failed to apply copy operation from '@app/none' to '@artifact/': source 'none' does not exist"
    );
    let twice = json!([{"name": "x", "copy": copy("@app/")}, {"name": "x", "copy": copy("@app/")}]);
    shop.patch(json!({"spec": {"artifacts": twice}})).await;
    assert_eq!(shop.failed("ValidationFailed").await, "duplicate artifact name 'x' found");
    let stalled = shop.until(conditions::is_stalled).await;
    assert_eq!(conditions::reason(&stalled, "Stalled"), Some("ValidationFailed"));
    let sources = json!([{"alias": "app", "kind": "HelmChart", "name": "none", "namespace": "elsewhere"}]);
    shop.patch(json!({"spec": {"sources": sources, "artifacts": [{"name": "x", "copy": copy("@app/")}]}}))
        .await;
    assert!(shop.failed("SourceFetchFailed").await.contains("\"none\" not found"));
    let good = json!([{"alias": "app", "kind": "GitRepository", "name": "app"}]);
    shop.patch(json!({"spec": {"sources": good}})).await;
    shop.ready().await;
    // Switched off, it stays as it is.
    shop.patch(json!({"metadata": {"annotations": {"source.extensions.fluxcd.io/reconcile": "Disabled"}}, "spec": {"sources": sources}})).await;
    shop.world.event("gen", "ReconciliationDisabled").await;
    assert!(conditions::is_ready(&shop.generators().get("gen").await.unwrap()));
}
