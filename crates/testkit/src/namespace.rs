//! A namespace for one test.

use std::{fmt::Debug, process::Command};

use anyhow::{Context, Result};
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject, GroupVersionKind, NamespaceResourceScope},
};
use sluice_apis::k8s::{Namespace as CoreNamespace, ServiceAccount};

use crate::{ControlPlane, binary::e2e_binary, wait::DEFAULT_TIMEOUT, wait_for};

/// A namespace of its own, whose deletion starts when this handle is dropped.
pub struct Namespace<'a> {
    control_plane: &'a ControlPlane,
    client: Client,
    name: String,
}

impl<'a> Namespace<'a> {
    pub(crate) async fn create(control_plane: &'a ControlPlane, name: String) -> Result<Self> {
        let client = control_plane.client().await?;
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let object = CoreNamespace { metadata, ..CoreNamespace::default() };
        Api::all(client.clone()).create(&PostParams::default(), &object).await?;
        let namespace = Self { control_plane, client, name };
        // Pods are refused until the controller manager has made this one.
        wait_for(&namespace.api::<ServiceAccount>(), "default", DEFAULT_TIMEOUT, |account| account.is_some())
            .await?;
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The control plane that it is on.
    pub fn control_plane(&self) -> &'a ControlPlane {
        self.control_plane
    }

    /// A client with all rights.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The namespace's objects of a type.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// The namespace's objects of a kind whose type the test does not name. `api_version` is
    /// `GROUP/VERSION`, or `v1`. The plural is guessed by English rules.
    pub fn objects(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.name, &resource)
    }

    /// Applies YAML documents here, on the server's side as manager `test`.
    pub async fn apply(&self, yaml: &str) -> Result<()> {
        let arguments = [
            "-n",
            &self.name,
            "apply",
            "--server-side",
            "--force-conflicts",
            "--field-manager=test",
            "-f",
            "-",
        ];
        self.control_plane.kubectl_with(&arguments, yaml).await?;
        Ok(())
    }

    /// Runs kubectl with this as its namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let arguments: Vec<&str> = ["-n", &self.name].iter().chain(arguments).copied().collect();
        self.control_plane.kubectl(&arguments).await
    }

    /// Merges a JSON document into an object, for changes that an apply cannot say (removals).
    pub async fn patch<K>(&self, api: &Api<K>, name: &str, patch: &serde_json::Value) -> Result<K>
    where
        K: Clone + Debug + serde::de::DeserializeOwned,
    {
        let parameters = PatchParams { field_manager: Some("test".into()), ..PatchParams::default() };
        api.patch(name, &parameters, &Patch::Merge(patch)).await.with_context(|| format!("patch {name}"))
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        // Not through the client, whose runtime may be ending. A failure leaves a namespace behind on a
        // control plane that is thrown away.
        if let Ok(binary) = e2e_binary() {
            let _ = Command::new(binary)
                .args(["kubectl", "delete", "namespace", &self.name, "--wait=false", "--kubeconfig"])
                .arg(self.control_plane.kubeconfig())
                .output();
        }
    }
}
