//! How clusters of the clouds are reached: their address, their authority, a token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::{client, send_json};
use crate::identity::{Identity, variable};
use crate::{aws, azure, gcp};

/// How a cluster is reached.
#[derive(Clone)]
pub struct Access {
    /// The API server's URL.
    pub address: String,
    /// Its authority, PEM.
    pub ca: Option<Vec<u8>>,
    /// The token that the API server is shown.
    pub token: Zeroizing<String>,
    /// How long the token can be used.
    pub lifetime: Duration,
}

/// What is known of a cluster beforehand.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The cloud's name of the cluster.
    pub cluster: String,
    /// The API server's address, unless the cloud is to be asked.
    pub address: String,
    /// The API server's authority in PEM, unless the cloud is to be asked.
    pub ca: String,
}

impl Request {
    fn ca(&self) -> Option<Vec<u8>> {
        (!self.ca.is_empty()).then(|| self.ca.clone().into_bytes())
    }

    fn is_complete(&self) -> bool {
        !self.address.is_empty() && !self.ca.is_empty()
    }

    fn access(
        &self,
        address: &str,
        ca: &str,
        token: Zeroizing<String>,
        lifetime: Duration,
    ) -> Result<Access, String> {
        let ca = match self.ca() {
            Some(ca) => Some(ca),
            None => {
                Some(STANDARD.decode(ca).map_err(|_| "the cluster's authority is not base64".to_owned())?)
            }
        };
        let address = if self.address.is_empty() { address } else { &self.address };
        Ok(Access { address: canonical_address(address)?, ca, token, lifetime })
    }
}

/// `https://host:port`
pub fn canonical_address(address: &str) -> Result<String, String> {
    if address.is_empty() {
        return Err("empty address".to_owned());
    }
    let url = if address.starts_with("http") { address.to_owned() } else { format!("https://{address}") };
    let fail = |why: &str| format!("failed to parse Kubernetes API server address '{url}': {why}");
    let parsed = url::Url::parse(&url).map_err(|error| fail(&error.to_string()))?;
    if parsed.scheme() != "https" {
        return Err(format!("the Kubernetes API server address '{url}' must use https scheme"));
    }
    let host = parsed.host_str().ok_or_else(|| fail("it has no host"))?;
    Ok(format!("https://{host}:{}", parsed.port().unwrap_or(443)))
}

/// A cluster of Amazon's EKS; its name is the ARN `arn:aws:eks:REGION:ACCOUNT:cluster/NAME`.
pub async fn eks(identity: &Identity<aws::Credentials>, request: &Request) -> Result<Access, String> {
    let parts: Vec<&str> = request.cluster.splitn(6, ':').collect();
    let (region, name) = match parts.as_slice() {
        ["arn", partition, "eks", region, _, name] if partition.starts_with("aws") => {
            (*region, name.strip_prefix("cluster/").unwrap_or_default())
        }
        _ => ("", ""),
    };
    if region.is_empty() || name.is_empty() {
        return Err(format!(
            "invalid EKS cluster ARN: '{}'. must match ^arn:aws[\\w-]*:eks:([^:]+):[0-9]{{12}}:cluster/(.+)$",
            request.cluster
        ));
    }
    let credentials = aws::resolve(identity, region)
        .await
        .map_err(|error| format!("failed to get access token for cluster: {error}"))?;
    let (mut address, mut ca) = (String::new(), String::new());
    if !request.is_complete() {
        let fail = |error: String| format!("failed to describe EKS cluster '{}': {error}", request.cluster);
        let answer = aws::describe_cluster(&credentials, region, name).await.map_err(fail)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        address = text(&answer["cluster"]["endpoint"]);
        ca = text(&answer["cluster"]["certificateAuthority"]["data"]);
    }
    let url = format!(
        "{}/?Action=GetCallerIdentity&Version=2011-06-15",
        aws::endpoint("sts", region).trim_end_matches('/')
    );
    let headers = [("x-k8s-aws-id", name)];
    let url = aws::presign(&url, &headers, 900, "sts", region, &credentials, Timestamp::now())
        .map_err(|error| format!("failed to presign GetCallerIdentity request: {error}"))?;
    let token = Zeroizing::new(format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url)));
    request.access(&address, &ca, token, Duration::from_mins(15))
}

/// A cluster of Azure's AKS; its name is `/subscriptions/ID/resourceGroups/GROUP/providers/…/managedClusters/NAME`.
pub async fn aks(identity: &Identity<azure::Credentials>, request: &Request) -> Result<Access, String> {
    const SCOPE: &str = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";
    let fail = |error: String| format!("failed to get access token for cluster: {error}");
    let token = azure::token(identity, SCOPE).await.map_err(fail)?;
    let (mut address, mut ca) = (String::new(), String::new());
    if !request.is_complete() {
        let cluster = request.cluster.trim_matches('/');
        let parts: Vec<String> = cluster.split('/').map(str::to_ascii_lowercase).collect();
        let shape: Vec<&str> = parts.iter().map(String::as_str).collect();
        if !matches!(
            shape.as_slice(),
            [
                "subscriptions",
                _,
                "resourcegroups",
                _,
                "providers",
                "microsoft.containerservice",
                "managedclusters",
                _
            ]
        ) {
            return Err(format!("invalid AKS cluster ID: '{}'", request.cluster));
        }
        let base = variable("AZURE_RESOURCE_MANAGER_HOST")
            .unwrap_or_else(|| "https://management.azure.com".to_owned());
        let manager = azure::token(identity, "https://management.azure.com/.default").await.map_err(fail)?;
        let fail = |error: String| format!("failed to list AKS cluster user credentials: {error}");
        let url = format!(
            "{}/{cluster}/listClusterUserCredential?api-version=2024-05-01",
            base.trim_end_matches('/')
        );
        let ask = client()?.post(url).bearer_auth(manager.as_str()).header("Content-Length", "0");
        let answer: Value = send_json(ask, azure::message).await.map_err(fail)?;
        let kubeconfig =
            answer["kubeconfigs"][0]["value"].as_str().and_then(|text| STANDARD.decode(text).ok());
        let kubeconfig = kubeconfig.ok_or_else(|| fail("the answer holds no kubeconfig".to_owned()))?;
        let found =
            first_cluster(&kubeconfig).ok_or_else(|| fail("the kubeconfig names no cluster".to_owned()))?;
        (address, ca) = found;
    }
    request.access(&address, &ca, token, Duration::from_mins(50))
}

fn first_cluster(kubeconfig: &[u8]) -> Option<(String, String)> {
    let text = sluice_yaml::decode(kubeconfig).ok()?;
    let root = sluice_yaml::parse_first(&text).ok()??.to_json(sluice_yaml::Version::V2).ok()?;
    let cluster = &root["clusters"][0]["cluster"];
    let text = |name: &str| cluster[name].as_str().map(ToOwned::to_owned);
    Some((text("server")?, text("certificate-authority-data")?))
}

/// A cluster of Google's GKE; its name is `projects/PROJECT/locations/LOCATION/clusters/NAME`.
pub async fn gke(identity: &Identity<gcp::Credentials>, request: &Request) -> Result<Access, String> {
    let token = gcp::token(identity)
        .await
        .map_err(|error| format!("failed to get access token for cluster: {error}"))?;
    let (mut address, mut ca) = (String::new(), String::new());
    if !request.is_complete() {
        let parts: Vec<&str> = request.cluster.split('/').collect();
        if !matches!(parts.as_slice(), ["projects", _, "locations", _, "clusters", _]) {
            return Err(format!(
                "invalid GKE cluster ID: '{}'. must match ^projects/[^/]{{1,200}}/locations/[^/]{{1,200}}/clusters/[^/]{{1,200}}$",
                request.cluster
            ));
        }
        let fail = |error: String| format!("failed to describe GKE cluster '{}': {error}", request.cluster);
        let base = variable("CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER")
            .unwrap_or_else(|| "https://container.googleapis.com/".to_owned());
        let ask = client()?
            .get(format!("{}/v1/{}", base.trim_end_matches('/'), request.cluster))
            .bearer_auth(token.as_str());
        let answer: Value = send_json(ask, gcp::message).await.map_err(fail)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        address = text(&answer["endpoint"]);
        ca = text(&answer["masterAuth"]["clusterCaCertificate"]);
    }
    request.access(&address, &ca, token, Duration::from_mins(50))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form() {
        assert_eq!(canonical_address("Example.com"), Ok("https://example.com:443".to_owned()));
        assert_eq!(canonical_address("https://10.0.0.1:6443/x"), Ok("https://10.0.0.1:6443".to_owned()));
        assert!(canonical_address("http://a").unwrap_err().ends_with("must use https scheme"));
        assert_eq!(canonical_address(""), Err("empty address".to_owned()));
    }
}
