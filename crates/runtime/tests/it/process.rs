//! Whole processes: election, signals, endpoints, exit codes.

use std::time::{Duration, Instant};

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use sluice_apis::{conditions, k8s::Lease, source::v1::GitRepository};
use sluice_runtime::leader::lease_name;

use crate::{
    child::Controller,
    support::{Env, eventually},
};

const ELECT: &[&str] = &[
    "--enable-leader-election",
    "--leader-election-lease-duration=4s",
    "--leader-election-renew-deadline=3s",
    "--leader-election-retry-period=500ms",
];

fn signed_by(object: &GitRepository, controller: &Controller) -> bool {
    conditions::message(object, "Ready") == Some(&controller.pid().to_string())
}

async fn get(addr: &str, path: &str) -> Option<String> {
    let answer = reqwest::get(format!("http://{addr}{path}")).await.ok()?;
    answer.error_for_status().ok()?.text().await.ok()
}

fn leases(env: &Env) -> Api<Lease> {
    Api::namespaced(env.client.clone(), &env.namespace)
}

async fn holder(env: &Env) -> Option<String> {
    let name = lease_name("test-controller", &env.selector());
    leases(env).get_opt(&name).await.unwrap()?.spec?.holder_identity.filter(|holder| !holder.is_empty())
}

#[tokio::test]
async fn one_of_two_replicas_works_and_the_other_takes_over() {
    let env = Env::new().await;
    let first = Controller::start(&env, ELECT);
    env.create("a").await;
    env.until("a", "the first replica", |o| signed_by(o, &first)).await;
    let mut second = Controller::start(&env, ELECT);
    eventually("the second replica's probe", async || get(&second.health, "/readyz").await).await;
    env.create("b").await;
    env.until("b", "the first replica", |o| signed_by(o, &first)).await;
    let status = async |controller: &Controller| {
        let text = get(&controller.metrics, "/metrics").await?;
        let line = text.lines().find(|l| l.starts_with("leader_election_master_status"))?.to_owned();
        Some(line.ends_with(" 1"))
    };
    assert_eq!(status(&first).await, Some(true));
    assert_ne!(status(&second).await, Some(true));

    // An orderly end releases the lease: the other one leads long before the lease would run out.
    let start = Instant::now();
    first.terminate();
    let (exit, log) = first.ended().await;
    assert!(exit.success(), "{log}");
    env.create("c").await;
    env.until("c", "the second replica", |o| signed_by(o, &second)).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());

    // A crash does not: the next one waits for the lease to run out.
    let third = Controller::start(&env, ELECT);
    eventually("the third replica's probe", async || get(&third.health, "/healthz").await).await;
    second.kill();
    env.create("d").await;
    env.until("d", "the third replica", |o| signed_by(o, &third)).await;
    third.terminate();
    assert!(third.ended().await.0.success());
    assert_eq!(holder(&env).await, None, "the lease is released");
}

#[tokio::test]
async fn losing_the_lease_ends_the_process_with_an_error() {
    let env = Env::new().await;
    let controller = Controller::start(&env, ELECT);
    env.create("a").await;
    env.until("a", "the leader", |o| signed_by(o, &controller)).await;
    let stolen = json!({"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 60}});
    let name = lease_name("test-controller", &env.selector());
    leases(&env).patch(&name, &PatchParams::default(), &Patch::Merge(stolen)).await.unwrap();
    let (exit, log) = controller.ended().await;
    assert!(!exit.success());
    assert!(log.contains("leader election lost: thief holds the lease"), "{log}");
    assert_eq!(holder(&env).await.as_deref(), Some("thief"), "a lease of others is not released");
}

#[tokio::test]
async fn logs_and_endpoints_have_the_expected_form() {
    let env = Env::new().await;
    let controller = Controller::start(&env, &["--log-level=debug"]);
    env.create("a").await;
    env.until("a", "the turn", |o| signed_by(o, &controller)).await;
    let metrics = eventually("the metric", async || {
        let text = get(&controller.metrics, "/metrics").await?;
        text.contains(r#"controller_runtime_reconcile_total{controller="gitrepository",result="success"} 1"#)
            .then_some(text)
    })
    .await;
    let host = |line: &&str| line.starts_with("rest_client_requests_total{code=\"200\"");
    assert!(metrics.lines().any(|line| host(&line)), "{metrics}");
    assert_eq!(get(&controller.health, "/healthz").await.as_deref(), Some("ok"));
    assert_eq!(get(&controller.health, "/other").await, None);

    controller.terminate();
    let (exit, log) = controller.ended().await;
    assert!(exit.success(), "{log}");
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let turn = lines.iter().find(|line| line["msg"] == "reconciling").unwrap_or_else(|| panic!("{log}"));
    assert_eq!(turn["controller"], "gitrepository");
    assert_eq!(turn["controllerGroup"], "source.toolkit.fluxcd.io");
    assert_eq!(turn["controllerKind"], "GitRepository");
    assert_eq!((&turn["name"], &turn["namespace"]), (&json!("a"), &json!(env.namespace)));
    assert_eq!(turn["GitRepository"], json!({"name": "a", "namespace": env.namespace}));
    assert!(turn["reconcileID"].is_string() && turn["ts"].is_string() && turn["level"] == "debug");
}

#[tokio::test]
async fn what_cannot_work_ends_at_once_with_one_clear_line() {
    let env = Env::new().await;
    for (args, problem) in [
        (
            &["--feature-gates=Unknown=true"][..],
            "unable to load feature gates: unrecognized feature gate 'Unknown'",
        ),
        (&["--interval-jitter-percentage=100"], "--interval-jitter-percentage: 100 is not between 0 and 99"),
        (&["--metrics-addr=203.0.113.1:1"], "unable to listen on 203.0.113.1:1 for metrics"),
        (&["--watch-label-selector=a in ("], "the API server refuses to list GitRepository"),
        (&["--no-such-flag"], "unexpected argument '--no-such-flag'"),
    ] {
        // The harness's own metrics flag comes first; clap takes each flag once.
        let (exit, log) = Controller::start_bare(&env, args).ended().await;
        assert!(!exit.success());
        assert!(log.contains(problem), "{args:?}: {log}");
    }
}
