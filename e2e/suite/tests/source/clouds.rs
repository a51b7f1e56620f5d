//! Identities of the cluster, shown to a token service of the test's own; the API server's tokens are real.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kube::api::PostParams;
use serde_json::{Value, json};
use sluice_apis::k8s::ServiceAccount;
use sluice_apis::source::v1::OciRepository;
use sluice_testkit::{ObjectStore, S3Options};

use crate::buckets::Pail;
use crate::objects::Objects;
use crate::support::{World, paths};

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// Amazon's STS, as far as `AssumeRoleWithWebIdentity` goes: notes what it is asked, and gives the keys of the store.
async fn token_service() -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let app = Router::new().fallback(answer).with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, asked)
}

async fn answer(State(asked): State<Arc<Mutex<Vec<String>>>>, body: String) -> String {
    asked.lock().unwrap().push(body);
    let keys = "<AccessKeyId>access</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";
    format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )
}

/// A bucket with one object, which needs keys.
async fn bucket() -> (ObjectStore, Value) {
    let store = ObjectStore::s3(&["apps"], &S3Options::default().keys("access", "secret")).unwrap();
    store.put("apps", "a.yaml", "a: 1\n").await.unwrap();
    let spec = json!({
        "provider": "aws", "bucketName": "apps", "endpoint": store.address(), "insecure": true,
        "region": "us-east-1",
    });
    (store, spec)
}

#[tokio::test]
async fn a_bucket_is_read_with_the_role_of_a_service_account() {
    let pail = Pail::new().await;
    let (_store, mut spec) = bucket().await;
    let (sts, asked) = token_service().await;
    let variables = [("AWS_ENDPOINT_URL_STS", sts.as_str())];
    let gate = "--feature-gates=ObjectLevelWorkloadIdentity=true";
    let _controller = pail.world.controller_with(&[gate], &variables).await;
    spec["serviceAccountName"] = "reader".into();
    pail.create(spec).await;
    let text = pail.failed("AuthenticationFailed").await;
    assert!(text.starts_with("failed to get credential from 'aws': "), "{text}");
    assert!(text.contains("serviceaccounts \"reader\" not found"), "{text}");
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "reader", "annotations": {"eks.amazonaws.com/role-arn": ROLE}},
    });
    let account: ServiceAccount = serde_json::from_value(account).unwrap();
    pail.world.objects().create(&PostParams::default(), &account).await.unwrap();
    let (_, stored) = pail.ready().await;
    assert_eq!(paths(&stored).await, ["a.yaml"]);
    let form = asked.lock().unwrap().first().cloned().unwrap();
    let field = |name: &str| {
        let value = form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        value.unwrap().replace("%3A", ":").replace("%2F", "/")
    };
    assert_eq!(field("Action"), "AssumeRoleWithWebIdentity");
    assert_eq!(field("RoleArn"), ROLE);
    let token = field("WebIdentityToken");
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], json!(["sts.amazonaws.com"]));
    assert_eq!(claims["sub"], format!("system:serviceaccount:{}:reader", pail.world.name()));
}

#[tokio::test]
async fn a_bucket_is_read_with_the_controller_s_identity() {
    let pail = Pail::new().await;
    let (_store, spec) = bucket().await;
    let variables = [("AWS_ACCESS_KEY_ID", "access"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let _controller = pail.world.controller_with(&[], &variables).await;
    pail.create(spec).await;
    pail.ready().await;
    // Without the gate nobody chooses an identity.
    pail.patch(json!({"spec": {"serviceAccountName": "reader"}})).await;
    pail.failed("FeatureGateDisabled").await;
}

/// As in Flux, the request fails that would have been the first with a token.
#[tokio::test]
async fn no_token_goes_to_a_registry_of_somebody_else() {
    let world = World::new().await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    // Anything that answers will do.
    let (address, _) = token_service().await;
    let host = address.trim_start_matches("http://");
    for (provider, cloud) in [("aws", "AWS"), ("azure", "Azure"), ("gcp", "GCP")] {
        let spec = json!({"url": format!("oci://{host}/org/app"), "provider": provider});
        objects.create(provider, spec).await;
        let text = objects.failed(provider, "OCIArtifactPullFailed").await;
        let start = format!(
            "failed to determine artifact digest: Get \"{address}/v2/org/app/manifests/latest\": invalid {cloud} registry: '{host}'. must match "
        );
        assert!(text.starts_with(&start), "{text}");
    }
}
