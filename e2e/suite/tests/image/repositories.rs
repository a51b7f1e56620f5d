//! Scans of registries.

use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageRepository, ScanResult};
use sluice_testkit::{Registry, RegistryOptions, wait_gone};

use crate::support::{PATIENCE, World, push, ready_message};

fn scan(repository: &ImageRepository) -> ScanResult {
    repository.status.as_ref().and_then(|status| status.last_scan_result.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_scan_tells_all_that_flux_tells() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0", "1.0.1", "latest", "sha256-ab.sig"]).await;
    let _controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    world.repository("app", &image, json!({})).await;
    let object = world.ready::<ImageRepository>("app").await;
    assert_eq!(ready_message(&object), "successful scan: found 3 tags with checksum 1611925061");
    let status = object.status.clone().unwrap();
    assert_eq!(status.canonical_image_name.as_deref(), Some(image.as_str()));
    assert_eq!(status.observed_exclusion_list, [r"^.*\.sig$"]);
    let result = scan(&object);
    assert_eq!((result.revision.as_deref(), result.tag_count), (Some("1611925061"), 3));
    assert_eq!(result.latest_tags, ["latest", "1.0.1", "1.0.0"]);
    assert!(result.scan_time.is_some());
    let finalizers = object.metadata.finalizers.clone().unwrap_or_default();
    assert_eq!(finalizers, ["finalizers.fluxcd.io"]);
    let told = world.sink.wait_for(PATIENCE, |event| {
        event["message"] == "successful scan: found 3 tags with checksum 1611925061"
            && event["reason"] == "Succeeded"
            && event["severity"] == "info"
            && event["reportingController"] == "image-reflector-controller"
    });
    told.await.unwrap();

    // A request scans though the interval is not over.
    push(&registry, "org/app", &["1.1.0"]).await;
    let object = world.request::<ImageRepository>("app").await;
    assert_eq!(scan(&object).tag_count, 4);
    // So does another exclusion list.
    world.patch::<ImageRepository>("app", json!({"spec": {"exclusionList": ["^1\\.0", "\\.sig$"]}})).await;
    let excluding = world.until("app", |object: &ImageRepository| scan(object).tag_count == 2).await;
    assert_eq!(scan(&excluding).latest_tags, ["latest", "1.1.0"]);
    let wanted = ["^1\\.0", "\\.sig$"];
    let observed = |object: &ImageRepository| {
        object.status.as_ref().is_some_and(|status| status.observed_exclusion_list == wanted)
    };
    world.until("app", observed).await;

    // A suspended one is left alone, and a deleted one goes.
    world.patch::<ImageRepository>("app", json!({"spec": {"suspend": true}})).await;
    push(&registry, "org/app", &["1.2.0"]).await;
    assert_eq!(scan(&world.request::<ImageRepository>("app").await).tag_count, 2);
    world.delete::<ImageRepository>("app").await;
    wait_gone(&world.namespace.api::<ImageRepository>(), "app", PATIENCE).await.unwrap();
}

#[tokio::test]
async fn the_interval_brings_new_tags() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let _controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    world.repository("app", &image, json!({"interval": "1s"})).await;
    world.semver("app", "app", "1.x").await;
    world.ready::<ImagePolicy>("app").await;
    let pushed = std::time::Instant::now();
    push(&registry, "org/app", &["1.0.1"]).await;
    let selected = |policy: &ImagePolicy| {
        let latest = policy.status.as_ref().and_then(|status| status.latest_ref.as_ref());
        latest.is_some_and(|latest| latest.tag == "1.0.1")
    };
    world.until("app", selected).await;
    println!("a new tag was selected after {:?}", pushed.elapsed());
}

#[tokio::test]
async fn images_that_are_none_stall() {
    let world = World::new().await;
    let _controller = world.reflector(&[]).await;
    world.repository("scheme", "https://ghcr.io/x", json!({})).await;
    world.repository("tag", "ghcr.io/x:1", json!({})).await;
    assert_eq!(
        world.stalled::<ImageRepository>("scheme", "ImageURLInvalid").await,
        "image 'https://ghcr.io/x' should not include URL scheme; remove 'https://'"
    );
    assert_eq!(
        world.stalled::<ImageRepository>("tag", "ImageURLInvalid").await,
        "image 'ghcr.io/x:1' should not include a tag; remove ':1'"
    );
    let gated = json!({"provider": "aws", "serviceAccountName": "default"});
    world.repository("gated", "ghcr.io/x", gated).await;
    assert_eq!(
        world.stalled::<ImageRepository>("gated", "FeatureGateDisabled").await,
        "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller"
    );
    // Policies tell the same of the repositories that they refer to.
    world.semver("app", "tag", "1.x").await;
    world.stalled::<ImagePolicy>("app", "ImageURLInvalid").await;
    // Mended, it is scanned.
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let image = format!("{}/org/app", registry.address());
    world.patch::<ImageRepository>("tag", json!({"spec": {"image": image}})).await;
    world.ready::<ImageRepository>("tag").await;
    world.ready::<ImagePolicy>("app").await;
}

#[tokio::test]
async fn credentials_come_from_secrets_and_service_accounts() {
    let world = World::new().await;
    let registry = Registry::start_with(&RegistryOptions::default().basic("u", "p").token()).unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let _controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    let anonymous = world.repository("anonymous", &image, json!({"interval": "10s"}));
    anonymous.await;
    assert!(
        world
            .failed::<ImageRepository>("anonymous", "ReadOperationFailed")
            .await
            .starts_with("scan failed: ")
    );
    world.repository("app", &image, json!({"secretRef": {"name": "auth"}})).await;
    let message = world.failed::<ImageRepository>("app", "AuthenticationFailed").await;
    assert!(
        message.starts_with("failed to configure authentication options: failed to get secret"),
        "{message}"
    );
    let config = json!({"auths": {registry.address(): {"username": "u", "password": "p"}}}).to_string();
    world.secret("auth", "kubernetes.io/dockerconfigjson", &[(".dockerconfigjson", &config)]).await;
    world.ready::<ImageRepository>("app").await;
    // The pull secrets of a service account.
    world
        .namespace
        .apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: puller}\nimagePullSecrets: [{name: auth}]\n")
        .await
        .unwrap();
    world.repository("account", &image, json!({"serviceAccountName": "puller"})).await;
    world.ready::<ImageRepository>("account").await;
    // A provider counts more than Secrets, though they would do.
    let both = json!({"provider": "aws", "secretRef": {"name": "auth"}});
    world.repository("cloud", &image, both).await;
    let message = world.failed::<ImageRepository>("cloud", "AuthenticationFailed").await;
    assert!(message.starts_with("failed to configure authentication options: "), "{message}");
    assert!(message.contains("ECR") || message.contains("aws"), "{message}");
}

#[tokio::test]
async fn certificates_are_taken_from_secrets() {
    let world = World::new().await;
    let registry = Registry::start_with(&RegistryOptions::default().mutual_tls()).unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let _controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    world.repository("plain", &image, json!({"interval": "10s"})).await;
    world.failed::<ImageRepository>("plain", "ReadOperationFailed").await;
    let (ca, (certificate, key)) = (registry.ca().unwrap(), registry.client_certificate().unwrap());
    let data = [("ca.crt", ca.as_str()), ("tls.crt", &certificate), ("tls.key", &key)];
    world.secret("tls", "Opaque", &data).await;
    world.repository("app", &image, json!({"certSecretRef": {"name": "tls"}})).await;
    world.ready::<ImageRepository>("app").await;
}

#[tokio::test]
async fn tags_survive_a_restart_and_are_found_again_when_lost() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let mut controller = world.reflector(&["--requeue-dependency=2s"]).await;
    let image = format!("{}/org/app", registry.address());
    world.repository("app", &image, json!({})).await;
    world.repository("other", &image, json!({})).await;
    world.semver("app", "app", "1.x").await;
    world.ready::<ImagePolicy>("app").await;
    world.ready::<ImageRepository>("other").await;

    // What two share stays when one goes.
    world.delete::<ImageRepository>("other").await;
    wait_gone(&world.namespace.api::<ImageRepository>(), "other", PATIENCE).await.unwrap();
    let before = registry.requests().unwrap().len();
    controller.restart().await.unwrap();
    world.request::<ImagePolicy>("app").await;
    world.ready::<ImagePolicy>("app").await;
    assert_eq!(registry.requests().unwrap().len(), before, "nothing was asked again");

    // With an empty directory, the repository is scanned before policies lose what they had.
    controller.stop().unwrap();
    std::fs::remove_dir_all(world.temporary().join("tags")).unwrap();
    controller.restart().await.unwrap();
    world.semver("late", "app", "1.x").await;
    world.ready::<ImagePolicy>("late").await;
    let policy = world.ready::<ImagePolicy>("app").await;
    assert_eq!(policy.status.unwrap().latest_ref.unwrap().tag, "1.0.0");
}

#[tokio::test]
async fn files_by_object_with_the_feature_gate() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0", "1.1.0"]).await;
    let _controller = world.reflector(&["--feature-gates=FluxStorage=true"]).await;
    world.repository("app", &format!("{}/org/app", registry.address()), json!({})).await;
    let object = world.ready::<ImageRepository>("app").await;
    let revision = scan(&object).revision.unwrap();
    assert!(revision.starts_with("sha256:"), "{revision}");
    let file = world.temporary().join("tags/ImageRepository").join(world.name()).join("app/tags.txt");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "1.1.0\n1.0.0\n");
}
