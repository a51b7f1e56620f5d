//! Reads Secrets, without keeping them.

use std::collections::BTreeMap;

use kube::{Api, Client};
use sluice_apis::k8s::Secret;

/// The data of a Secret.
pub type Data = BTreeMap<String, Vec<u8>>;

/// Reads a Secret's data. A missing one is an API error with code 404 and a message that names it.
pub async fn read(client: &Client, namespace: &str, name: &str) -> Result<Data, kube::Error> {
    let secret = Api::<Secret>::namespaced(client.clone(), namespace).get(name).await?;
    Ok(secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect())
}

/// What went wrong, without the request: the API server's own words where there are some.
pub fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }
}
