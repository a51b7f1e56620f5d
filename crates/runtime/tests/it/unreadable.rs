//! One object that cannot be read, among others.

use std::sync::{Arc, Mutex};

use kube::{Api, CustomResource, api::ListParams};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_apis::k8s::Event;
use sluice_runtime::{Action, Pass, ReconcileError, Reconciler};

use crate::support::{Env, Running, eventually};

/// A type that is stricter than the CRD in the cluster.
#[derive(Clone, CustomResource, Debug, Deserialize, Serialize)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "GitRepository",
    plural = "gitrepositories",
    namespaced,
    schema = "disabled",
    crates(k8s_openapi = "sluice_apis::k8s")
)]
struct StrictSpec {
    interval: Interval,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
enum Interval {
    #[serde(rename = "1h0m0s")]
    Hour,
}

/// Notes whom it saw.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Reconciler for Notes {
    type Object = GitRepository;

    async fn reconcile(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        self.0.lock().unwrap().push(pass.key().name.to_string());
        Ok(Action::Done)
    }
}

impl Notes {
    async fn seen(&self, name: &str) {
        let noted = async || self.0.lock().unwrap().iter().any(|seen| seen == name).then_some(());
        eventually(name, noted).await;
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_read_hides_no_other_and_is_told() {
    let env = Env::new().await;
    let notes = Notes::default();
    env.create_spec("bad-before", json!({"interval": "2h"})).await;
    let manager = env.manager(&[]);
    let task = manager.controller::<GitRepository>().reconcile_with(notes.clone());
    let running = Running::start(manager, task);
    env.create("good").await;
    notes.seen("good").await;
    env.create_spec("bad-after", json!({"interval": "3h"})).await;
    env.create("good-too").await;
    notes.seen("good-too").await;

    let events: Api<Event> = Api::namespaced(env.client.clone(), &env.namespace);
    let mut about = eventually("two events", async || {
        let events = events.list(&ListParams::default().fields("reason=InvalidObject")).await.unwrap();
        let about: Vec<_> = events.items.into_iter().filter_map(|event| event.involved_object.name).collect();
        (about.len() == 2).then_some(about)
    })
    .await;
    about.sort();
    assert_eq!(about, ["bad-after", "bad-before"]);
    for name in ["bad-before", "bad-after"] {
        env.merge(name, json!({"spec": {"interval": "1h0m0s"}})).await;
        notes.seen(name).await;
    }
    running.stop().await;
}
