//! Ways to a registry: pull secrets of service accounts, certificates of both sides, proxies.

use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use sluice_apis::k8s::{Secret, ServiceAccount};
use sluice_apis::source::v1::OciRepository;
use sluice_testkit::{GitOptions, GitServer, PushedArtifact, Registry, RegistryOptions};

use crate::objects::{Objects, tarball};
use crate::support::{World, paths};

async fn stocked(options: &RegistryOptions) -> Registry {
    let registry = Registry::start_with(options).unwrap();
    let artifact = PushedArtifact::flux(tarball(&[("a.yaml", "a: 1\n")]));
    registry.push("org/app", "latest", &artifact).await.unwrap();
    registry
}

fn spec(registry: &Registry, mut more: Value) -> Value {
    more["url"] = format!("oci://{}/org/app", registry.address()).into();
    more
}

#[tokio::test]
async fn a_service_account_brings_its_pull_secrets() {
    let world = World::new().await;
    let registry = stocked(&RegistryOptions::default().basic("u", "p4ss-word").token()).await;
    let controller = world.controller(&[]).await;
    let config = json!({"auths": {registry.address(): {"username": "u", "password": "p4ss-word"}}});
    let secrets: Api<Secret> = world.objects();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"},
        "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config.to_string()},
    });
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
    let objects = Objects::<OciRepository>::of(&world);
    objects.create("app", spec(&registry, json!({"insecure": true, "serviceAccountName": "puller"}))).await;
    let text = objects.failed("app", "AuthenticationFailed").await;
    assert!(text.contains("puller") && text.contains("not found"), "{text}");

    // An account without secrets is nobody.
    let accounts: Api<ServiceAccount> = world.objects();
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "puller"}});
    accounts.create(&PostParams::default(), &serde_json::from_value(account).unwrap()).await.unwrap();
    let text = objects.failed("app", "OCIArtifactPullFailed").await;
    assert!(text.contains("401") || text.contains("UNAUTHORIZED"), "{text}");
    let pulls = json!({"imagePullSecrets": [{"name": "pull"}]});
    world.patch_object(&accounts, "puller", &pulls).await;
    assert_eq!(paths(&objects.ready("app").await).await, ["a.yaml"]);
    assert!(!controller.log().contains("p4ss-word"));
}

#[tokio::test]
async fn both_sides_show_certificates() {
    let world = World::new().await;
    let registry = stocked(&RegistryOptions::default().mutual_tls()).await;
    let _controller = world.controller(&[]).await;
    let objects = Objects::<OciRepository>::of(&world);
    objects.create("app", spec(&registry, json!({}))).await;
    // Its authority is none of the public ones.
    let text = objects.failed("app", "OCIArtifactPullFailed").await;
    assert!(text.contains("certificate"), "{text}");
    objects.patch("app", json!({"spec": {"certSecretRef": {"name": "certs"}}})).await;
    let text = objects.failed("app", "AuthenticationFailed").await;
    assert!(text.ends_with("/certs' not found"), "{text}");
    let (authority, (certificate, key)) = (registry.ca().unwrap(), registry.client_certificate().unwrap());
    world.secret("certs", &[("ca.crt", &authority), ("tls.crt", &certificate)]).await;
    let half = |object: &OciRepository| {
        let text = sluice_apis::conditions::message(object, "Ready").unwrap_or_default();
        text.contains("tls.key")
    };
    objects.until("app", half).await;
    // The authority alone: the registry wants to know who asks.
    world.secret("certs", &[("ca.crt", &authority)]).await;
    objects.failed("app", "OCIArtifactPullFailed").await;
    world.secret("certs", &[("ca.crt", &authority), ("tls.crt", &certificate), ("tls.key", &key)]).await;
    assert_eq!(paths(&objects.ready("app").await).await, ["a.yaml"]);
}

#[tokio::test]
async fn a_proxy_is_asked_with_its_own_credentials() {
    let world = World::new().await;
    let registry = stocked(&RegistryOptions::default()).await;
    // The Git server's proxy forwards anything.
    let proxy = GitServer::start(&GitOptions::default().proxy_with("px", "pr0xy-word")).unwrap();
    let controller = world.controller(&[]).await;
    let address = proxy.proxy_url().unwrap();
    let objects = Objects::<OciRepository>::of(&world);
    let spec = spec(&registry, json!({"insecure": true, "proxySecretRef": {"name": "proxy"}}));
    objects.create("app", spec).await;
    let text = objects.failed("app", "AuthenticationFailed").await;
    assert!(text.starts_with("failed to get proxy address: "), "{text}");
    world.secret("proxy", &[("address", address), ("username", "px"), ("password", "wr0ng-word")]).await;
    let text = objects.failed("app", "OCIArtifactPullFailed").await;
    assert!(text.contains("407"), "{text}");
    assert_eq!(registry.requests().unwrap().len(), 0, "nothing goes around the proxy");
    world.secret("proxy", &[("address", address), ("username", "px"), ("password", "pr0xy-word")]).await;
    assert_eq!(paths(&objects.ready("app").await).await, ["a.yaml"]);
    let forwarded = proxy.requests().unwrap().into_iter().filter(|request| request.via == "proxy");
    assert!(forwarded.filter(|request| request.status == 200).count() >= 3);
    let log = controller.log();
    assert!(!log.contains("pr0xy-word") && !log.contains("wr0ng-word"), "a password was told");
}
