//! Amazon: credentials, key service, clusters.

mod credentials;
mod sign;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(crate) use credentials::resolve;
pub use credentials::{Credentials, credentials, static_credentials};
use credentials::{assume_role, lifetime};
pub(crate) use sign::{presign, sign_git};

use crate::http::{client, send_json, text_at};
use crate::identity::{Identity, Memo, variable};
use sign::Request;

/// Where a service is asked, unless a variable says otherwise.
pub(crate) fn endpoint(service: &str, region: &str) -> String {
    let own = format!("AWS_ENDPOINT_URL_{}", service.to_ascii_uppercase().replace('-', "_"));
    variable(&own).or_else(|| variable("AWS_ENDPOINT_URL")).unwrap_or_else(|| {
        let domain = match region.split('-').next() {
            Some("cn") => "amazonaws.com.cn",
            Some("eusc") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        format!("https://{service}.{region}.{domain}")
    })
}

/// The region of a key's ARN: `arn:aws:kms:REGION:ACCOUNT:key/ID`.
fn region(arn: &str) -> Result<&str, String> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, "kms", region, _, key]
            if partition.starts_with("aws")
                // It becomes a part of a host's name.
                && !region.is_empty()
                && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && (key.starts_with("key/") || key.starts_with("alias/")) =>
        {
            Ok(region)
        }
        _ => Err(format!("no valid ARN found in '{arn}'")),
    }
}

/// Decrypts a data key.
pub(crate) async fn decrypt(
    (identity, memo): (&Identity<Credentials>, &Memo<Credentials>),
    arn: &str,
    role: Option<&str>,
    context: &std::collections::BTreeMap<String, String>,
    encrypted: &str,
) -> Result<Vec<u8>, String> {
    let region = region(arn)?;
    let fail = |error: String| format!("failed to decrypt sops data key with AWS KMS: {error}");
    let mut credentials = memo.get(region, credentials(identity, region)).await.map_err(fail)?;
    if let Some(role) = role {
        let assumed = async {
            let assumed = assume_role(&credentials, role, region).await?;
            let left = lifetime(&assumed);
            Ok((assumed, left))
        };
        let assumed = memo.get(&format!("{region} {role}"), assumed).await;
        credentials = assumed.map_err(|error| format!("failed to assume role '{role}': {error}"))?;
    }
    let mut body = json!({"KeyId": arn, "CiphertextBlob": encrypted.trim()});
    if !context.is_empty() {
        body["EncryptionContext"] = json!(context);
    }
    let endpoint = endpoint("kms", region);
    let request = Request {
        method: "POST",
        url: &endpoint,
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", "TrentService.Decrypt".to_owned()),
        ],
        body: body.to_string().into_bytes(),
    };
    let request = sign::signed(&client()?, request, "kms", region, &credentials).map_err(fail)?;
    let answer: Value = send_json(request, message).await.map_err(fail)?;
    let plain = answer["Plaintext"].as_str().and_then(|text| STANDARD.decode(text).ok());
    plain.ok_or_else(|| fail("the answer holds no plain text".to_owned()))
}

/// What the service says of a cluster.
pub(crate) async fn describe_cluster(
    credentials: &Credentials,
    region: &str,
    name: &str,
) -> Result<Value, String> {
    let url = format!("{}/clusters/{name}", endpoint("eks", region).trim_end_matches('/'));
    let request = Request { method: "GET", url: &url, headers: Vec::new(), body: Vec::new() };
    send_json(sign::signed(&client()?, request, "eks", region, credentials)?, message).await
}

/// Asks for a token for private registries, or for the public one.
pub(crate) async fn registry_token(
    credentials: &Credentials,
    region: &str,
    public: bool,
) -> Result<Value, String> {
    let (service, target) = if public {
        ("ecr-public", "SpencerFrontendService.GetAuthorizationToken")
    } else {
        ("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
    };
    // Unlike those of other services, the hosts have a part before the service's name.
    let endpoint = endpoint(service, region).replacen(
        &format!("https://{service}."),
        &format!("https://api.{service}."),
        1,
    );
    let request = Request {
        method: "POST",
        url: &endpoint,
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", target.to_owned()),
        ],
        body: b"{}".to_vec(),
    };
    send_json(sign::signed(&client()?, request, service, region, credentials)?, message).await
}

/// What the services say in JSON.
pub(crate) fn message(answer: &Value) -> Option<String> {
    let kind =
        text_at(answer, &["__type"]).map(|kind| kind.rsplit('#').next().unwrap_or_default().to_owned());
    let text = text_at(answer, &["message"]).or_else(|| text_at(answer, &["Message"]));
    match (kind, text) {
        (Some(kind), Some(text)) => Some(format!("{kind}: {text}")),
        (kind, text) => kind.or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_regions() {
        assert_eq!(region("arn:aws:kms:eu-west-1:123:key/abc"), Ok("eu-west-1"));
        assert_eq!(region("arn:aws-us-gov:kms:us-gov-west-1:123:alias/a"), Ok("us-gov-west-1"));
        assert!(region("arn:aws:s3:::bucket").is_err());
        assert!(region("arn:aws:kms:evil.example/:123:key/abc").is_err());
        assert!(region("key").is_err());
    }
}
