//! Choices of tags.

use serde_json::{Value, json};
use sluice_apis::image::v1::{ImagePolicy, ImageRef, ImageRepository};
use sluice_testkit::Registry;

use crate::support::{PATIENCE, World, push, push_content, ready_message};

fn latest(policy: &ImagePolicy) -> Option<ImageRef> {
    policy.status.as_ref()?.latest_ref.clone()
}

fn tag(policy: &ImagePolicy) -> String {
    latest(policy).map(|latest| latest.tag).unwrap_or_default()
}

async fn policy(world: &World, name: &str, choice: Value, filter: Value) {
    let mut spec = json!({"imageRepositoryRef": {"name": "app"}, "policy": choice});
    if !filter.is_null() {
        spec["filterTags"] = filter;
    }
    world.create::<ImagePolicy>(name, spec).await;
}

#[tokio::test]
async fn all_ways_to_order_tags() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    let tags = ["1.2.0", "1.10.0", "2.0.0-rc.1", "1.5", "main-ab-20", "main-cd-100", "B", "a"];
    push(&registry, "org/app", &tags).await;
    let _controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    world.repository("app", &image, json!({})).await;
    let numbers = json!({"pattern": "^main-[a-f0-9]+-(?P<ts>[0-9]+)", "extract": "$ts"});
    let none = Value::Null;
    for (name, choice, filter, expected) in [
        ("range", json!({"semver": {"range": ">=1.0.0"}}), none.clone(), "1.10.0"),
        ("pre", json!({"semver": {"range": ">=1.0.0-0"}}), none.clone(), "2.0.0-rc.1"),
        ("last", json!({"alphabetical": {}}), none.clone(), "main-cd-100"),
        ("first", json!({"alphabetical": {"order": "desc"}}), none, "1.10.0"),
        ("number", json!({"numerical": {}}), numbers.clone(), "main-cd-100"),
        ("least", json!({"numerical": {"order": "desc"}}), numbers, "main-ab-20"),
    ] {
        policy(&world, name, choice, filter).await;
        let object = world.ready::<ImagePolicy>(name).await;
        assert_eq!(tag(&object), expected, "{name}");
        assert_eq!(latest(&object).unwrap().name, image);
        assert_eq!(ready_message(&object), format!("Latest image tag for {image} resolved to {expected}"));
    }
    let failures = [
        (
            "nothing",
            json!({"semver": {"range": "9.x"}}),
            Value::Null,
            "unable to determine latest version from provided list",
        ),
        (
            "filtered",
            json!({"alphabetical": {}}),
            json!({"pattern": "^x$"}),
            "version list argument cannot be empty",
        ),
        (
            "words",
            json!({"numerical": {}}),
            json!({"pattern": "^a|B$"}),
            "failed to parse invalid numeric value 'a'",
        ),
    ];
    for (name, choice, filter, message) in failures {
        policy(&world, name, choice, filter).await;
        assert_eq!(world.failed::<ImagePolicy>(name, "Failure").await, message);
    }
    policy(&world, "range-bad", json!({"semver": {"range": "*&"}}), Value::Null).await;
    assert!(world.stalled::<ImagePolicy>("range-bad", "InvalidPolicy").await.starts_with("invalid policy: "));
    policy(&world, "regex-bad", json!({"alphabetical": {}}), json!({"pattern": "("})).await;
    let message = world.stalled::<ImagePolicy>("regex-bad", "InvalidPolicy").await;
    assert!(message.starts_with("failed to filter tags: invalid regular expression pattern"), "{message}");
}

#[tokio::test]
async fn a_choice_that_fails_later_keeps_the_image() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let _controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    // Before there is a repository, and before it is scanned.
    world.semver("app", "app", "1.x").await;
    let message = world.failed::<ImagePolicy>("app", "DependencyNotReady").await;
    assert_eq!(
        message,
        "failed to get the referred ImageRepository: referenced ImageRepository does not exist: ImageRepository.image.toolkit.fluxcd.io \"app\" not found"
    );
    world.repository("app", &image, json!({})).await;
    world.ready::<ImagePolicy>("app").await;
    world.patch::<ImagePolicy>("app", json!({"spec": {"policy": {"semver": {"range": "9.x"}}}})).await;
    world.failed::<ImagePolicy>("app", "Failure").await;
    assert_eq!(tag(&world.get::<ImagePolicy>("app").await), "1.0.0");
    // The one before is remembered.
    push(&registry, "org/app", &["9.0.0"]).await;
    world.request::<ImageRepository>("app").await;
    let object = world.until("app", |object: &ImagePolicy| tag(object) == "9.0.0").await;
    let previous = object.status.as_ref().unwrap().observed_previous_ref.clone().unwrap();
    assert_eq!((previous.name.as_str(), previous.tag.as_str()), (image.as_str(), "1.0.0"));
    let object = world.ready::<ImagePolicy>("app").await;
    assert_eq!(
        ready_message(&object),
        format!("Latest image tag for {image} resolved to 9.0.0 (previously {image}:1.0.0)")
    );
}

#[tokio::test]
async fn an_empty_repository_is_told_and_looked_at_again() {
    let world = World::new().await;
    let _controller = world.reflector(&["--requeue-dependency=2s"]).await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["a.sig"]).await;
    world.repository("app", &format!("{}/org/app", registry.address()), json!({})).await;
    let object = world.ready::<ImageRepository>("app").await;
    assert_eq!(ready_message(&object), "successful scan: found 0 tags with checksum 18153657");
    world.semver("app", "app", "1.x").await;
    let message = world.failed::<ImagePolicy>("app", "DependencyNotReady").await;
    assert_eq!(message, "retrying in 2s error: no tags in database");
    push(&registry, "org/app", &["1.0.0"]).await;
    world.request::<ImageRepository>("app").await;
    world.ready::<ImagePolicy>("app").await;
}

#[tokio::test]
async fn digests_are_reflected_as_the_policy_says() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    let first = push_content(&registry, "org/app", &["1.0.0"], "first").await;
    let _controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    world.repository("app", &image, json!({})).await;
    let spec = |reflection: &str| {
        let mut spec = json!({
            "imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.x"}},
            "digestReflectionPolicy": reflection,
        });
        if reflection == "Always" {
            spec["interval"] = "1s".into();
        }
        spec
    };
    world.create::<ImagePolicy>("once", spec("IfNotPresent")).await;
    world.create::<ImagePolicy>("always", spec("Always")).await;
    let digest = |object: &ImagePolicy| latest(object).and_then(|latest| latest.digest);
    for name in ["once", "always"] {
        let object = world.ready::<ImagePolicy>(name).await;
        assert_eq!(digest(&object).as_ref(), Some(&first), "{name}");
        assert_eq!(
            ready_message(&object),
            format!("Latest image tag for {image} resolved to 1.0.0 with digest {first}")
        );
    }
    let second = push_content(&registry, "org/app", &["1.0.0"], "second").await;
    let moved = world.until("always", |object: &ImagePolicy| digest(object).as_ref() == Some(&second)).await;
    let ready =
        world.until("always", |object: &ImagePolicy| ready_message(object).contains("previously")).await;
    assert_eq!(
        ready_message(&ready),
        format!(
            "Latest image tag for {image} resolved to 1.0.0 with digest {second} (previously {image}:1.0.0@{first})"
        )
    );
    drop(moved);
    assert_eq!(digest(&world.request::<ImagePolicy>("once").await).as_ref(), Some(&first));
    // Never again.
    let never = json!({"spec": {"digestReflectionPolicy": "Never", "interval": null}});
    world.patch::<ImagePolicy>("always", never).await;
    world.until("always", |object: &ImagePolicy| digest(object).is_none()).await;
}

#[tokio::test]
async fn other_namespaces_need_a_permission() {
    let world = World::new().await;
    let cluster = sluice_testkit::ControlPlane::shared().unwrap();
    let other = cluster.namespace("image-other").await.unwrap();
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    // One that sees all namespaces, of this test's label only.
    let storage = format!("--storage-path={}", world.temporary().join("tags").display());
    let controller = sluice_testkit::Controller::of("image-reflector-controller")
        .kubeconfig(cluster.kubeconfig())
        .arg(storage)
        .arg(format!("--watch-label-selector=test={}", world.name()))
        .arg("--min-retry-delay=50ms")
        .arg("--max-retry-delay=400ms");
    let _controller = controller.start().await.unwrap();
    let labels = json!({"test": world.name()});
    let repository = |access: Value| {
        let mut spec = json!({"image": format!("{}/org/app", registry.address()), "interval": "1h"});
        if !access.is_null() {
            spec["accessFrom"] = access;
        }
        spec
    };
    world.create_labelled::<ImageRepository>("app", labels.clone(), repository(Value::Null)).await;
    let policy = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy",
        "metadata": {"name": "app", "labels": labels},
        "spec": {
            "imageRepositoryRef": {"name": "app", "namespace": world.name()},
            "policy": {"semver": {"range": "1.x"}},
        },
    });
    other.apply(&policy.to_string()).await.unwrap();
    let api = other.api::<ImagePolicy>();
    let message = |wanted: &'static str| {
        let api = api.clone();
        async move {
            let object = sluice_testkit::wait_for(&api, "app", PATIENCE, |object| {
                object.is_some_and(|object| ready_message(object).contains(wanted))
            });
            ready_message(&object.await.unwrap().unwrap())
        }
    };
    let key = format!("{}/app", world.name());
    assert_eq!(
        message("missing access list").await,
        format!(
            "failed to get the referred ImageRepository: access denied: '{key}' can't be accessed due to missing access list"
        )
    );
    let selectors = json!({"namespaceSelectors": [{"matchLabels": {"team": "a"}}]});
    world.patch::<ImageRepository>("app", json!({"spec": {"accessFrom": selectors}})).await;
    message("labels mismatch on namespace").await;
    cluster.kubectl(&["label", "namespace", other.name(), "team=a"]).await.unwrap();
    message("resolved to 1.0.0").await;
}
