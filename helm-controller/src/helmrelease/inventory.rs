//! What a release has put into the cluster, as the status records it.

use std::collections::BTreeMap;

use sluice_apis::helm::reasons;
use sluice_apis::kustomize::v1::{Inventory, ResourceRef};
use sluice_apply::{Cluster, Object};
use sluice_chart::Crd;
use sluice_release::objects;
use sluice_release::record::Release;
use sluice_runtime::EventType;

use super::HelmReleasePass;
use super::status::status_mut;

/// Records the objects of the release that was stored last. What can't be told is told by an event.
pub async fn record(pass: &mut HelmReleasePass, cluster: &Cluster, release: &Release, crds: &[Crd]) {
    let namespace = super::spec::namespace(&pass.object).to_owned();
    let name = super::spec::name(&pass.object).to_owned();
    match entries(cluster, release, crds).await {
        Ok((entries, warnings)) => {
            if !warnings.is_empty() {
                let text = warnings.join("; ");
                pass.event(EventType::Warning, reasons::NAMESPACE_CHECK_SKIPPED, &text, &BTreeMap::default());
            }
            status_mut(&mut pass.object).inventory = Some(Inventory { entries });
        }
        Err(error) => {
            let text = format!("failed to build inventory for {namespace}/{name}: {error}");
            pass.event(EventType::Warning, reasons::INVENTORY_BUILD_FAILED, &text, &BTreeMap::default());
        }
    }
}

async fn entries(
    cluster: &Cluster,
    release: &Release,
    crds: &[Crd],
) -> Result<(Vec<ResourceRef>, Vec<String>), String> {
    let mut entries = Vec::new();
    let mut warnings = Vec::new();
    let parse = |text: &str| objects::documents(text).map_err(|error| error.to_string());
    for value in parse(&release.manifest).map_err(|error| format!("failed to parse manifest: {error}"))? {
        let Ok(mut object) = Object::new(value) else { continue };
        if object.annotations().contains_key("helm.sh/hook") {
            continue;
        }
        if object.namespace().is_none() {
            match cluster.resolve(&object.gvk()).await {
                Ok(resource) if resource.namespaced => object.set_namespace(Some(&release.namespace)),
                Ok(_) => {}
                Err(error) => warnings.push(format!(
                    "failed to determine if {} is namespace scoped, skipping namespace: {error}",
                    object.kind()
                )),
            }
        }
        entries.push(entry(&object));
    }
    for crd in crds {
        let text = String::from_utf8_lossy(&crd.file.data);
        let values =
            parse(&text).map_err(|error| format!("failed to parse CRD {}: {error}", crd.file.name))?;
        entries.extend(values.into_iter().filter_map(|value| Object::new(value).ok()).map(|o| entry(&o)));
    }
    Ok((entries, warnings))
}

fn entry(object: &Object) -> ResourceRef {
    ResourceRef { id: object.id().to_string(), version: object.gvk().version }
}
