//! The objects in a cluster.

use anyhow::{Context as _, Result, bail};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use sluice_apis::k8s::{CustomResourceDefinition, ManagedFieldsEntry};

use crate::cluster::{explain, is_not_found};
use crate::context::Context;
use crate::installation::SELECTOR;

/// How many objects one answer of the API server holds.
const PAGE: u32 = 500;
/// So often objects are read anew when others change them meanwhile.
const TRIES: usize = 5;

/// Moves the objects of all kinds of an installation to the version in which their definitions store them.
pub(super) async fn migrate(context: &Context) -> Result<()> {
    let client = context.client().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let list = definitions.list(&ListParams::default().labels(SELECTOR)).await.map_err(explain);
    for definition in list.context("failed to list CRDs")?.items {
        let name = definition.name_any();
        let Some(version) = storage_version(&definition) else {
            bail!("no storage version found for CRD {name}");
        };
        objects(&client, &definition, &version, context)
            .await
            .with_context(|| format!("failed to migrate resources for CRD {name}"))?;
        forget_others(&definitions, &definition, &version, context)
            .await
            .with_context(|| format!("failed to update CRD {name} status"))?;
    }
    Ok(())
}

fn storage_version(definition: &CustomResourceDefinition) -> Option<String> {
    definition.spec.versions.iter().find(|version| version.storage).map(|version| version.name.clone())
}

/// Nothing is stored in any other version now.
async fn forget_others(
    api: &Api<CustomResourceDefinition>,
    definition: &CustomResourceDefinition,
    version: &str,
    context: &Context,
) -> Result<()> {
    let stored = definition.status.as_ref().and_then(|status| status.stored_versions.as_deref());
    if stored.is_none_or(|stored| stored == [version]) {
        return Ok(());
    }
    let name = definition.name_any();
    // Not if it has changed: the storage version may be another one then.
    let patch = json!({
        "metadata": {"resourceVersion": definition.metadata.resource_version},
        "status": {"storedVersions": [version]},
    });
    api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await.map_err(explain)?;
    context.output.success(format_args!("{name} migrated to storage version {version}"));
    Ok(())
}

async fn objects(
    client: &Client,
    definition: &CustomResourceDefinition,
    version: &str,
    context: &Context,
) -> Result<()> {
    let spec = &definition.spec;
    let resource = ApiResource {
        group: spec.group.clone(),
        version: version.to_owned(),
        api_version: format!("{}/{version}", spec.group),
        kind: spec.names.kind.clone(),
        plural: spec.names.plural.clone(),
    };
    for item in list(client, &resource).await? {
        let (namespace, name) = (item.namespace().unwrap_or_default(), item.name_any());
        let subject = format!("{}/{namespace}/{name}", resource.kind);
        let api: Api<DynamicObject> = match item.namespace() {
            Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        match rewrite(&api, item, &resource.api_version).await {
            Ok(()) => context.output.success(format_args!("{subject} migrated to version {version}")),
            // It was deleted meanwhile.
            Err(error) if is_not_found(&error) => {}
            Err(error) => return Err(explain(error).context(format!("{subject} failed to migrate"))),
        }
    }
    Ok(())
}

async fn list(client: &Client, resource: &ApiResource) -> Result<Vec<DynamicObject>> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let mut params = ListParams::default().limit(PAGE);
    let mut items = Vec::new();
    loop {
        let page = api.list(&params).await.map_err(explain)?;
        items.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(items),
        }
    }
}

/// Writes an object in another version. What the fields' owners own is read in that version too.
async fn rewrite(
    api: &Api<DynamicObject>,
    mut item: DynamicObject,
    api_version: &str,
) -> Result<(), kube::Error> {
    let name = item.name_any();
    for _ in 1..TRIES {
        match patch(api, &item, api_version).await {
            Err(kube::Error::Api(status)) if status.code == 409 || status.code == 422 => {
                item = api.get(&name).await?;
            }
            other => return other,
        }
    }
    patch(api, &item, api_version).await
}

async fn patch(api: &Api<DynamicObject>, item: &DynamicObject, api_version: &str) -> Result<(), kube::Error> {
    let (name, params) = (item.name_any(), PatchParams::default());
    match moved(item.managed_fields(), api_version) {
        Some(fields) => {
            let operations = json!([
                // Nobody's fields are lost that came to be meanwhile.
                {"op": "test", "path": "/metadata/resourceVersion", "value": item.metadata.resource_version},
                {"op": "replace", "path": "/metadata/managedFields", "value": fields},
            ]);
            let operations = serde_json::from_value(operations).map_err(kube::Error::SerdeError)?;
            api.patch(&name, &params, &Patch::<Value>::Json(operations)).await.map(drop)
        }
        // A patch that changes nothing has it stored anew.
        None => api.patch(&name, &params, &Patch::Merge(json!({}))).await.map(drop),
    }
}

/// The owners of fields with another version; nothing if all have it.
fn moved(fields: &[ManagedFieldsEntry], api_version: &str) -> Option<Vec<ManagedFieldsEntry>> {
    let is_there = |entry: &ManagedFieldsEntry| entry.api_version.as_deref() == Some(api_version);
    if fields.iter().all(is_there) {
        return None;
    }
    let mut fields = fields.to_vec();
    for entry in &mut fields {
        entry.api_version = Some(api_version.to_owned());
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_owners_are_moved_or_none() {
        let entry = |manager: &str, version: &str| ManagedFieldsEntry {
            manager: Some(manager.to_owned()),
            api_version: Some(format!("g/{version}")),
            ..ManagedFieldsEntry::default()
        };
        assert_eq!(moved(&[], "g/v1"), None);
        assert_eq!(moved(&[entry("a", "v1")], "g/v1"), None);
        let found = moved(&[entry("a", "v1"), entry("b", "v1beta2")], "g/v1");
        assert_eq!(found, Some(vec![entry("a", "v1"), entry("b", "v1")]));
    }
}
