//! The kit against itself: each server does what the tests that use it rely on.

use std::time::Duration;

use anyhow::Result;
use kube::{Api, api::ListParams};
use serde_json::json;
use sluice_apis::k8s::api::{apps::v1::Deployment, batch::v1::Job, core::v1::ConfigMap};
use sluice_testkit::{
    ControlPlane, EventSink, GitOptions, GitServer, Options, Registry, wait_for, wait_gone,
};

const TIMEOUT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn workloads_come_to_their_end() -> Result<()> {
    let namespace = ControlPlane::shared()?.namespace("workloads").await?;
    namespace
        .apply(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2,
               selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},
               spec: {containers: [{name: web, image: web}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: broken}, spec: {
   selector: {matchLabels: {app: broken}}, template: {metadata: {labels: {app: broken, sluice.dev/e2e-pod: crash-loop}},
   spec: {containers: [{name: web, image: web}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: once}, spec: {template: {
   spec: {restartPolicy: Never, containers: [{name: once, image: once}]}}}}
",
        )
        .await?;
    wait_for(&namespace.api::<Deployment>(), "web", TIMEOUT, |web| {
        web.and_then(|web| web.status.as_ref()).and_then(|status| status.available_replicas) == Some(2)
    })
    .await?;
    wait_for(&namespace.api::<Job>(), "once", TIMEOUT, |job| {
        job.and_then(|job| job.status.as_ref()).and_then(|status| status.succeeded) == Some(1)
    })
    .await?;
    let pods = namespace.objects("v1", "Pod").list(&ListParams::default().labels("app=broken")).await?;
    let broken = wait_for(
        &namespace.objects("v1", "Pod"),
        pods.items[0].metadata.name.as_ref().unwrap(),
        TIMEOUT,
        |pod| {
            pod.is_some_and(|pod| {
                pod.data["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            })
        },
    )
    .await?;
    assert!(broken.is_some());
    Ok(())
}

#[tokio::test]
async fn a_wait_that_fails_tells_the_last_state() -> Result<()> {
    let namespace = ControlPlane::shared()?.namespace("waits").await?;
    namespace.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: seen}, data: {key: value}}").await?;
    let api = namespace.api::<ConfigMap>();
    let error = wait_for(&api, "seen", Duration::from_millis(500), |_| false).await.unwrap_err().to_string();
    assert!(error.contains("\"key\": \"value\""), "{error}");
    let error = wait_for(&api, "absent", Duration::from_millis(500), |map| map.is_some()).await.unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
    namespace.kubectl(&["delete", "configmap", "seen"]).await?;
    wait_gone(&api, "seen", TIMEOUT).await
}

#[tokio::test]
async fn users_have_the_rights_they_were_given() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    let namespace = cluster.namespace("rights").await?;
    let user = format!("system:serviceaccount:{}:default", namespace.name());
    let client = cluster.client_as(Some(&user)).await?;
    let forbidden = Api::<ConfigMap>::namespaced(client, namespace.name()).list(&ListParams::default()).await;
    assert!(matches!(forbidden, Err(kube::Error::Api(status)) if status.code == 403));
    Ok(())
}

#[tokio::test]
async fn writes_are_audited_and_control_planes_run_side_by_side() -> Result<()> {
    let own = ControlPlane::start(Options { nodes: 0, audit: true })?;
    let namespace = own.namespace("audit").await?;
    namespace.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: noted}}").await?;
    let events = own.audit_events()?;
    let noted =
        |event: &&serde_json::Value| event["verb"] == "patch" && event["objectRef"]["name"] == "noted";
    let event = events.iter().find(noted).expect("the apply is recorded");
    assert_eq!(event["requestObject"]["kind"], "ConfigMap");
    let elsewhere = ControlPlane::shared()?.kubectl(&["get", "namespace", namespace.name()]).await;
    assert!(elsewhere.unwrap_err().to_string().contains("not found"));
    Ok(())
}

#[tokio::test]
async fn the_crds_of_the_project_install() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let kinds =
        cluster.kubectl(&["api-resources", "--api-group=kustomize.toolkit.fluxcd.io", "-o", "name"]).await?;
    assert!(kinds.contains("kustomizations.kustomize.toolkit.fluxcd.io"), "{kinds}");
    Ok(())
}

#[test]
fn repositories_are_served_over_http_and_their_history_is_reproducible() -> Result<()> {
    let server = GitServer::start(&GitOptions::default().basic("user", "secret").proxy())?;
    let first = server.repository("one")?;
    let second = server.repository("two")?;
    let commit = first.commit("first", &[("a/b.yaml", Some("x"))])?;
    assert_eq!(commit, second.commit("first", &[("a/b.yaml", Some("x"))])?);
    first.tag("v1", Some("release"))?;
    let later = first.commit("second", &[("a/b.yaml", None), ("c", Some("y"))])?;
    first.reset(&commit)?;
    assert_ne!(commit, later);

    let url = server.http_url("one")?;
    let refused = first.git(&["-c", "credential.helper=", "-c", "core.askPass=true", "ls-remote", &url]);
    assert!(refused.is_err());
    let url = url.replace("://", "://user:secret@");
    let refs = first.git(&["-c", &format!("http.proxy={}", server.proxy_url()?), "ls-remote", &url])?;
    assert!(refs.contains(&format!("{commit}\trefs/heads/main")), "{refs}");
    assert!(refs.contains("refs/tags/v1^{}"), "{refs}");
    assert_eq!(server.fetches("one")?, 1);
    let requests = server.requests()?;
    assert!(requests.iter().any(|request| request.via == "proxy"));
    assert!(requests.iter().any(|request| request.status == 401));
    assert!(requests.iter().any(|request| request.user == "user" && request.status == 200));
    Ok(())
}

#[test]
fn repositories_are_served_over_ssh_and_mutual_tls() -> Result<()> {
    let server = GitServer::start(&GitOptions::default().mutual_tls().ssh())?;
    let repository = server.repository("app")?;
    let commit = repository.commit("first", &[("file", Some("x"))])?;
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: String| -> Result<String> {
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(path.to_str().unwrap().to_owned())
    };

    let (certificate, key) = server.client_certificate()?;
    let ca = format!("http.sslCAInfo={}", write("ca", server.ca()?)?);
    let certificate = format!("http.sslCert={}", write("crt", certificate)?);
    let key = format!("http.sslKey={}", write("key", key)?);
    let url = server.https_url("app")?;
    assert!(repository.git(&["-c", &ca, "ls-remote", &url]).is_err());
    let refs = repository.git(&["-c", &ca, "-c", &certificate, "-c", &key, "ls-remote", &url])?;
    assert!(refs.starts_with(&commit), "{refs}");

    let identity = write("id", server.ssh_identity()?)?;
    let hosts = write("hosts", server.known_hosts()?)?;
    let ssh = format!(
        "core.sshCommand=ssh -F none -i {identity} -o IdentitiesOnly=yes -o UserKnownHostsFile={hosts}"
    );
    let refs = repository.git(&["-c", &ssh, "ls-remote", &server.ssh_url("app")?])?;
    assert!(refs.starts_with(&commit), "{refs}");
    Ok(())
}

#[tokio::test]
async fn the_registry_and_the_sink_answer() -> Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = Registry::start()?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let answer = http.get(format!("http://{}/v2/", registry.address())).send().await?;
    assert_eq!(answer.status(), 200);

    let sink = EventSink::start().await?;
    let event = json!({"involvedObject": {"kind": "A", "namespace": "n", "name": "a"}, "reason": "Done"});
    http.post(sink.url()).json(&event).send().await?;
    let seen = sink.wait_for(TIMEOUT, |body| body["reason"] == "Done").await?;
    assert_eq!(seen, event);
    assert_eq!(sink.events_of("A", "n", "a"), [event]);
    assert!(sink.wait_for(Duration::from_millis(50), |body| body["reason"] == "Other").await.is_err());
    Ok(())
}
