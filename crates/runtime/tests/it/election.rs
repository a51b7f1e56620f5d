//! Leader election between replicas.

use std::time::{Duration, Instant};

use kube::Api;
use serde_json::json;
use sluice_apis::k8s::Lease;
use sluice_runtime::leader::{Candidate, Election, LeaderError};

use crate::support::{Env, soon};

/// Of a lease of so many seconds; it must outlast the API server's pauses on a busy machine.
fn candidate(env: &Env, identity: &str, lease: u64) -> Candidate {
    let election = Election {
        namespace: env.namespace.clone(),
        name: "x-leader-election".to_owned(),
        identity: identity.to_owned(),
        lease_duration: Duration::from_secs(lease),
        renew_deadline: Duration::from_secs(lease - 1),
        retry_period: Duration::from_millis(300),
    };
    Candidate::new(env.client.clone(), election)
}

async fn lease(env: &Env) -> Lease {
    let api: Api<Lease> = Api::namespaced(env.client.clone(), &env.namespace);
    api.get("x-leader-election").await.unwrap()
}

fn holder(lease: &Lease) -> String {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default()
}

#[tokio::test]
async fn one_leads_and_a_release_hands_over_at_once() {
    let env = Env::new().await;
    let (mut a, mut b) = (candidate(&env, "a", 10), candidate(&env, "b", 10));
    soon("a to lead", a.acquire()).await;
    let keeping = tokio::spawn(async move {
        let _ = tokio::time::timeout(Duration::from_secs(12), a.keep()).await;
        a
    });
    let waiting = tokio::spawn(async move {
        b.acquire().await;
        b
    });
    let mut a = keeping.await.unwrap();
    assert!(!waiting.is_finished(), "b took a lease that a renewed");
    assert_eq!(holder(&lease(&env).await), "a");
    let start = Instant::now();
    a.release().await;
    soon("b to lead", waiting).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    let lease = lease(&env).await;
    assert_eq!(holder(&lease), "b");
    let spec = lease.spec.unwrap();
    assert_eq!((spec.lease_transitions, spec.lease_duration_seconds), (Some(2), Some(10)));
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_is_taken_after_its_duration() {
    let env = Env::new().await;
    let (mut a, mut b) = (candidate(&env, "a", 3), candidate(&env, "b", 3));
    soon("a to lead", a.acquire()).await;
    let start = Instant::now();
    soon("b to lead", b.acquire()).await;
    assert!(start.elapsed() >= Duration::from_secs(3), "{:?}", start.elapsed());
    // The former leader notices and must not go on.
    let LeaderError::Lost(why) = soon("a to notice", a.keep()).await;
    assert_eq!(why, "b holds the lease");
}

#[tokio::test]
async fn leadership_is_lost_when_the_lease_cannot_be_renewed() {
    let env = Env::new().await;
    let mut a = candidate(&env, "a", 3);
    soon("a to lead", a.acquire()).await;
    // A namespace that is going away refuses a new lease.
    let namespaces: Api<sluice_apis::k8s::Namespace> = Api::all(env.client.clone());
    env.merge_finalizer().await;
    namespaces.delete(&env.namespace, &kube::api::DeleteParams::default()).await.unwrap();
    let start = Instant::now();
    let LeaderError::Lost(why) = soon("a to notice", a.keep()).await;
    assert!(!why.is_empty());
    // The lease lasts 15 s; the rest is for slow machines.
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

impl Env {
    /// Keeps the namespace from vanishing before the lease does.
    async fn merge_finalizer(&self) {
        self.create("blocker").await;
        self.merge("blocker", json!({"metadata": {"finalizers": ["example.com/block"]}})).await;
    }
}
