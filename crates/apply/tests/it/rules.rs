//! Labels and annotations that exempt objects: on the desired or the live object, in any case.

use serde_json::{Value, json};
use sluice_apply::Action;

use crate::support::{Fixture, actions, marked};

/// What applying a changed object, and pruning it after, does when the mark is on the desired
/// object, and when it is on the live one only.
struct Row {
    key: &'static str,
    value: &'static str,
    desired: Action,
    desired_new: Action,
    live: Action,
    prune: Action,
}

const fn row(
    key: &'static str,
    value: &'static str,
    desired: Action,
    desired_new: Action,
    live: Action,
    prune: Action,
) -> Row {
    Row { key, value, desired, desired_new, live, prune }
}

use Action::{Configured, Created, Deleted, Skipped};

const TABLE: [Row; 11] = [
    row("reconcile", "disabled", Skipped, Skipped, Skipped, Skipped),
    row("reconcile", "DISABLED", Skipped, Skipped, Skipped, Skipped),
    row("ssa", "Ignore", Skipped, Skipped, Skipped, Skipped),
    row("ssa", "ignore", Skipped, Skipped, Skipped, Skipped),
    row("ssa", "IfNotPresent", Skipped, Created, Configured, Deleted),
    row("ssa", "IFNOTPRESENT", Skipped, Created, Configured, Deleted),
    row("ssa", "Merge", Configured, Created, Configured, Deleted),
    row("ssa", "bogus", Configured, Created, Configured, Deleted),
    row("prune", "disabled", Configured, Created, Configured, Skipped),
    row("prune", "Disabled", Configured, Created, Configured, Skipped),
    row("force", "enabled", Configured, Created, Configured, Deleted),
];

#[tokio::test(flavor = "multi_thread")]
async fn truth_table() {
    let test = Fixture::new("table").await;
    for (n, row) in TABLE.iter().enumerate() {
        for field in ["labels", "annotations"] {
            let what = format!("{field} {}: {}", row.key, row.value);
            let name = |case: &str| format!("{case}-{n}-{field}");
            let mark = |object: Value| marked(object, field, row.key, row.value);
            let owned = |object: Value| test.prepared(&[object]).remove(0).into_value();

            // On the desired object, which doesn't exist yet.
            let fresh = mark(test.config_map(&name("new"), json!({"k": "1"})));
            let changes = test.apply(std::slice::from_ref(&fresh)).await.unwrap();
            assert_eq!(actions(&changes), [row.desired_new], "new, {what}");
            assert_eq!(test.live(&fresh).await.is_some(), row.desired_new == Created, "new, {what}");

            // On the desired object only; it exists.
            let plain = test.config_map(&name("desired"), json!({"k": "1"}));
            test.apply_as("someone", &plain).await;
            let changes =
                test.apply(&[mark(test.config_map(&name("desired"), json!({"k": "2"})))]).await.unwrap();
            assert_eq!(actions(&changes), [row.desired], "desired, {what}");

            // On the live object only.
            let live = owned(mark(test.config_map(&name("live"), json!({"k": "1"}))));
            test.apply_as("someone", &live).await;
            let changes = test.apply(&[test.config_map(&name("live"), json!({"k": "2"}))]).await.unwrap();
            assert_eq!(actions(&changes), [row.live], "live, {what}");
            let value = test.live(&live).await.unwrap()["data"]["k"].clone();
            assert_eq!(value, if row.live == Skipped { "1" } else { "2" }, "live, {what}");

            // Pruning looks at the live object.
            let outcome = test.prune(&changes).await;
            assert_eq!(actions(&outcome.changes), [row.prune], "prune, {what}");
            assert!(outcome.errors.is_empty());
            assert_eq!(test.live(&live).await.is_none(), row.prune == Deleted, "prune, {what}");
        }
    }
}
