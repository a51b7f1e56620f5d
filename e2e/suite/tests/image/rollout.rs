//! From a new tag to pods that run it: through a pull request that somebody merges, and by a push.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice_apis::conditions;
use sluice_apis::image::v1::ImageUpdateAutomation;
use sluice_apis::k8s::Deployment;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_testkit::{Controller, GitOptions, GitServer, Registry};

use crate::gitea::Host;
use crate::support::{PATIENCE, World, bare, push};

const APP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop, sluice.dev/e2e-pod: ready}}
    spec:
      containers:
      - name: shop
        image:   IMAGE:1.0.0   # {\"$imagepolicy\": \"NAMESPACE:app\"}
";

/// How often the registry is scanned.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long a new tag may take from a scan to the commit.
const TO_COMMIT: Duration = Duration::from_secs(2);

/// A shop whose pods run an image of a registry of its own, with all controllers that are needed for it.
struct Shop {
    world: World,
    registry: Registry,
    image: String,
    _controllers: Vec<Controller>,
}

impl Shop {
    async fn new() -> Self {
        let world = World::new().await;
        let registry = Registry::start().unwrap();
        push(&registry, "org/app", &["1.0.0"]).await;
        let image = format!("{}/org/app", registry.address());
        let controllers = vec![
            world.reflector(&[]).await,
            world.automation(&[]).await,
            world.other("source-controller").await,
            world.other("kustomize-controller").await,
        ];
        Self { world, registry, image, _controllers: controllers }
    }

    fn manifest(&self) -> String {
        APP.replace("IMAGE", &self.image).replace("NAMESPACE", self.world.name())
    }

    /// Everything but the automation, which follows `app`, a `GitRepository`.
    async fn follow(&self) {
        let name = self.world.name();
        let spec = json!({
            "interval": "1h", "prune": true, "wait": true, "timeout": "3m", "path": "./shop", "targetNamespace": name,
            "sourceRef": {"kind": "GitRepository", "name": "app"},
        });
        self.world.create::<Kustomization>("shop", spec).await;
        let interval = json!({"interval": format!("{}s", INTERVAL.as_secs())});
        self.world.repository("app", &self.image, interval).await;
        self.world.semver("app", "app", "1.x").await;
    }

    async fn tag(&self, tag: &str) {
        push(&self.registry, "org/app", &[tag]).await;
    }

    /// Waits until a commit is applied and all pods run this tag.
    async fn runs(&self, commit: &str, tag: &str) {
        let revision = format!("main@sha1:{commit}");
        self.world
            .until("shop", |object: &Kustomization| {
                let applied = object.status.as_ref().and_then(|status| status.last_applied_revision.as_ref());
                applied == Some(&revision) && conditions::is_ready(object)
            })
            .await;
        let deployment = self.deployment().await;
        assert_eq!(image(&deployment), format!("{}:{tag}", self.image));
        let status = deployment.status.unwrap_or_default();
        assert_eq!(status.observed_generation, deployment.metadata.generation);
        assert_eq!(
            (status.updated_replicas, status.ready_replicas, status.replicas),
            (Some(2), Some(2), Some(2))
        );
    }

    async fn deployment(&self) -> Deployment {
        let api: kube::Api<Deployment> = self.world.namespace.api();
        api.get("shop").await.unwrap()
    }
}

/// The image of the only container.
fn image(deployment: &Deployment) -> String {
    let pod = deployment.spec.template.spec.as_ref();
    pod.and_then(|pod| pod.containers.first()?.image.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_merged_pull_request_is_rolled_out() {
    let shop = Shop::new().await;
    let (world, host) = (&shop.world, Host::scripted().await);
    host.commit("first", &[("shop/app.yaml", &shop.manifest())]);
    let main = || host.ask(&["rev-parse", "refs/heads/main"]);
    let first = main();
    world.secret("git", "Opaque", &[("username", &host.user), ("password", &host.token)]).await;
    world.secret("api", "Opaque", &[("token", &host.token), ("address", &host.api)]).await;
    world.git(&host.git, json!({"interval": "1s", "secretRef": {"name": "git"}})).await;
    shop.follow().await;
    let request = json!({"provider": "gitea", "labels": ["images"], "secretRef": {"name": "api"}});
    let commit = json!({"messageTemplate": "Release {{ range .Changed.Changes }}{{ .NewValue }}{{ end }}"});
    let push = json!({"branch": "updates", "pullRequest": request});
    world.automate("all", json!({"git": {"commit": commit, "push": push}})).await;
    shop.runs(&first, "1.0.0").await;

    // A tag is proposed; until somebody agrees nothing else happens.
    let proposed = async |after: &str| {
        let is_new = |object: &ImageUpdateAutomation| {
            object.status.iter().flat_map(|status| &status.pull_requests).any(|request| request.url != after)
        };
        world.until("all", is_new).await.status.unwrap().pull_requests.remove(0).url
    };
    shop.tag("1.1.0").await;
    let url = proposed("").await;
    let [pull] = host.pulls("open").await.try_into().unwrap();
    assert_eq!(
        (&pull["html_url"], &pull["title"]),
        (&json!(url), &json!(format!("Release {}:1.1.0", shop.image)))
    );
    assert_eq!(main(), first);
    shop.runs(&first, "1.0.0").await;

    // It is merged, and the pods follow.
    host.merge(pull["number"].as_u64().unwrap()).await;
    let began = Instant::now();
    let merged = main();
    assert_eq!(host.ask(&["rev-list", "--parents", "-n1", &merged]).split(' ').count(), 3, "no merge");
    shop.runs(&merged, "1.1.0").await;
    println!("rolled out {:?} after the merge", began.elapsed());
    let object = world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!(object.status.unwrap().pull_requests, []);
    assert_eq!((main(), host.pulls("open").await.len()), (merged.clone(), 0));

    // The next tag has a pull request of its own. That which was merged stays as it was.
    let [before] = host.pulls("closed").await.try_into().unwrap();
    shop.tag("1.2.0").await;
    proposed(&url).await;
    let [next] = host.pulls("open").await.try_into().unwrap();
    assert_ne!(next["number"], pull["number"]);
    assert_eq!(next["title"], format!("Release {}:1.2.0", shop.image));
    assert_eq!(host.pulls("closed").await, [before]);
    // It is made on top of the merge.
    assert_eq!(host.ask(&["rev-list", "--count", "refs/heads/main..refs/heads/updates"]), "1");
    assert_eq!(host.ask(&["merge-base", "refs/heads/main", "refs/heads/updates"]), merged);
    host.merge(next["number"].as_u64().unwrap()).await;
    let merged = main();
    shop.runs(&merged, "1.2.0").await;
    let text = host.ask(&["show", &format!("{merged}:shop/app.yaml")]);
    assert_eq!(text, shop.manifest().replace(":1.0.0 ", ":1.2.0 ").trim());
    assert_eq!(host.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pushed_tag_is_rolled_out() {
    let shop = Shop::new().await;
    let world = &shop.world;
    let server = GitServer::start(&GitOptions::default()).unwrap();
    let repo = server.repository("app").unwrap();
    let first = repo.commit("first", &[("shop/app.yaml", Some(&shop.manifest()))]).unwrap();
    world.git(&server.http_url("app").unwrap(), json!({"interval": "1s"})).await;
    shop.follow().await;
    world.automate("all", json!({})).await;
    shop.runs(&first, "1.0.0").await;
    let mut head = first;
    for tag in ["1.1.0", "1.2.0"] {
        shop.tag(tag).await;
        let began = Instant::now();
        let pushed = loop {
            let now = bare(&repo, &["rev-parse", "main"]);
            if now != head {
                break now;
            }
            assert!(began.elapsed() < PATIENCE, "{tag} is not committed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let committed = began.elapsed();
        assert!(committed < INTERVAL + TO_COMMIT, "{tag} was committed after {committed:?}");
        shop.runs(&pushed, tag).await;
        println!("{tag}: committed after {committed:?}, rolled out after {:?}", began.elapsed());
        head = pushed;
    }
    assert_eq!(bare(&repo, &["rev-list", "--count", "main"]), "3");
}
