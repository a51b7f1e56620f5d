//! Variables are replaced in the text that kustomize prints, and what comes out is read again: its type is what
//! Go's YAML reader makes of it.

use anyhow::{Context, Result, ensure};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use crate::support::{PATIENCE, World, field, message};

/// A kind whose fields may be of any type.
const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: samples.substitution.example.com
spec:
  group: substitution.example.com
  names: {kind: Sample, listKind: SampleList, plural: samples, singular: sample}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

/// A variable's value, and what `field: \"${variable}\"` becomes: as sigs.k8s.io/yaml v1.6 reads `field: VALUE`.
fn table() -> Vec<(&'static str, Value)> {
    vec![
        ("8080", json!(8080)),
        ("010", json!(8)),
        ("1e3", json!(1000)),
        ("yes", json!(true)),
        ("on", json!(true)),
        ("null", Value::Null),
        ("~", Value::Null),
        ("#x", Value::Null),
        ("\"q\"", json!("q")),
        ("'s'", json!("s")),
        ("2024-01-01", json!("2024-01-01")),
        ("0x1F", json!(31)),
        ("0o17", json!(15)),
        ("1_000", json!(1000)),
        ("1.0", json!(1)),
        ("-5", json!(-5)),
        ("[1, x]", json!([1, "x"])),
        ("a\nb", json!("ab")),
        ("plain", json!("plain")),
    ]
}

/// Numbers by value: the API server may write `1` for `1.0`.
fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.total_cmp(&right).is_eq(),
        _ => left == right,
    }
}

#[tokio::test]
async fn values_get_the_type_that_their_text_has() -> Result<()> {
    let world = World::start("retype").await?;
    world.namespace.control_plane().kubectl_with(&["apply", "-f", "-"], DEFINITION).await?;
    let kind = ["wait", "--for=condition=Established", "crd/samples.substitution.example.com"];
    world.namespace.control_plane().kubectl(&kind).await?;

    let mut variables = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "variables"}, "data": {"part": "8080"},
    });
    let mut manifest = String::from(
        "apiVersion: substitution.example.com/v1\nkind: Sample\nmetadata:\n  name: sample\nspec:\n",
    );
    for (index, (value, _)) in table().iter().enumerate() {
        variables["data"][format!("v{index}")] = json!(value);
        manifest.extend(["  f", &index.to_string(), ": \"${v", &index.to_string(), "}\"\n"]);
    }
    manifest +=
        "  inside: \"port-${part}\"\n  escaped: \"$${part}\"\n  untouched: $part\n  default: ${none:=7}\n";
    world.create(variables).await?;

    let repository = world.git.repository("app")?;
    let commit = repository.commit("Install", &[("sample.yaml", Some(&manifest))])?;
    world.create_source("app").await?;
    let substitute = json!({"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}});
    world.create(world.kustomization("app", "app", "./", &substitute)).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;

    let sample = world.namespace.objects("substitution.example.com/v1", "Sample").get("sample").await?;
    for (index, (value, expected)) in table().iter().enumerate() {
        let found = field(&sample, &format!("/spec/f{index}"));
        ensure!(same(found, expected), "{value:?} became {found}, not {expected}");
    }
    for (name, expected) in [
        ("inside", json!("port-8080")),
        ("escaped", json!("${part}")),
        ("untouched", json!("$part")),
        ("default", json!(7)),
    ] {
        let found = field(&sample, &format!("/spec/{name}"));
        ensure!(same(found, &expected), "{name} is {found}, not {expected}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_substituted_is_told_and_applied_nowhere() -> Result<()> {
    let world = World::start("unset").await?;
    let repository = world.git.repository("app")?;
    let label = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n  labels: {port: \"${port}\"}\n";
    repository.commit("Install", &[("app.yaml", Some(label))])?;
    world.create_source("app").await?;
    let unset = json!({"postBuild": {"substitute": {"other": "1"}}});
    world.create(world.kustomization("app", "app", "./", &unset)).await?;
    let api = world.kustomizations();
    let told = |text: &'static str| {
        move |object: Option<&DynamicObject>| {
            object.is_some_and(|object| message(object, "Ready").contains(text))
        }
    };
    wait_for(&api, "app", PATIENCE, told("variable not set (strict mode): \"port\"")).await?;

    // A value that makes the text unreadable: the message names the object and the line.
    let value = json!({"spec": {"postBuild": {"substitute": {"port": "a: b"}}}});
    world.patch(&api, "app", &value).await?;
    wait_for(
        &api,
        "app",
        PATIENCE,
        told("/app': envsubst error: YAMLToJSON: yaml: line 5: mapping values are not allowed"),
    )
    .await?;
    ensure!(world.config_maps().get_opt("app").await?.is_none(), "it was applied");

    let value = json!({"spec": {"postBuild": {"substitute": {"port": "http"}}}});
    world.patch(&api, "app", &value).await?;
    world.ready(&api, "app").await?;
    let object = world.config_maps().get("app").await?;
    let labels = object.metadata.labels.context("it has labels")?;
    ensure!(labels.get("port").map(String::as_str) == Some("http"), "{labels:?}");
    Ok(())
}
