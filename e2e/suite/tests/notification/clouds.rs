//! Identities that services of clouds are shown: token services and APIs of the tests' own, tokens of the real API server.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, Uri},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{PATIENCE, World};

const GATE: &str = "--feature-gates=ObjectLevelWorkloadIdentity=true";

/// A request of the controller.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    path: String,
    authorization: String,
    body: String,
}

type Log = Arc<Mutex<Vec<Asked>>>;

/// Entra ID, Google's STS, Azure DevOps and Pub/Sub as far as they are spoken to: notes what it is asked.
async fn cloud() -> (String, Log) {
    let log = Log::default();
    let app = Router::new().fallback(answer).with_state(Arc::clone(&log));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, log)
}

async fn answer(
    State(log): State<Log>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> String {
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let path = uri.path().to_owned();
    let answer = match path.as_str() {
        _ if path.ends_with("/oauth2/v2.0/token") => {
            json!({"access_token": "entra-token", "expires_in": 3600})
        }
        "/v1/token" => json!({"access_token": "google-token", "expires_in": 3600}),
        _ if path.ends_with("/statuses") && method == Method::GET => json!({"count": 0, "value": []}),
        _ => json!({}),
    };
    log.lock().unwrap().push(Asked { method, path, authorization: authorization.unwrap_or_default(), body });
    answer.to_string()
}

async fn until(log: &Log, check: impl Fn(&Asked) -> bool) -> Asked {
    let began = std::time::Instant::now();
    loop {
        let found = log.lock().unwrap().iter().find(|asked| check(asked)).cloned();
        if let Some(found) = found {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never asked; {:#?}", log.lock().unwrap());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn field(form: &str, name: &str) -> String {
    let value = form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    value.unwrap_or_default().replace("%3A", ":").replace("%2F", "/")
}

/// For whom a token of the API server is good.
fn claims(token: &str) -> Value {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

async fn account(world: &World, annotations: Value) {
    let api = world.namespace.objects("v1", "ServiceAccount");
    let object = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sender", "annotations": annotations},
    });
    let object = serde_json::from_value(object).unwrap();
    api.create(&kube::api::PostParams::default(), &object).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn azure_devops_is_shown_the_identity_of_a_service_account() {
    let (cloud, log) = cloud().await;
    let world = World::with_environment("azure", &[GATE], &[("AZURE_AUTHORITY_HOST", &cloud)]).await;
    let provider = |account: &str| {
        let address = format!("{cloud}/org/proj/_git/repo");
        json!({"type": "azuredevops", "address": address, "serviceAccountName": account})
    };
    let annotations = json!({
        "azure.workload.identity/tenant-id": "the-tenant", "azure.workload.identity/client-id": "the-client",
    });
    account(&world, annotations).await;
    world.alert("devops", "Kustomization", provider("sender")).await;
    world.alert("missing", "Kustomization", provider("absent")).await;
    let mut event = world.event("Kustomization", "info", "applied");
    event["metadata"]["kustomize.toolkit.fluxcd.io/revision"] =
        format!("main@sha1:{}", "a".repeat(40)).into();
    world.post(&event).await;
    let told = world.until_told("missing", "failed to get token for azure devops: ").await;
    assert!(told.contains("serviceaccounts \"absent\" not found"), "{told}");
    let asked = until(&log, |asked| asked.path == "/the-tenant/oauth2/v2.0/token").await;
    assert_eq!(field(&asked.body, "client_id"), "the-client");
    assert_eq!(field(&asked.body, "scope"), "499b84ac-1321-427f-aa17-267ca6975798/.default");
    let claims = claims(&field(&asked.body, "client_assertion"));
    assert_eq!(claims["aud"], json!(["api://AzureADTokenExchange"]));
    assert_eq!(claims["sub"], format!("system:serviceaccount:{}:sender", world.namespace.name()));
    let posted = until(&log, |asked| asked.method == Method::POST && asked.path.ends_with("/statuses")).await;
    assert_eq!(posted.authorization, "Bearer entra-token");

    // The token is kept, and that is counted.
    let labels = |event: &'static str| {
        [("event_type", event), ("kind", "Provider"), ("name", "devops"), ("operation", "post")]
    };
    let metrics = world.controller.metrics().await.unwrap();
    assert!(metrics.sum("gotk_token_cache_events_total", &labels("cache_miss")) >= Some(1.0));
    assert_eq!(metrics.sum("gotk_token_cached_items", &[]), Some(1.0));
    assert!(metrics.sum("gotk_token_cache_requests_total", &[("status", "failure")]) >= Some(1.0));
    assert!(metrics.sum("gotk_token_cache_requests_total", &[("status", "success")]) >= Some(1.0));
    let exchanges = || log.lock().unwrap().iter().filter(|asked| asked.path.ends_with("/token")).count();
    let before = exchanges();
    let posts = || log.lock().unwrap().iter().filter(|asked| asked.method == Method::POST).count();
    let (sent, mut number) = (posts(), 0);
    while posts() == sent {
        number += 1;
        event["message"] = format!("and again {number}").into();
        world.post(&event).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(exchanges(), before);
    let metrics = world.controller.metrics().await.unwrap();
    assert!(metrics.sum("gotk_token_cache_events_total", &labels("cache_hit")) >= Some(1.0));
    assert!(!world.controller.log().contains("entra-token"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pub_sub_is_shown_the_identity_of_a_service_account() {
    let (cloud, log) = cloud().await;
    let sts = format!("{cloud}/");
    let variables =
        [("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS", &*sts), ("CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB", &*cloud)];
    let world = World::with_environment("google", &[GATE], &variables).await;
    let pool = "projects/1/locations/global/workloadIdentityPools/p/providers/c";
    account(&world, json!({"gcp.auth.fluxcd.io/workload-identity-provider": pool})).await;
    let provider = json!({
        "type": "googlepubsub", "address": "my-project", "channel": "flux", "serviceAccountName": "sender",
    });
    world.alert("pubsub", "Kustomization", provider).await;
    world.post(&world.event("Kustomization", "info", "applied")).await;
    let asked = until(&log, |asked| asked.path == "/v1/token").await;
    assert_eq!(field(&asked.body, "audience"), format!("//iam.googleapis.com/{pool}"));
    let claims = claims(&field(&asked.body, "subject_token"));
    assert_eq!(claims["sub"], format!("system:serviceaccount:{}:sender", world.namespace.name()));
    let sent = until(&log, |asked| asked.path == "/v1/projects/my-project/topics/flux:publish").await;
    assert_eq!(sent.authorization, "Bearer google-token");
    assert!(!world.controller.log().contains("google-token"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_credentials_the_machine_s_identity_is_asked_for() {
    let (cloud, log) = cloud().await;
    // What Azure's own libraries read.
    let variables = [
        ("AZURE_AUTHORITY_HOST", cloud.as_str()),
        ("AZURE_TENANT_ID", "own-tenant"),
        ("AZURE_CLIENT_ID", "own-client"),
        ("AZURE_CLIENT_SECRET", "own-s3cret"),
    ];
    let world = World::with_environment("machine", &[], &variables).await;
    let provider = json!({"type": "azureeventhub", "address": "hub", "channel": "127.0.0.1:1"});
    world.alert("hub", "Kustomization", provider).await;
    world.post(&world.event("Kustomization", "info", "applied")).await;
    let asked = until(&log, |asked| asked.path == "/own-tenant/oauth2/v2.0/token").await;
    assert_eq!(field(&asked.body, "scope"), "https://eventhubs.azure.net/.default");
    assert_eq!(field(&asked.body, "client_secret"), "own-s3cret");
    // Nobody listens at the hub's place.
    world.until_told("hub", "failed to send msg: ").await;
    assert!(!world.controller.log().contains("own-s3cret"));
}
