//! Waiting for one object by watching it.

use anyhow::{Result, anyhow, bail};
use futures::{StreamExt, pin_mut};
use kube::api::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};
use tokio::time::{Instant, timeout_at};

use crate::cluster::explain;
use crate::object::{condition, is_observed};
use crate::progress::Progress;
use crate::text::chain;

/// How far an object has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as its spec wants it.
    Done,
    /// It is on its way; the reason, if it gives one.
    Pending(String),
    /// It won't get there by itself, or has just failed to.
    Failed(String),
}

/// Judges an object that reports its state as Flux's kinds do.
///
/// A failed reconciliation that will be tried again counts as failed: whoever waits wants to know now.
pub(crate) fn judge(object: &DynamicObject) -> Verdict {
    if object.metadata.deletion_timestamp.is_some() {
        return Verdict::Failed(format!("{} is being deleted", object.name_any()));
    }
    let ready = condition(object, "Ready");
    let message = ready.map(|ready| ready.message.to_owned()).unwrap_or_default();
    if let Some(reconciling) = condition(object, "Reconciling").filter(|condition| condition.status == "True")
    {
        let failed = reconciling.reason == "ProgressingWithRetry"
            && ready.is_some_and(|ready| ready.status == "False");
        return if failed {
            Verdict::Failed(message)
        } else {
            Verdict::Pending(reconciling.message.to_owned())
        };
    }
    if let Some(stalled) = condition(object, "Stalled").filter(|condition| condition.status == "True")
        && is_observed(object)
    {
        return Verdict::Failed(stalled.message.to_owned());
    }
    if ready.is_some_and(|ready| ready.status == "True") && is_observed(object) {
        return Verdict::Done;
    }
    Verdict::Pending(message)
}

/// Watches an object until it is judged done, and returns it; fails when it is judged failed, deleted, or the time is
/// over.
pub(crate) async fn until(
    api: Api<DynamicObject>,
    name: &str,
    deadline: Instant,
    progress: &Progress,
    mut judge: impl FnMut(&DynamicObject) -> Verdict,
) -> Result<DynamicObject> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let events = watcher(api, config).default_backoff();
    pin_mut!(events);
    let mut last = String::new();
    let mut seen = false;
    loop {
        let Ok(event) = timeout_at(deadline, events.next()).await else {
            let explanation = if last.is_empty() { String::new() } else { format!(": {last}") };
            bail!("context deadline exceeded{explanation}");
        };
        match event {
            None => bail!("the watch ended"),
            Some(Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object))) => {
                seen = true;
                match judge(&object) {
                    Verdict::Done => return Ok(object),
                    Verdict::Failed(message) => return Err(anyhow!(message)),
                    Verdict::Pending(message) => {
                        progress.show(&message);
                        last = message;
                    }
                }
            }
            Some(Ok(watcher::Event::InitDone)) if !seen => bail!("{name} not found"),
            Some(Ok(watcher::Event::Delete(_))) => bail!("{name} was deleted"),
            Some(Ok(_)) => {}
            Some(Err(error)) => match fatal(error) {
                Ok(error) => return Err(error),
                Err(message) => last = message,
            },
        }
    }
}

/// An error that trying again won't cure, or else its text.
fn fatal(error: watcher::Error) -> Result<anyhow::Error, String> {
    let source = match error {
        watcher::Error::InitialListFailed(source) | watcher::Error::WatchStartFailed(source) => source,
        other => return Err(other.to_string()),
    };
    let denied = matches!(&source, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404));
    let error = explain(source);
    if denied { Ok(error) } else { Err(chain(&error)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::object::tests::object;

    fn judged(status: &serde_json::Value) -> Verdict {
        judge(&object(json!({ "status": status })))
    }

    #[test]
    fn ready_counts_only_for_the_present_spec() {
        let ready = json!([{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "ok"}]);
        assert_eq!(judged(&json!({"observedGeneration": 2, "conditions": ready})), Verdict::Done);
        assert_eq!(
            judged(&json!({"observedGeneration": 1, "conditions": ready})),
            Verdict::Pending("ok".into())
        );
    }

    #[test]
    fn a_failure_that_is_retried_is_told_at_once() {
        let status = |reason: &str| {
            json!({"observedGeneration": 1, "conditions": [
                {"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "no such file"},
                {"type": "Reconciling", "status": "True", "reason": reason, "message": "busy"},
            ]})
        };
        assert_eq!(judged(&status("ProgressingWithRetry")), Verdict::Failed("no such file".into()));
        assert_eq!(judged(&status("Progressing")), Verdict::Pending("busy".into()));
    }

    #[test]
    fn stalled_is_final_for_the_present_spec() {
        let stalled =
            json!([{"type": "Stalled", "status": "True", "reason": "InvalidURL", "message": "no host"}]);
        assert_eq!(
            judged(&json!({"observedGeneration": 2, "conditions": stalled})),
            Verdict::Failed("no host".into())
        );
        assert!(matches!(
            judged(&json!({"observedGeneration": 1, "conditions": stalled})),
            Verdict::Pending(_)
        ));
    }

    #[test]
    fn a_new_object_is_pending() {
        assert_eq!(judge(&object(json!({}))), Verdict::Pending(String::new()));
    }
}
