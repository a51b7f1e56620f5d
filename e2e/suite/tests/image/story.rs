//! From a new tag to the cluster.

use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use sluice_apis::k8s::ConfigMap;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_testkit::{GitOptions, GitServer, Registry};

use crate::support::{World, bare, push, ready_message};

pub const DEPLOYMENT: &str = "\
# The shop.
apiVersion: apps/v1
kind: Deployment
metadata: {name:  web, namespace: shop}   # flow, with blanks
spec:
  template:
    spec:
      containers:

      - name: web
        image: IMAGE:1.0.0   # {\"$imagepolicy\": \"NAMESPACE:app\"}
        args: [a,  b]
";

/// A manifest with a marker for the policy `app` of a world.
pub fn manifest(world: &World, image: &str) -> String {
    DEPLOYMENT.replace("IMAGE", image).replace("NAMESPACE", world.name())
}

#[tokio::test]
async fn a_new_tag_is_committed_once() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let image = format!("{}/org/app", registry.address());
    let server = GitServer::start(&GitOptions::default()).unwrap();
    let repo = server.repository("app").unwrap();
    let before = manifest(&world, &image);
    let first = repo.commit("first", &[("shop/web.yaml", Some(&before)), ("README.md", Some("x"))]).unwrap();
    let _reflector = world.reflector(&[]).await;
    let _automation = world.automation(&[]).await;
    world.git(&server.http_url("app").unwrap(), json!({})).await;
    world.repository("app", &image, json!({"interval": "1s"})).await;
    world.semver("app", "app", "1.x").await;
    let template = "Update {{ .AutomationObject }}\n{{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }} ({{ .Setter }})\n{{ end }}{{ .Values.note }}";
    world
        .automate(
            "all",
            json!({"git": {"commit": {"messageTemplate": template, "messageTemplateValues": {"note": "hi"}}}}),
        )
        .await;
    // All is up to date.
    let object = world
        .until("all", |object: &ImageUpdateAutomation| {
            let status = object.status.as_ref();
            ready_message(object) == "repository up-to-date"
                && status.is_some_and(|status| status.observed_policies.contains_key("app"))
        })
        .await;
    let status = object.status.unwrap();
    assert_eq!(status.observed_source_revision, Some(format!("main@sha1:{first}")));
    assert_eq!((status.last_push_commit, status.last_push_time.is_none()), (None, true));
    assert!(status.last_automation_run_time.is_some());

    // A tag later there is one commit.
    push(&registry, "org/app", &["1.1.0"]).await;
    let began = std::time::Instant::now();
    let object = world
        .until("all", |object: &ImageUpdateAutomation| {
            object.status.as_ref().is_some_and(|status| status.last_push_commit.is_some())
        })
        .await;
    println!("committed {:?} after the tag", began.elapsed());
    let status = object.status.unwrap();
    let head = bare(&repo, &["rev-parse", "main"]);
    assert_eq!(status.last_push_commit.as_ref(), Some(&head));
    assert_eq!(status.observed_source_revision, Some(format!("main@sha1:{head}")));
    assert_eq!(status.observed_policies["app"].tag, "1.1.0");
    assert_eq!(bare(&repo, &["rev-list", "--count", "main"]), "2");
    assert_eq!(bare(&repo, &["diff", "--name-only", "main^", "main"]), "shop/web.yaml");
    assert_eq!(
        bare(&repo, &["show", "main:shop/web.yaml"]),
        before.replace(":1.0.0   #", ":1.1.0   #").trim()
    );
    assert_eq!(
        bare(&repo, &["show", "-s", "--format=%an <%ae> %cn <%ce>", "main"]),
        "Robot <robot@example.org> Robot <robot@example.org>"
    );
    let message = format!("Update {0}/all\n{image}:1.0.0 -> {image}:1.1.0 ({0}:app)\nhi", world.name());
    assert_eq!(bare(&repo, &["show", "-s", "--format=%B", "main"]), message);
    bare(&repo, &["fsck", "--strict"]);
    let short = &head[..7];
    let told = format!("pushed commit '{short}' to branch 'main'\n{message}");
    world.sink.wait_for(crate::support::PATIENCE, |event| event["message"] == told.as_str()).await.unwrap();

    // Nothing more follows.
    let object = world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!(object.status.unwrap().last_push_commit, Some(head.clone()));
    assert_eq!(bare(&repo, &["rev-parse", "main"]), head);
    // A policy that goes takes nothing back.
    world.delete::<ImagePolicy>("app").await;
    // The controller hears of it when it does.
    let began = std::time::Instant::now();
    loop {
        let object = world.request::<ImageUpdateAutomation>("all").await;
        if object.status.unwrap().observed_policies.is_empty() {
            break;
        }
        assert!(began.elapsed() < crate::support::PATIENCE, "the policy is still observed");
    }
    assert_eq!(bare(&repo, &["rev-parse", "main"]), head);
    world.get::<ImageRepository>("app").await;
}

#[tokio::test]
async fn a_new_tag_reaches_the_cluster() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let image = format!("{}/org/app", registry.address());
    let server = GitServer::start(&GitOptions::default()).unwrap();
    let repo = server.repository("app").unwrap();
    let settings = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: {0}\ndata:\n  image: {image}:1.0.0 # {{\"$imagepolicy\": \"{0}:app\"}}\n",
        world.name()
    );
    repo.commit("first", &[("settings.yaml", Some(&settings))]).unwrap();
    let _reflector = world.reflector(&[]).await;
    let _automation = world.automation(&[]).await;
    let _source = world.other("source-controller").await;
    let _kustomize = world.other("kustomize-controller").await;
    world.git(&server.http_url("app").unwrap(), json!({"interval": "1s"})).await;
    let spec = json!({
        "interval": "1h", "prune": true, "path": "./", "sourceRef": {"kind": "GitRepository", "name": "app"},
    });
    world.create::<Kustomization>("app", spec).await;
    world.repository("app", &image, json!({"interval": "1s"})).await;
    world.semver("app", "app", "1.x").await;
    world.automate("all", json!({})).await;
    let api: kube::Api<ConfigMap> = world.namespace.api();
    let has = |tag: &str| {
        let wanted = format!("{image}:{tag}");
        let api = api.clone();
        async move {
            let is_there = |map: Option<&ConfigMap>| {
                let data = map.and_then(|map| map.data.as_ref());
                data.and_then(|data| data.get("image")) == Some(&wanted)
            };
            sluice_testkit::wait_for(&api, "settings", crate::support::PATIENCE, is_there).await.unwrap();
        }
    };
    has("1.0.0").await;
    world
        .until("all", |object: &ImageUpdateAutomation| ready_message(object) == "repository up-to-date")
        .await;
    push(&registry, "org/app", &["1.1.0"]).await;
    let began = std::time::Instant::now();
    has("1.1.0").await;
    println!("in the cluster {:?} after the tag", began.elapsed());
}
