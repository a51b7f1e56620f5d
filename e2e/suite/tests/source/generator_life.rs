//! The life of an `ArtifactGenerator` and of the `ExternalArtifact`s that it makes.

use std::path::PathBuf;

use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use sluice_apis::conditions::{self, ConditionedObject as _};
use sluice_apis::extensions::v1beta1::{ArtifactGenerator, ExternalArtifactRef};
use sluice_apis::source::v1::Artifact;
use sluice_archive::{Algorithm, Digest};
use sluice_testkit::{EventSink, wait_gone};

use crate::generator::{PATIENCE, Workshop, sources};
use crate::support::{commit, download, files_below, main_of, paths};

const DISABLED: &str = "source.extensions.fluxcd.io/reconcile";

/// A spec with one artifact, `made`, of what is copied from there.
fn copy_from(from: &str) -> Value {
    json!({
        "sources": sources(),
        "artifacts": [{"name": "made", "copy": [{"from": from, "to": "@artifact/"}]}],
    })
}

fn condition(object: &ArtifactGenerator, type_: &str) -> Option<(String, String, String)> {
    let found = conditions::get(object, type_)?;
    Some((found.status.clone(), found.reason.clone(), found.message.clone()))
}

fn inventory(object: &ArtifactGenerator) -> Vec<ExternalArtifactRef> {
    object.status.as_ref().map(|status| status.inventory.clone()).unwrap_or_default()
}

fn observed_digest(object: &ArtifactGenerator) -> String {
    object.status.as_ref().and_then(|status| status.observed_sources_digest.clone()).unwrap_or_default()
}

impl Workshop {
    /// Asks for a turn and waits until it was done.
    async fn request(&self) -> ArtifactGenerator {
        let token = format!("{:?}", std::time::Instant::now());
        self.patch(json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}})).await;
        self.until(|object| object.last_handled_reconcile_at() == Some(token.as_str())).await
    }

    /// Ready, of these revisions of the sources. The rest of the status is written after the conditions.
    async fn ready_of_sources(&self) -> ArtifactGenerator {
        let wanted = self.sources_digest().await;
        let object = self.until(|object| observed_digest(object) == wanted).await;
        assert!(conditions::is_ready(&object), "{object:?}");
        assert_eq!((condition(&object, "Reconciling"), condition(&object, "Stalled")), (None, None));
        object
    }

    /// What the status tells of the sources: a hash of digests, revisions and URLs in the order of their aliases.
    async fn sources_digest(&self) -> String {
        let mut parts = Vec::new();
        for name in ["app", "lib"] {
            let Artifact { digest, revision, url, .. } = self.world.ready(name).await;
            parts.push(format!("{name}=[digest={digest},revision={revision},url={url}]"));
        }
        Digest::of(Algorithm::Sha256, parts.join("|").as_bytes()).unwrap().to_string()
    }

    /// What the API server counts the writes of the generator and of its artifact by.
    async fn versions(&self) -> [Option<String>; 2] {
        let (generator, artifact) = (self.generators(), self.artifacts());
        [
            generator.get("gen").await.unwrap().resource_version(),
            artifact.get("made").await.unwrap().resource_version(),
        ]
    }

    fn stored(&self, name: &str) -> Vec<PathBuf> {
        let folder = self.watcher.storage_path().join("externalartifact").join(self.world.name()).join(name);
        files_below(&folder).into_iter().filter(|file| file.to_string_lossy().ends_with(".tar.gz")).collect()
    }
}

#[tokio::test]
async fn what_lacks_is_told_until_it_is_there() {
    let sink = EventSink::start().await.unwrap();
    let shop = Workshop::open_with(&[&format!("--events-addr={}", sink.url())]).await;
    let (namespace, retries) = (shop.world.name().to_owned(), "ProgressingWithRetry");
    shop.create(copy_from("@app/apps/two/x.yaml")).await;

    // Sources that don't exist, and one that has nothing yet.
    let text = "get sources failed: GitRepository.source.toolkit.fluxcd.io \"app\" not found";
    assert_eq!(shop.failed("SourceFetchFailed").await, text);
    let object = shop.until(|object| conditions::reason(object, "Reconciling") == Some(retries)).await;
    assert_eq!(condition(&object, "Stalled"), None);
    assert_eq!(object.finalizers(), ["source.extensions.fluxcd.io/finalizer"]);
    assert_eq!((inventory(&object), observed_digest(&object)), (Vec::new(), String::new()));
    let told = |text: &str| {
        let text = text.to_owned();
        let sink = &sink;
        async move { sink.wait_for(PATIENCE, |event| event["message"] == *text).await.unwrap() }
    };
    let event = told(text).await;
    assert_eq!((&event["severity"], &event["reason"]), (&json!("error"), &json!("SourceFetchFailed")));
    assert_eq!(event["involvedObject"]["kind"], "ArtifactGenerator");
    let mut elsewhere = main_of(&shop.server, "app");
    elsewhere["ref"] = json!({"branch": "none"});
    shop.world.create("app", elsewhere).await;
    let text = format!("get sources failed: source 'GitRepository/{namespace}/app' is not ready");
    shop.until(|object| conditions::message(object, "Ready") == Some(&text)).await;
    told(&text).await;

    // It starts by itself as soon as they are there.
    shop.world.patch("app", json!({"spec": {"ref": {"branch": "main"}}})).await;
    shop.world.create("lib", main_of(&shop.server, "lib")).await;
    let object = shop.ready_of_sources().await;
    let succeeded = "reconciliation succeeded, generated 1 artifact(s)";
    let ready = ("True", "Succeeded", succeeded);
    let is = |object: &ArtifactGenerator, (status, reason, message): (&str, &str, &str)| {
        condition(object, "Ready") == Some((status.to_owned(), reason.to_owned(), message.to_owned()))
    };
    assert!(is(&object, ready), "{object:?}");
    let made = shop.artifact("made", |_| true).await;
    let [known] = &inventory(&object)[..] else { panic!("{object:?}") };
    assert_eq!((known.namespace.as_str(), known.name.as_str()), (namespace.as_str(), "made"));
    assert_eq!(known.digest, made.digest);
    assert_eq!(made.path, format!("externalartifact/{namespace}/made/{}", known.filename));
    let message = format!("external artifacts reconciled: {namespace}/made ({})", made.digest);
    assert_eq!(told(&message).await["severity"], "info");

    // What cannot be built is tried again; what was made stays.
    shop.patch(json!({"spec": copy_from("@app/apps/none")})).await;
    let text = shop.failed("BuildFailed").await;
    assert!(
        text.starts_with("made build failed: ") && text.ends_with("source 'apps/none' does not exist"),
        "{text}"
    );
    let object = shop.until(|object| conditions::reason(object, "Reconciling") == Some(retries)).await;
    assert_eq!(condition(&object, "Stalled"), None);
    assert_eq!(inventory(&object), std::slice::from_ref(known));
    assert_eq!(told(&text).await["severity"], "error");
    assert_eq!(shop.artifact("made", |_| true).await, made);
    download(&made).await;
    // Files that appear in the source mend it, and so does a spec that names what is there.
    commit(&shop.app, "apps/none", "here now\n");
    shop.world.request("app").await;
    let mended = shop.artifact("made", |artifact| artifact.digest != made.digest).await;
    assert_eq!(paths(&mended).await, ["none"]);
    shop.ready_of_sources().await;
    shop.patch(json!({"spec": copy_from("@app/apps/two/x.yaml")})).await;
    let object = shop.until(|object| is(object, ready) && inventory(object) == [known.clone()]).await;
    assert_eq!((condition(&object, "Reconciling"), condition(&object, "Stalled")), (None, None));
    assert_eq!(
        shop.artifact("made", |artifact| artifact.digest == made.digest).await.revision,
        made.revision
    );

    // Successes that say nothing new are not posted, nor is what the controller is doing.
    let events = sink.events_of("ArtifactGenerator", &namespace, "gen");
    let posted = |text: &str| events.iter().filter(|event| event["message"] == *text).count();
    assert_eq!(posted(succeeded), 0);
    shop.world.event("gen", "Ready").await;
    let events = events.iter().filter(|event| event["severity"] == "info");
    assert!(events.clone().all(|event| event["message"].as_str().unwrap().starts_with("external artifacts")));
}

#[tokio::test]
async fn a_disabled_one_sleeps_and_a_quiet_one_writes_nothing() {
    let mut shop = Workshop::open().await;
    shop.sources().await;
    // Created while it is switched off, it makes nothing.
    let body = json!({
        "apiVersion": "source.extensions.fluxcd.io/v1beta1", "kind": "ArtifactGenerator",
        "metadata": {"name": "gen", "annotations": {DISABLED: "disabled"}}, "spec": copy_from("@app/apps/two/x.yaml"),
    });
    shop.generators().create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    let initialised = ("True", "ReconciliationDisabled", "Initialized with reconciliation suspended");
    let asleep = |object: &ArtifactGenerator| {
        let ready = condition(object, "Ready");
        ready.is_some_and(|(status, reason, text)| {
            (status.as_str(), reason.as_str(), text.as_str()) == initialised
        })
    };
    shop.until(asleep).await;
    let object = shop.request().await;
    assert!(asleep(&object) && inventory(&object).is_empty(), "{object:?}");
    assert!(shop.artifacts().get_opt("made").await.unwrap().is_none());
    shop.patch(json!({"metadata": {"annotations": {DISABLED: null}}})).await;
    shop.request().await;
    let object = shop.ready_of_sources().await;
    let first = shop.artifact("made", |_| true).await;

    // Switched off, it sleeps through changes of its sources and of its spec; what it made is served.
    shop.patch(json!({"metadata": {"annotations": {DISABLED: "Disabled"}}})).await;
    commit(&shop.app, "apps/two/x.yaml", "a: 2\n");
    shop.world.request("app").await;
    shop.patch(json!({"spec": copy_from("@app/apps/two")})).await;
    let sleeping = shop.request().await;
    assert_eq!(condition(&sleeping, "Ready"), condition(&object, "Ready"));
    assert_eq!(
        (inventory(&sleeping), observed_digest(&sleeping)),
        (inventory(&object), observed_digest(&object))
    );
    assert_eq!(shop.artifact("made", |_| true).await, first);
    download(&first).await;
    shop.world.event("gen", "ReconciliationDisabled").await;

    // Switched on and asked, it makes up for both.
    shop.patch(json!({"metadata": {"annotations": {DISABLED: null}}})).await;
    shop.request().await;
    let object = shop.ready_of_sources().await;
    let second = shop.artifact("made", |artifact| artifact.digest != first.digest).await;
    assert_eq!(download(&second).await["two/x.yaml"].content, b"a: 2\n");
    assert_eq!(inventory(&object)[0].digest, second.digest);
    assert_eq!(second.revision, format!("latest@{}", second.digest));

    // A request with nothing to do is answered, and a restart writes nothing at all.
    let [_, artifact] = shop.versions().await;
    let asked = shop.request().await;
    assert_eq!(condition(&asked, "Ready"), condition(&object, "Ready"));
    assert_eq!(inventory(&asked), inventory(&object));
    let before = shop.versions().await;
    assert_eq!(before[1], artifact, "nothing of the artifact has changed");
    let files = shop.stored("made");
    shop.watcher.restart().await.unwrap();
    let turns = async || {
        let labels = [("controller", "artifactgenerator")];
        shop.watcher.metrics().await.unwrap().sum("controller_runtime_reconcile_total", &labels)
    };
    while turns().await.unwrap_or_default() < 1.0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(shop.versions().await, before);
    assert_eq!(shop.stored("made"), files);
    download(&second).await;
    // It goes on from where it was.
    commit(&shop.app, "apps/two/x.yaml", "a: 3\n");
    shop.world.request("app").await;
    let third = shop.artifact("made", |artifact| artifact.digest != second.digest).await;
    assert_eq!(download(&third).await["two/x.yaml"].content, b"a: 3\n");
}

#[tokio::test]
async fn outputs_and_generators_go_with_what_they_stored() {
    let shop = Workshop::open().await;
    shop.sources().await;
    let copy = |from: &str| json!([{"from": from, "to": "@artifact/"}]);
    let outputs = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"name": name, "copy": copy("@app/apps/two/x.yaml")})).collect()
    };
    shop.create(json!({"sources": sources(), "artifacts": outputs(&["made", "more"])})).await;
    shop.until(|object| inventory(object).len() == 2).await;
    let (made, more) = (shop.artifact("made", |_| true).await, shop.artifact("more", |_| true).await);
    assert_eq!((shop.stored("made").len(), shop.stored("more").len()), (1, 1));

    // A name that is not in the spec any more goes, with its object and its files; the other stays as it is.
    let version = shop.artifacts().get("made").await.unwrap().resource_version();
    shop.patch(json!({"spec": {"artifacts": outputs(&["made"])}})).await;
    wait_gone(&shop.artifacts(), "more", PATIENCE).await.unwrap();
    let object = shop.until(|object| inventory(object).len() == 1).await;
    assert_eq!(inventory(&object)[0].name, "made");
    assert_eq!(shop.stored("more"), Vec::<PathBuf>::new());
    assert_eq!(reqwest::get(&more.url).await.unwrap().status(), 404);
    assert_eq!(shop.artifact("made", |_| true).await.digest, made.digest);
    assert_ne!(version, None);
    download(&made).await;

    // An object that somebody deletes is made again with the next turn.
    shop.artifacts().delete("made", &DeleteParams::default()).await.unwrap();
    wait_gone(&shop.artifacts(), "made", PATIENCE).await.unwrap();
    shop.request().await;
    assert_eq!(shop.artifact("made", |_| true).await.digest, made.digest);

    // The generator takes all along, also while it is switched off.
    shop.patch(json!({"metadata": {"annotations": {DISABLED: "disabled"}}})).await;
    shop.generators().delete("gen", &DeleteParams::default()).await.unwrap();
    wait_gone(&shop.generators(), "gen", PATIENCE).await.unwrap();
    wait_gone(&shop.artifacts(), "made", PATIENCE).await.unwrap();
    assert_eq!(shop.stored("made"), Vec::<PathBuf>::new());
    assert_eq!(reqwest::get(&made.url).await.unwrap().status(), 404);
}
