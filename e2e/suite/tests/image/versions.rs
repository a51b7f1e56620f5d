//! The older version of the API.

use serde_json::{Value, json};
use sluice_apis::image::v1::{ImagePolicy, ImageRepository};
use sluice_testkit::Registry;

use crate::support::{World, push};

#[tokio::test]
async fn what_guides_of_old_say_works_and_loses_nothing() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let _controller = world.reflector(&[]).await;
    let manifests = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImageRepository
metadata: {{name: app}}
spec: {{image: {}/org/app, interval: 5m}}
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImagePolicy
metadata: {{name: app}}
spec:
  imageRepositoryRef: {{name: app}}
  policy: {{semver: {{range: 1.x}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImageUpdateAutomation
metadata: {{name: app}}
spec:
  interval: 30m
  suspend: true
  sourceRef: {{kind: GitRepository, name: app}}
  git:
    checkout: {{ref: {{branch: main}}}}
    commit: {{author: {{name: a, email: a@example.org}}, messageTemplate: '{{{{range .Changed.Changes}}}}{{{{end}}}}'}}
    push: {{branch: main}}
  update: {{path: ./clusters, strategy: Setters}}
",
        registry.address()
    );
    world.namespace.apply(&manifests).await.unwrap();
    world.ready::<ImageRepository>("app").await;
    world.ready::<ImagePolicy>("app").await;
    for kind in ["imagerepositories", "imagepolicies", "imageupdateautomations"] {
        let read = async |version: &str| -> Value {
            let resource = format!("{kind}.{version}.image.toolkit.fluxcd.io");
            let text = world.namespace.kubectl(&["get", &resource, "app", "-o", "json"]).await.unwrap();
            let mut object: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(object["apiVersion"], format!("image.toolkit.fluxcd.io/{version}"));
            object["apiVersion"] = Value::Null;
            // Both may be written between the two.
            object["metadata"] = json!({});
            object
        };
        assert_eq!(read("v1beta2").await, read("v1").await, "{kind}");
    }
}
