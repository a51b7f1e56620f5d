//! The `CustomResourceDefinition`s of all kinds, generated from the types.

use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::k8s::{CustomResourceDefinition, CustomResourceDefinitionVersion};
use crate::{extensions, helm, image, kustomize, notification, source};

/// Why a definition could not be generated: a bug in a type's schema.
#[derive(Debug, thiserror::Error)]
#[error("generate the CRD {name}: {source}")]
pub struct CrdError {
    /// Name of the definition.
    pub name: String,
    /// What is wrong with its JSON form.
    pub source: serde_json::Error,
}

/// The definitions of all kinds, sorted by name.
pub fn all() -> Result<Vec<CustomResourceDefinition>, CrdError> {
    let mut definitions = vec![
        source::v1::Bucket::crd(),
        source::v1::ExternalArtifact::crd(),
        source::v1::GitRepository::crd(),
        source::v1::HelmChart::crd(),
        source::v1::HelmRepository::crd(),
        source::v1::OciRepository::crd(),
        kustomize::v1::Kustomization::crd(),
        helm::v2::HelmRelease::crd(),
        notification::v1::Receiver::crd(),
        notification::v1beta3::Alert::crd(),
        notification::v1beta3::Provider::crd(),
        image::v1::ImagePolicy::crd(),
        image::v1::ImageRepository::crd(),
        image::v1::ImageUpdateAutomation::crd(),
        extensions::v1beta1::ArtifactGenerator::crd(),
    ];
    definitions.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    definitions.into_iter().map(|definition| finish(definition).map(serve_older)).collect()
}

/// Serves the kinds of images in the version that guides written before theirs became stable name.
///
/// What such objects may say has not changed since, so nothing is converted: one is stored and read as the other.
/// Flux's own definitions no longer have it.
fn serve_older(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let spec = &mut definition.spec;
    if spec.group != image::GROUP {
        return definition;
    }
    if let Some(stable) = spec.versions.first().cloned() {
        let warning = format!("{0}/v1beta2 {1} is deprecated, use {0}/v1", spec.group, spec.names.kind);
        spec.versions.push(CustomResourceDefinitionVersion {
            name: image::OLDER_VERSION.to_owned(),
            storage: false,
            deprecated: Some(true),
            deprecation_warning: Some(warning),
            ..stable
        });
    }
    definition
}

/// Turns a derived definition into one as Kubernetes' own tools write it: the derived schemas say more than the types
/// of the API (titles, null for absent fields) and leave out the fields that all objects have.
fn finish(definition: CustomResourceDefinition) -> Result<CustomResourceDefinition, CrdError> {
    let name = definition.metadata.name.clone().unwrap_or_default();
    finish_json(definition).map_err(|source| CrdError { name, source })
}

fn finish_json(
    mut definition: CustomResourceDefinition,
) -> Result<CustomResourceDefinition, serde_json::Error> {
    let kind = definition.spec.names.kind.clone();
    definition.spec.names.list_kind = Some(format!("{kind}List"));
    for version in &mut definition.spec.versions {
        // Flux's definitions have the key even where there is no status.
        version.subresources.get_or_insert_default();
        let Some(validation) = &mut version.schema else { continue };
        let Some(props) = validation.open_api_v3_schema.take() else { continue };
        let mut schema = serde_json::to_value(props)?;
        strip(&mut schema);
        complete_root(&mut schema);
        validation.open_api_v3_schema = Some(serde_json::from_value(schema)?);
    }
    Ok(definition)
}

/// Removes, at every level, what derived schemas have more than written ones.
fn strip(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    fields.remove("title");
    fields.remove("nullable");
    if let Some(words) = fields.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(strip);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(nested) = fields.get_mut(key) {
            strip(nested);
        }
    }
}

/// Adds the fields that all objects have; the spec itself may be missing, as in Flux's definitions.
fn complete_root(schema: &mut Value) {
    let Some(root) = schema.as_object_mut() else { return };
    root.remove("required");
    let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) else { return };
    properties.insert(
        "apiVersion".to_owned(),
        json!({ "type": "string", "description": "Group and version of the schema that this object follows." }),
    );
    properties.insert(
        "kind".to_owned(),
        json!({ "type": "string", "description": "Kind of the object, in CamelCase." }),
    );
    properties.insert("metadata".to_owned(), json!({ "type": "object" }));
}
