//! What an apply would change.

use serde_json::json;
use sluice_apply::{Action, Applier};

use crate::support::{Fixture, forced, marked, options, uid};

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_told_and_nothing_is_changed() {
    let test = Fixture::new("diff").await;
    let secret = |value: &str| {
        let metadata = json!({"name": "s", "namespace": test.namespace});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": value, "b": "same"}})
    };
    let same = test.config_map("same", json!({"k": "v"}));
    let job = test.job("j", "one");
    test.applied(&[secret("hunter2"), same.clone(), job.clone()]).await;
    // Of the job, its controller changes the status.
    let state = async || [test.live(&secret("")).await, test.live(&same).await];
    let (before, old_job) = (state().await, uid(&test.live(&job).await));

    let wanted = [
        secret("swordfish"),
        same.clone(),
        test.config_map("new", json!({})),
        marked(test.config_map("skip", json!({})), "labels", "ssa", "Ignore"),
        test.bad_service("bad"),
        test.job("j", "two"),
    ];
    let applier = Applier::new(test.cluster.clone(), forced(), Vec::new());
    let differences = applier.diff(test.prepared(&wanted)).await;
    let rows: Vec<_> = differences
        .iter()
        .map(|difference| match difference {
            Ok(difference) => (difference.change.id.name.as_str(), Some(difference.change.action)),
            Err(error) => (error.id.name.as_str(), None),
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("new", Some(Action::Created)),
            ("same", Some(Action::Unchanged)),
            ("skip", Some(Action::Skipped)),
            ("s", Some(Action::Configured)),
            ("bad", None),
            ("j", Some(Action::Created)),
        ]
    );
    let (live, merged) = differences[3].as_ref().unwrap().states.as_ref().unwrap();
    assert_eq!(live.as_value()["data"], json!({"a": "*** (before)", "b": "***"}));
    assert_eq!(merged.as_value()["data"], json!({"a": "*** (after)", "b": "***"}));
    assert_eq!(state().await, before);
    assert_eq!(uid(&test.live(&job).await), old_job);

    // Without force, the job's immutable field is an error.
    let applier = Applier::new(test.cluster.clone(), options(), Vec::new());
    assert!(applier.diff(test.prepared(&wanted[5..])).await[0].is_err());
}
