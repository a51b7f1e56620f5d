//! Tags that are taken only when they are old enough.

use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageRepository};
use sluice_testkit::Registry;

use crate::support::{World, push, ready_message};

fn tag(policy: &ImagePolicy) -> String {
    let latest = policy.status.as_ref().and_then(|status| status.latest_ref.clone());
    latest.map(|latest| latest.tag).unwrap_or_default()
}

#[tokio::test]
async fn a_tag_is_taken_when_it_has_been_known_long_enough() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let mut controller = world.reflector(&[]).await;
    let image = format!("{}/org/app", registry.address());
    let spec = json!({"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.x"}, "minAge": "5s"}});
    world.create::<ImagePolicy>("app", spec).await;
    world.failed::<ImagePolicy>("app", "DependencyNotReady").await;
    world.repository("app", &image, json!({})).await;
    // None is old enough at first, and nothing but time has to pass.
    let message = world.failed::<ImagePolicy>("app", "MinAgeNotReached").await;
    assert!(
        message.starts_with("no tag is old enough: 1.0.0 is taken when it has been known for 5s, at "),
        "{message}"
    );
    let first = world.ready::<ImagePolicy>("app").await;
    assert_eq!(tag(&first), "1.0.0");

    // A new one waits, which people can see; the times survive a restart.
    world.patch::<ImagePolicy>("app", json!({"spec": {"policy": {"minAge": "8s"}}})).await;
    push(&registry, "org/app", &["1.1.0"]).await;
    let pushed = std::time::Instant::now();
    world.request::<ImageRepository>("app").await;
    let waiting = world
        .until("app", |object: &ImagePolicy| {
            ready_message(object).contains("; 1.1.0 is taken when it has been known for 8s, at ")
        })
        .await;
    assert_eq!(tag(&waiting), "1.0.0");
    controller.restart().await.unwrap();
    let taken = world.until("app", |object: &ImagePolicy| tag(object) == "1.1.0").await;
    let waited = pushed.elapsed();
    println!("taken {waited:?} after it was pushed");
    assert!(waited >= std::time::Duration::from_secs(8), "{waited:?}");
    assert_eq!(taken.status.unwrap().observed_previous_ref.unwrap().tag, "1.0.0");

    // When the times are lost, what is selected stays, and what is new waits.
    world.patch::<ImagePolicy>("app", json!({"spec": {"policy": {"minAge": "1h"}}})).await;
    world.ready::<ImagePolicy>("app").await;
    controller.stop().unwrap();
    std::fs::remove_dir_all(world.temporary().join("tags")).unwrap();
    push(&registry, "org/app", &["1.2.0"]).await;
    controller.restart().await.unwrap();
    let kept = world
        .until("app", |object: &ImagePolicy| ready_message(object).contains("; 1.2.0 is taken when"))
        .await;
    assert_eq!(tag(&kept), "1.1.0");
}
