//! Reading what values references name.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use kube::{Api, Client};
use sluice_apis::helm::v2::{ValuesReference, ValuesReferenceKind};
use sluice_apis::k8s::{ConfigMap, Secret};

use super::files::{self, Files};
use super::{Found, ValuesError, key};

/// The data of an object, or what the API server says about its absence.
type Object = Result<BTreeMap<String, Vec<u8>>, String>;

/// Reads the objects that the references name, each of them once, with the client's identity; files of sources come
/// from `files`.
pub async fn read(
    client: &Client,
    namespace: &str,
    references: &[ValuesReference],
    files: &dyn Files,
) -> Result<Vec<(ValuesReference, Found)>, ValuesError> {
    let mut objects: HashMap<(&str, &str), Object> = HashMap::new();
    let mut found = Vec::with_capacity(references.len());
    for reference in references {
        if files::is_source(reference) {
            found.push((reference.clone(), files::read(files, namespace, reference).await?));
            continue;
        }
        files::refuse_path(namespace, reference)?;
        let id = (reference.kind.as_str(), reference.name.as_str());
        let object = match objects.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(object(client, namespace, reference).await?),
        };
        let value = match object {
            Ok(data) => data.get(key(reference)).map_or(Found::NoKey, |data| Found::Data(data.clone())),
            Err(message) => Found::NoObject(message.clone()),
        };
        found.push((reference.clone(), value));
    }
    Ok(found)
}

async fn object(
    client: &Client,
    namespace: &str,
    reference: &ValuesReference,
) -> Result<Object, ValuesError> {
    let result = match &reference.kind {
        ValuesReferenceKind::Secret => {
            let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
            api.get(&reference.name).await.map(|secret| {
                let data = secret.data.unwrap_or_default();
                data.into_iter().map(|(key, value)| (key, value.0)).collect()
            })
        }
        ValuesReferenceKind::ConfigMap => {
            let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
            api.get(&reference.name).await.map(|map| {
                let data = map.data.unwrap_or_default();
                data.into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
            })
        }
        ValuesReferenceKind::Other(_) => return Ok(Err("unsupported values reference kind".to_owned())),
    };
    match result {
        Ok(data) => Ok(Ok(data)),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Err(status.message)),
        Err(kube::Error::Api(status)) => Err(ValuesError::Api(status.message)),
        Err(error) => Err(ValuesError::Api(error.to_string())),
    }
}
