//! The Kubernetes vocabulary that other crates use, so that only this crate names `k8s-openapi`.

pub use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
pub use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SubjectAccessReview};
pub use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
pub use k8s_openapi::api::core::v1::{
    ConfigMap, Event, EventSource, Namespace, Node, ObjectReference, Pod, Secret, Service, ServiceAccount,
};
pub use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
pub use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    Condition, LabelSelector, LabelSelectorRequirement, ManagedFieldsEntry, MicroTime, ObjectMeta,
    OwnerReference, Time,
};
pub use k8s_openapi::{ByteString, api, apiextensions_apiserver, apimachinery};
