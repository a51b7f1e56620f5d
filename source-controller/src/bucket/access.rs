//! Phase: how to get at the bucket.

use sluice_apis::source::v1::{Bucket, BucketProvider, BucketSts, BucketStsProvider};
use sluice_auth::cloud::{CloudAccess, gate_message};
use sluice_auth::secrets::{self, Data};
use sluice_bucket::{
    Access, Azure, AzureAuth, AzureProof, Credentials, Error, Gcs, GcsAuth, S3, assume_role_with_ldap,
    azure_token, google_token,
};
use sluice_http::Tls;
use sluice_runtime::Pass;
use url::Url;

use super::BucketReconciler;
use crate::conditions::reasons::{
    AUTHENTICATION_FAILED, BUCKET_OPERATION_FAILED, FEATURE_GATE_DISABLED, INVALID_STS_CONFIGURATION,
    UNSUPPORTED_FIELD, URL_INVALID,
};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::kind::SourceKind;

/// The Secrets that the spec names, read.
struct Secrets {
    credentials: Option<Data>,
    sts: Option<Data>,
    access: Access,
    sts_access: Access,
}

impl BucketReconciler {
    /// The bucket with credentials, certificates and proxy as the spec and its Secrets say, and where it is.
    pub(super) async fn bucket(&self, pass: &Pass<Bucket>) -> Result<(sluice_bucket::Bucket, Url), Failure> {
        let bucket = async {
            self.check_gate(&pass.object)?;
            let secrets = read(pass).await.map_err(unauthenticated)?;
            match &pass.object.spec.provider {
                BucketProvider::Gcp => gcs(&pass.object, &secrets, &self.clouds).await,
                BucketProvider::Azure => azure(&pass.object, &secrets, &self.clouds).await,
                BucketProvider::Aws | BucketProvider::Generic => {
                    s3(&pass.object, &secrets, &self.clouds).await
                }
                BucketProvider::Other(provider) => Err(Failure::stall(
                    UNSUPPORTED_FIELD,
                    format!("spec.provider '{provider}' is not known: use generic, aws, gcp or azure"),
                )),
            }
        };
        let bucket = bucket.await.map_err(|failure: Failure| failure.with_condition(FETCH_FAILED))?;
        let url = place(&pass.object).map_err(|failure| failure.with_condition(FETCH_FAILED))?;
        Ok((bucket, url))
    }

    fn check_gate(&self, object: &Bucket) -> Result<(), Failure> {
        let permitted = self.clouds.permits(object.spec.service_account_name.as_deref());
        if object.spec.provider == BucketProvider::Generic || permitted {
            return Ok(());
        }
        Err(Failure::stall(FEATURE_GATE_DISABLED, gate_message("spec.serviceAccountName")))
    }
}

fn unauthenticated(error: impl std::fmt::Display) -> Failure {
    Failure::retry(AUTHENTICATION_FAILED, error)
}

/// Where requests go, for the lanes.
fn place(object: &Bucket) -> Result<Url, Failure> {
    let endpoint = &object.spec.endpoint;
    let url = match object.spec.provider {
        // There is one only, whatever the endpoint says.
        BucketProvider::Gcp => "https://storage.googleapis.com/".to_owned(),
        _ if endpoint.contains("://") => endpoint.clone(),
        _ => format!("https://{endpoint}/"),
    };
    Url::parse(&url).map_err(|error| unauthenticated(format!("unable to parse endpoint URL: {error}")))
}

async fn read(pass: &Pass<Bucket>) -> Result<Secrets, String> {
    let (client, spec, namespace) = (pass.client(), &pass.object.spec, pass.object.namespace());
    let data = |name: String, what: &'static str| async move {
        secrets::read(client, namespace, &name)
            .await
            .map_err(|error| format!("failed to get {what} '{namespace}/{name}': {}", error.cause()))
    };
    let tls = |name: String, what: &'static str| async move {
        let data = secrets::read(client, namespace, &name).await;
        let data = data.map_err(|error| format!("failed to get {what}: {error}"))?;
        secrets::tls(&data, namespace, &name).map_err(|error| format!("failed to get {what}: {error}"))
    };
    let mut read =
        Secrets { credentials: None, sts: None, access: Access::default(), sts_access: Access::default() };
    if let Some(reference) = &spec.secret_ref {
        read.credentials = Some(data(reference.name.clone(), "secret").await?);
    }
    if let Some(reference) = spec.sts.as_ref().and_then(|sts| sts.secret_ref.as_ref()) {
        read.sts = Some(data(reference.name.clone(), "STS secret").await?);
    }
    if let Some(reference) = &spec.proxy_secret_ref {
        let name = &reference.name;
        let failed = |error: String| format!("failed to get proxy URL: {error}");
        let data = secrets::read(client, namespace, name).await.map_err(|e| failed(e.to_string()))?;
        let proxy = secrets::proxy(&data, namespace, name).map_err(failed)?;
        read.access.proxy = Some(proxy.clone());
        read.sts_access.proxy = Some(proxy);
    }
    if let Some(reference) = &spec.cert_secret_ref {
        read.access.tls = tls(reference.name.clone(), "TLS config").await?;
    }
    if let Some(reference) = spec.sts.as_ref().and_then(|sts| sts.cert_secret_ref.as_ref()) {
        read.sts_access.tls = tls(reference.name.clone(), "STS TLS config").await?;
    }
    Ok(read)
}

fn text(data: &Data, key: &str) -> Option<String> {
    data.get(key).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn secret_name(object: &Bucket) -> &str {
    object.spec.secret_ref.as_ref().map(|reference| reference.name.as_str()).unwrap_or_default()
}

async fn s3(
    object: &Bucket,
    secrets: &Secrets,
    clouds: &CloudAccess,
) -> Result<sluice_bucket::Bucket, Failure> {
    let spec = &object.spec;
    let mut credentials = None;
    if let Some(data) = &secrets.credentials {
        let (Some(access_key), Some(secret_key)) = (text(data, "accesskey"), text(data, "secretkey")) else {
            return Err(unauthenticated(format!(
                "invalid '{}' secret data: required fields 'accesskey' and 'secretkey'",
                secret_name(object)
            )));
        };
        // Empty ones mean to ask anonymously.
        credentials = (!access_key.is_empty() && !secret_key.is_empty()).then_some(Credentials {
            access_key,
            secret_key,
            session_token: None,
        });
    }
    if let Some(sts) = &spec.sts {
        let ldap = check_sts(object, sts, secrets)?;
        if let (None, Some((username, password))) = (&secrets.credentials, ldap) {
            let endpoint = Url::parse(&sts.endpoint).map_err(|error| {
                let message = format!("failed to parse STS endpoint '{}': {error}", sts.endpoint);
                Failure::stall(URL_INVALID, message)
            })?;
            let temporary = assume_role_with_ldap(&endpoint, &username, &password, &secrets.sts_access).await;
            credentials = Some(temporary.map_err(|error| not_there(object, &error))?);
        }
    }
    if spec.provider == BucketProvider::Aws && secrets.credentials.is_none() {
        let region = spec.region.as_deref().filter(|region| !region.is_empty()).unwrap_or("us-east-1");
        let keys = clouds.s3(region, object.asker(), spec.service_account_name.as_deref()).await;
        let (access_key, secret_key, session_token) = keys.map_err(|error| no_identity("aws", &error))?;
        credentials = Some(Credentials { access_key, secret_key, session_token });
    }
    let mut access = secrets.access.clone();
    if spec.insecure {
        access.tls = Tls::default();
    }
    let region = spec.region.as_deref();
    let s3 = S3::new(&spec.endpoint, spec.insecure, &spec.bucket_name, region, credentials, &access);
    s3.map(sluice_bucket::Bucket::S3).map_err(unauthenticated)
}

/// The user of the token service, if there is one to ask.
fn check_sts(
    object: &Bucket,
    sts: &BucketSts,
    secrets: &Secrets,
) -> Result<Option<(String, String)>, Failure> {
    let provider = &object.spec.provider;
    let invalid = |message: String| Err(Failure::stall(INVALID_STS_CONFIGURATION, message));
    match (provider, &sts.provider) {
        (BucketProvider::Aws, BucketStsProvider::Aws) => {
            for (field, set) in
                [("secretRef", sts.secret_ref.is_some()), ("certSecretRef", sts.cert_secret_ref.is_some())]
            {
                if set {
                    return invalid(format!("spec.sts.{field} is not required for the 'aws' STS provider"));
                }
            }
        }
        (BucketProvider::Generic, BucketStsProvider::Ldap) => {}
        (BucketProvider::Aws | BucketProvider::Generic, other) => {
            return invalid(format!(
                "STS provider '{other}' is not supported for '{provider}' bucket provider"
            ));
        }
        _ => return invalid(format!("STS configuration is not supported for '{provider}' bucket provider")),
    }
    if Url::parse(&sts.endpoint).is_err() {
        let message = format!("failed to parse STS endpoint '{}'", sts.endpoint);
        return Err(Failure::stall(URL_INVALID, message));
    }
    if sts.provider != BucketStsProvider::Ldap {
        return Ok(None);
    }
    let Some(data) = &secrets.sts else { return Ok(Some((String::new(), String::new()))) };
    let name = sts.secret_ref.as_ref().map(|reference| reference.name.as_str()).unwrap_or_default();
    let field = |key: &str| text(data, key).filter(|value| !value.is_empty());
    match (field("username"), field("password")) {
        (Some(username), Some(password)) => Ok(Some((username, password))),
        _ => Err(unauthenticated(format!(
            "invalid '{name}' secret data for 'ldap' STS provider: required fields username, password"
        ))),
    }
}

async fn gcs(
    object: &Bucket,
    secrets: &Secrets,
    clouds: &CloudAccess,
) -> Result<sluice_bucket::Bucket, Failure> {
    let emulator = std::env::var("STORAGE_EMULATOR_HOST").ok().filter(|host| !host.is_empty());
    let auth = match &secrets.credentials {
        Some(data) => {
            let key = data.get("serviceaccount").ok_or_else(|| {
                unauthenticated(format!(
                    "invalid '{}' secret data: required fields 'serviceaccount'",
                    secret_name(object)
                ))
            })?;
            let token =
                google_token(key, &secrets.access).await.map_err(|error| not_there(object, &error))?;
            GcsAuth::Token(token)
        }
        // Whatever plays Google asks for nothing.
        None if emulator.is_some() => GcsAuth::Anonymous,
        None => {
            let token = clouds.gcp(object.asker(), object.spec.service_account_name.as_deref()).await;
            GcsAuth::Token(token.map_err(|error| no_identity("gcp", &error))?)
        }
    };
    let gcs = Gcs::new(&object.spec.bucket_name, emulator.as_deref(), auth, &secrets.access);
    gcs.map(sluice_bucket::Bucket::Gcs).map_err(unauthenticated)
}

async fn azure(
    object: &Bucket,
    secrets: &Secrets,
    clouds: &CloudAccess,
) -> Result<sluice_bucket::Bucket, Failure> {
    let auth = if let Some(data) = &secrets.credentials {
        azure_auth(object, data, &secrets.access).await?
    } else {
        let account = object.spec.service_account_name.as_deref();
        let token = clouds.azure_blob(object.asker(), account).await;
        AzureAuth::Token(token.map_err(|error| no_identity("azure", &error))?)
    };
    let spec = &object.spec;
    let azure = Azure::new(&spec.endpoint, &spec.bucket_name, auth, &secrets.access);
    azure.map(sluice_bucket::Bucket::Azure).map_err(unauthenticated)
}

async fn azure_auth(object: &Bucket, data: &Data, access: &Access) -> Result<AzureAuth, Failure> {
    let field = |key: &str| text(data, key);
    let name = secret_name(object);
    let known = ["clientId", "accountKey", "sasKey", "authorityHost"];
    if !known.iter().any(|key| data.contains_key(*key)) {
        return Err(unauthenticated(format!(
            "invalid '{name}' secret data: requires a 'clientId' or 'accountKey' field, a combination of 'tenantId', 'clientId' and 'clientSecret', or 'tenantId', 'clientId' and 'clientCertificate'"
        )));
    }
    let authority = field("authorityHost");
    if let (Some(tenant), Some(client)) = (field("tenantId"), field("clientId")) {
        let (secret, certificate) = (field("clientSecret"), data.get("clientCertificate"));
        let secret = secret.filter(|secret| !secret.is_empty());
        let proof = match (&secret, certificate.filter(|certificate| !certificate.is_empty())) {
            (Some(secret), _) => Some(AzureProof::Secret(secret)),
            (None, Some(certificate)) => Some(AzureProof::Certificate(certificate)),
            (None, None) => None,
        };
        if let Some(proof) = proof {
            let token = azure_token(&tenant, &client, proof, authority.as_deref(), access).await;
            let token = token.map_err(|error| not_there(object, &error))?;
            return Ok(AzureAuth::Token(token));
        }
    }
    if data.contains_key("clientId") {
        return Err(no_machine("'accountKey', 'sasKey' or 'clientSecret'"));
    }
    if let Some(key) = field("accountKey") {
        return Ok(AzureAuth::SharedKey(key));
    }
    field("sasKey").map(AzureAuth::Sas).ok_or_else(|| no_machine("'accountKey' or 'sasKey'"))
}

/// The identity of the controller or of a service account gives no credentials.
fn no_identity(provider: &str, error: &str) -> Failure {
    unauthenticated(format!("failed to get credential from '{provider}': {error}"))
}

/// A managed identity that a Secret names is asked for.
fn no_machine(keys: &str) -> Failure {
    Failure::stall(
        UNSUPPORTED_FIELD,
        format!(
            "a managed identity in spec.secretRef is not supported by this version of the controller: give a Secret with {keys}"
        ),
    )
}

/// A token service does not answer, or refuses.
fn not_there(object: &Bucket, error: &Error) -> Failure {
    let bucket = &object.spec.bucket_name;
    let message = format!("failed to confirm existence of '{bucket}' bucket: {error}");
    Failure::retry(BUCKET_OPERATION_FAILED, message)
}
