//! Clusters that a ConfigMap describes: who is asked for a token, and for which cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use kube::config::Kubeconfig;
use serde_json::json;
use sluice_kms::cluster::{self, Access, Request, canonical_address};
use sluice_kms::{Identity, ServiceAccount};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::Tokens;

/// How long tokens for clusters without a cloud are used.
const LIFETIME: Duration = Duration::from_mins(45);

/// Who gives tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Provider {
    Aws,
    Azure,
    Gcp,
    Generic,
}

/// What a ConfigMap says about a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Description {
    provider: Provider,
    cluster: String,
    address: String,
    ca: String,
    audiences: Vec<String>,
    /// The service account that is shown; none stands for the controller's.
    pub service_account: Option<String>,
}

impl Description {
    /// Reads a ConfigMap's data.
    pub fn read(data: &BTreeMap<String, String>) -> Result<Self, String> {
        let text = |name: &str| data.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
        let provider = match text("provider").as_str() {
            "aws" => Provider::Aws,
            "azure" => Provider::Azure,
            "gcp" => Provider::Gcp,
            "generic" => Provider::Generic,
            other => return Err(format!("provider '{other}' not implemented")),
        };
        let lines = text("audiences");
        let audiences = lines.lines().map(str::trim).filter(|line| !line.is_empty());
        Ok(Self {
            provider,
            cluster: text("cluster"),
            address: text("address"),
            ca: text("ca.crt"),
            audiences: audiences.map(ToOwned::to_owned).collect(),
            service_account: Some(text("serviceAccountName")).filter(|name| !name.is_empty()),
        })
    }
}

/// A cluster and the tokens it is shown, renewed before they expire.
pub struct CloudCluster {
    description: Description,
    account: Option<Arc<dyn ServiceAccount>>,
    tokens: Arc<Tokens>,
    current: Mutex<Option<(HeaderValue, Instant)>>,
}

impl CloudCluster {
    /// Nothing is asked yet.
    pub fn new(
        description: Description,
        account: Option<Arc<dyn ServiceAccount>>,
        tokens: Arc<Tokens>,
    ) -> Self {
        Self { description, account, tokens, current: Mutex::default() }
    }

    /// How the cluster is reached, without credentials: they come with each request.
    pub async fn kubeconfig(&self) -> Result<Kubeconfig, String> {
        let access = self.access().await?;
        *self.current.lock().await = Some(header(&access)?);
        let mut cluster = json!({"server": access.address});
        if let Some(pem) = &access.ca {
            cluster["certificate-authority-data"] = STANDARD.encode(pem).into();
        }
        let kubeconfig = json!({
            "clusters": [{"name": "remote", "cluster": cluster}],
            "users": [{"name": "remote", "user": {}}],
            "contexts": [{"name": "remote", "context": {"cluster": "remote", "user": "remote"}}],
            "current-context": "remote",
        });
        serde_json::from_value(kubeconfig).map_err(|error| error.to_string())
    }

    /// The header with a token that is still good.
    pub async fn authorization(&self) -> Result<HeaderValue, String> {
        let mut current = self.current.lock().await;
        if let Some((header, until)) = &*current
            && Instant::now() < *until
        {
            return Ok(header.clone());
        }
        let renewed = header(&self.access().await?)?;
        let value = renewed.0.clone();
        *current = Some(renewed);
        Ok(value)
    }

    async fn access(&self) -> Result<Access, String> {
        let Description { provider, cluster, address, ca, .. } = &self.description;
        let request = Request { cluster: cluster.clone(), address: address.clone(), ca: ca.clone() };
        match provider {
            Provider::Aws => cluster::eks(&self.identity(), &request).await,
            Provider::Azure => cluster::aks(&self.identity(), &request).await,
            Provider::Gcp => cluster::gke(&self.identity(), &request).await,
            Provider::Generic => self.generic().await,
        }
    }

    fn identity<C>(&self) -> Identity<C> {
        self.account.clone().map_or(Identity::Surroundings, Identity::ServiceAccount)
    }

    /// A cluster that trusts tokens of this one.
    async fn generic(&self) -> Result<Access, String> {
        let Description { address, ca, audiences, .. } = &self.description;
        let account = match &self.account {
            Some(account) => Arc::clone(account),
            None => self.tokens.own().await.map_err(|error| {
                format!("failed to get access token for cluster: failed to create provider access token for the controller: {error}")
            })?,
        };
        if address.is_empty() {
            return Err("cluster address is required to create a REST config".to_owned());
        }
        let audiences = if audiences.is_empty() { vec![address.clone()] } else { audiences.clone() };
        let token = account
            .token(&audiences)
            .await
            .map_err(|error| format!("failed to get access token for cluster: {error}"))?;
        Ok(Access {
            address: canonical_address(address)
                .map_err(|error| format!("failed to parse cluster address {address}: {error}"))?,
            ca: (!ca.is_empty()).then(|| ca.clone().into_bytes()),
            token: Zeroizing::new(token),
            lifetime: LIFETIME,
        })
    }
}

/// The header, and until when it is used: most of the token's life.
fn header(access: &Access) -> Result<(HeaderValue, Instant), String> {
    let text = Zeroizing::new(format!("Bearer {}", access.token.as_str()));
    let mut value =
        HeaderValue::from_str(&text).map_err(|_| "the token can't be sent in a header".to_owned())?;
    value.set_sensitive(true);
    Ok((value, Instant::now() + access.lifetime / 10 * 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn config_maps_are_read() {
        let read = Description::read(&data(&[
            ("provider", "generic"),
            ("address", "https://a"),
            ("audiences", "one\n two \n\n"),
            ("serviceAccountName", "sa"),
        ]))
        .unwrap();
        assert_eq!(read.provider, Provider::Generic);
        assert_eq!(read.audiences, ["one", "two"]);
        assert_eq!(read.service_account.as_deref(), Some("sa"));
        let error = Description::read(&data(&[("provider", "other")])).unwrap_err();
        assert_eq!(error, "provider 'other' not implemented");
    }
}
