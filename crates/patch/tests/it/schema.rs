//! The built-in types, and types of one's own.

use serde_json::json;
use sluice_patch::schema::{Format, ListType};
use sluice_patch::{Schema, Scope};

#[test]
fn both_builtin_schemas_know_fields_keys_and_formats() {
    for schema in [Schema::builtin(), Schema::kustomize()] {
        let deployment = schema.kind("apps", "v1", "Deployment").unwrap();
        let pod = deployment.field("spec").unwrap().field("template").unwrap().field("spec").unwrap();
        let containers = pod.field("containers").unwrap();
        assert!(containers.is_list() && containers.is_merged_list());
        assert_eq!(containers.merge_keys(), ["name"]);
        let container = containers.items().unwrap();
        let ports = container.field("ports").unwrap();
        assert_eq!(ports.merge_keys(), ["containerPort", "protocol"]);
        assert_eq!(
            (ports.patch_merge_key(), ports.list_type()),
            (Some("containerPort"), Some(ListType::Map))
        );
        assert!(!container.field("args").unwrap().is_merged_list());
        let limits = container.field("resources").unwrap().field("limits").unwrap();
        assert!(limits.is_map() && !limits.is_object());
        assert_eq!(limits.field("cpu").unwrap().format(), Some(Format::Quantity));
        let probe = container.field("livenessProbe").unwrap().field("httpGet").unwrap();
        assert_eq!(probe.field("port").unwrap().format(), Some(Format::IntOrString));
        let metadata = deployment.field("metadata").unwrap();
        assert_eq!(metadata.field("creationTimestamp").unwrap().format(), Some(Format::DateTime));
        assert_eq!(metadata.field("finalizers").unwrap().merge_keys(), [] as [&str; 0]);
        assert!(metadata.field("finalizers").unwrap().is_merged_list());
        assert_eq!(pod.field("volumes").unwrap().patch_strategy(), "merge,retainKeys");
        assert!(pod.field("containerz").is_none());
        let secret = schema.kind("", "v1", "Secret").unwrap();
        assert_eq!(secret.field("data").unwrap().field("any").unwrap().format(), Some(Format::Bytes));
    }
}

#[test]
fn scopes_come_from_the_paths() {
    let schema = Schema::kustomize();
    assert_eq!(schema.scope("", "v1", "Pod"), Some(Scope::Namespaced));
    assert_eq!(schema.scope("", "v1", "Namespace"), Some(Scope::Cluster));
    assert_eq!(schema.scope("rbac.authorization.k8s.io", "v1", "ClusterRole"), Some(Scope::Cluster));
    assert_eq!(schema.scope("rbac.authorization.k8s.io", "v1", "Role"), Some(Scope::Namespaced));
    assert_eq!(schema.scope("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), Some(Scope::Cluster));
    assert_eq!(schema.scope("example.com", "v1", "Thing"), None);
    assert_eq!(
        Schema::builtin().scope("autoscaling", "v2", "HorizontalPodAutoscaler"),
        Some(Scope::Namespaced)
    );
    assert!(schema.kinds().any(|kind| kind == ("extensions", "v1beta1", "Ingress")));
    assert!(Schema::builtin().kind_of("autoscaling/v2", "HorizontalPodAutoscaler").is_some());
    assert!(schema.kind_of("autoscaling/v2", "HorizontalPodAutoscaler").is_none());
}

#[test]
fn unknown_fields_are_pruned_and_named() {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Pod", "extra": 1,
        "metadata": {"name": "p", "labels": {"any": "thing"}, "nmae": "p"},
        "spec": {"containers": [{"name": "a"}, {"name": "b", "imagee": "x", "resources": {"limits": {"gpu": 1}}}]},
    });
    let removed = Schema::builtin().prune_unknown(&mut object);
    assert_eq!(removed, ["extra", "metadata.nmae", "spec.containers[1].imagee"]);
    let want = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"any": "thing"}},
        "spec": {"containers": [{"name": "a"}, {"name": "b", "resources": {"limits": {"gpu": 1}}}]},
    });
    assert_eq!(object, want);
    let mut custom = json!({"apiVersion": "example.com/v1", "kind": "Thing", "anything": 1});
    assert!(Schema::builtin().prune_unknown(&mut custom).is_empty());
    assert_eq!(custom["anything"], 1);
}

#[test]
fn objects_within_free_json_are_left_alone() {
    let mut object = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"default": {"free": {"form": 1}}, "properties":
            {"a": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}}]},
    });
    let before = object.clone();
    assert!(Schema::builtin().prune_unknown(&mut object).is_empty());
    assert_eq!(object, before);
}

#[test]
fn own_types_may_build_on_the_builtin_ones() {
    let document = json!({"definitions": {"com.example.v1.Thing": {
        "properties": {
            "spec": {"properties": {
                "template": {"$ref": "#/definitions/io.k8s.api.core.v1.PodTemplateSpec"},
                "parts": {"type": "array", "items": {"properties": {"id": {"type": "string"}}},
                    "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "id"},
            }},
        },
        "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Thing"}],
    }}});
    let schema = Schema::from_openapi(&document, Some(Schema::kustomize())).unwrap();
    let spec = schema.kind("example.com", "v1", "Thing").unwrap().field("spec").unwrap();
    assert_eq!(spec.field("parts").unwrap().merge_keys(), ["id"]);
    assert_eq!(
        spec.field("parts").unwrap().items().unwrap().field("id").unwrap().format(),
        Some(Format::String)
    );
    let containers = spec.field("template").unwrap().field("spec").unwrap().field("containers").unwrap();
    assert_eq!(containers.merge_keys(), ["name"]);
    assert!(schema.kind("apps", "v1", "Deployment").is_some());
}
