//! Updates where no marker stands, when they are asked for.

use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageUpdateAutomation};
use sluice_testkit::{GitOptions, GitServer};

use crate::support::{World, bare};

const FILES: [(&str, &str); 6] = [
    (
        "apps/kustomization.yaml",
        "resources: [web.yaml]\nimages:\n- name:  web  # by name\n  newName: ghcr.io/org/app\n  newTag: '1.0.0'\n",
    ),
    (
        "apps/release.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n  chart:\n    spec:\n      chart: app\n      version:  1.0.0   # of the chart\n      sourceRef: {kind: HelmRepository, name: charts}\n  values:\n    image: {repository: ghcr.io/org/app,  tag: 1.0.0}\n",
    ),
    (
        "sources/charts.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {name: charts}\nspec: {type: oci, url: oci://ghcr.io/charts}\n",
    ),
    (
        "apps/charts/shop/values.yaml",
        "# Values of the charts below.\nweb:\n  image:\n    repository:   ghcr.io/org/app\n    # -- The tag\n    tag: \"1.0.0\"  # kept\n",
    ),
    ("other/charts/shop/values.yaml", "image: {repository: ghcr.io/org/app, tag: 1.0.0}\n"),
    ("other/kustomization.yaml", "images:\n- {name: ghcr.io/org/app, newTag: 1.0.0}\n"),
];

#[tokio::test]
async fn images_and_charts_are_found_by_their_names() {
    let world = World::new().await;
    let server = GitServer::start(&GitOptions::default()).unwrap();
    let repo = server.repository("app").unwrap();
    let files: Vec<_> = FILES.iter().map(|(path, text)| (*path, Some(*text))).collect();
    let first = repo.commit("first", &files).unwrap();
    let _controller = world.automation(&[]).await;
    for (name, image) in [("app", "ghcr.io/org/app"), ("chart", "ghcr.io/charts/app")] {
        world.semver(name, "none", "1.x").await;
        let status = json!({"status": {"latestRef": {"name": image, "tag": "1.1.0"}}});
        let api: kube::Api<ImagePolicy> = world.namespace.api();
        let patch = kube::api::Patch::Merge(status);
        api.patch_status(name, &kube::api::PatchParams::default(), &patch).await.unwrap();
    }
    world.git(&server.http_url("app").unwrap(), json!({})).await;
    world.automate("all", json!({"update": {"path": "./apps"}})).await;
    // Nobody asked.
    let object = world.ready::<ImageUpdateAutomation>("all").await;
    assert_eq!(object.status.unwrap().last_push_commit, None);
    assert_eq!(bare(&repo, &["rev-parse", "main"]), first);
    let asked = json!({"unmarked": ["KustomizeImages", "HelmValues", "HelmCharts"], "valuesFiles": ["charts/*/values.yaml"]});
    world.patch::<ImageUpdateAutomation>("all", json!({"spec": {"update": asked}})).await;
    let pushed = |object: &ImageUpdateAutomation| {
        object.status.as_ref().is_some_and(|status| status.last_push_commit.is_some())
    };
    world.until("all", pushed).await;
    for (path, before) in FILES {
        let after =
            if path.starts_with("apps/") { before.replace("1.0.0", "1.1.0") } else { before.to_owned() };
        assert_eq!(bare(&repo, &["show", &format!("main:{path}")]), after.trim(), "{path}");
    }
    // A second time there is nothing to do.
    let head = bare(&repo, &["rev-parse", "main"]);
    world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!(bare(&repo, &["rev-parse", "main"]), head);
    // A name that no file has is told of, and takes nothing from the rest.
    let misspelt = json!({"spec": {"update": {"valuesFiles": ["vlaues.yaml"]}}});
    world.patch::<ImageUpdateAutomation>("all", misspelt).await;
    world.ready::<ImageUpdateAutomation>("all").await;
    assert_eq!(bare(&repo, &["rev-parse", "main"]), head);
    let told = world.told("UpdateSkipped").await;
    assert_eq!(told, ["not updated: spec.update.valuesFiles matches no YAML file"]);
}
