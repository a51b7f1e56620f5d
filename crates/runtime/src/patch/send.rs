//! Sends the steps of a write.

use std::time::Duration;

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
    core::Request,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    PatchError, Step, conditions,
    diff::{conditions_body, conditions_of, merge_patch},
};
use crate::slim::Slim;

/// How often a step is tried when others change the object meanwhile.
const ATTEMPTS: u32 = 6;
/// The pause after the first conflict; doubles with each.
const PAUSE: Duration = Duration::from_millis(50);
/// Where a status is written.
const STATUS: Option<&str> = Some("status");

/// How a controller writes its objects.
#[derive(Clone, Debug)]
pub(crate) struct Patcher {
    pub field_manager: String,
    pub owned_conditions: Vec<&'static str>,
}

/// The state of the object after a step.
pub(crate) enum Sent<K> {
    /// As the API server answered.
    Written(K),
    /// The newest state already has what we wanted.
    Unchanged(K),
}

impl Patcher {
    /// Sends conditions and the rest of the status in one request; `None` if somebody changed the object meanwhile.
    pub async fn send_at_once<K>(
        &self,
        api: &Api<K>,
        name: &str,
        mut body: Value,
        before: &Value,
    ) -> Result<Option<K>, PatchError>
    where
        K: Resource + DeserializeOwned + Clone + std::fmt::Debug,
    {
        guard(&mut body, before.pointer("/metadata/resourceVersion"));
        match patch(api, STATUS, name, &self.params(), &body).await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.code == 404 => Err(PatchError::Gone),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(source) => Err(PatchError::Api { step: "status", source }),
        }
    }

    fn params(&self) -> PatchParams {
        PatchParams { field_manager: Some(self.field_manager.clone()), ..PatchParams::default() }
    }

    /// Sends one step of bringing an object from `before` to `after`.
    pub async fn send<K>(
        &self,
        api: &Api<K>,
        name: &str,
        step: &Step,
        before: &Value,
        after: &Value,
    ) -> Result<Sent<K>, PatchError>
    where
        K: Resource + Serialize + DeserializeOwned + Clone + std::fmt::Debug,
    {
        let params = self.params();
        let failed = |source| PatchError::Api { step: step.name(), source };
        let mut body = step.body().clone();
        let mut version = before.pointer("/metadata/resourceVersion").cloned();
        for attempt in 0..ATTEMPTS {
            let answer = match step {
                Step::Metadata(_) => {
                    guard(&mut body, version.as_ref());
                    patch(api, None, name, &params, &body).await
                }
                Step::Conditions(_) => {
                    guard(&mut body, version.as_ref());
                    patch(api, STATUS, name, &params, &body).await
                }
                Step::Status(_) => patch(api, STATUS, name, &params, &body).await,
            };
            match answer {
                Ok(object) => return Ok(Sent::Written(object)),
                Err(kube::Error::Api(status)) if status.code == 404 => return Err(PatchError::Gone),
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(failed(error)),
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
            let Some(latest) = api.get_opt(name).await.map_err(failed)? else { return Err(PatchError::Gone) };
            let state = serde_json::to_value(&latest)?;
            if state.pointer("/metadata/uid") != before.pointer("/metadata/uid") {
                return Err(PatchError::Gone);
            }
            match rebase(step, before, after, &state, &self.owned_conditions) {
                Some(next) => body = next,
                None => return Ok(Sent::Unchanged(latest)),
            }
            version = state.pointer("/metadata/resourceVersion").cloned();
        }
        Err(PatchError::Conflict { step: step.name() })
    }
}

/// Sends a merge patch; the object as it is then.
async fn patch<K: Resource + DeserializeOwned + Clone>(
    api: &Api<K>,
    subresource: Option<&str>,
    name: &str,
    params: &PatchParams,
    body: &Value,
) -> Result<K, kube::Error> {
    let (request, body) = (Request::new(api.resource_url()), Patch::Merge(body));
    let request = match subresource {
        Some(subresource) => request.patch_subresource(subresource, name, params, &body),
        None => request.patch(name, params, &body),
    };
    let request = request.map_err(kube::Error::BuildRequest)?;
    let Slim(object) = api.clone().into_client().request(request).await?;
    K::deserialize(object).map_err(kube::Error::SerdeError)
}

/// Makes the API server refuse the patch if the object is not at this version.
fn guard(body: &mut Value, version: Option<&Value>) {
    if let Some(version) = version {
        body["metadata"]["resourceVersion"] = version.clone();
    }
}

/// The step's body against the newest state; `None` when nothing is left to do.
fn rebase(step: &Step, before: &Value, after: &Value, latest: &Value, owned: &[&str]) -> Option<Value> {
    match step {
        Step::Conditions(_) => {
            let theirs = conditions_of(latest);
            let merged = conditions::merge(conditions_of(before), conditions_of(after), theirs, owned);
            (merged != theirs).then(|| conditions_body(&merged))
        }
        Step::Metadata(body) => {
            let mut body = body.clone();
            if body.pointer("/metadata/finalizers").is_some() {
                let wanted = merge_finalizers(&finalizers(before), &finalizers(after), &finalizers(latest));
                match merge_patch(&json!(finalizers(latest)), &json!(wanted)) {
                    Some(list) => body["metadata"]["finalizers"] = list,
                    None => {
                        if let Some(metadata) = body["metadata"].as_object_mut() {
                            metadata.remove("finalizers");
                        }
                    }
                }
            }
            let empty = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
            let nothing = body
                .as_object()
                .is_some_and(|fields| fields.iter().all(|(key, value)| key == "metadata" && empty(value)));
            (!nothing).then_some(body)
        }
        Step::Status(body) => Some(body.clone()),
    }
}

fn finalizers(object: &Value) -> Vec<&str> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Adds and removes what we did, keeping what others have.
fn merge_finalizers<'a>(before: &[&str], after: &[&'a str], latest: &[&'a str]) -> Vec<&'a str> {
    let mut merged: Vec<_> =
        latest.iter().copied().filter(|name| !before.contains(name) || after.contains(name)).collect();
    for &name in after {
        if !before.contains(&name) && !merged.contains(&name) {
            merged.push(name);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finalizers_of_others_survive() {
        assert_eq!(merge_finalizers(&["ours"], &[], &["ours", "theirs"]), ["theirs"]);
        assert_eq!(merge_finalizers(&[], &["ours"], &["theirs"]), ["theirs", "ours"]);
        assert_eq!(merge_finalizers(&[], &["ours"], &["ours"]), ["ours"]);
    }

    #[test]
    fn a_rebased_removal_keeps_their_finalizer_and_a_done_one_sends_nothing() {
        let before = json!({"metadata": {"finalizers": ["ours"]}});
        let after = json!({"metadata": {}});
        let step = Step::Metadata(json!({"metadata": {"finalizers": null}}));
        let latest = json!({"metadata": {"finalizers": ["ours", "theirs"]}});
        assert_eq!(
            rebase(&step, &before, &after, &latest, &[]),
            Some(json!({"metadata": {"finalizers": ["theirs"]}}))
        );
        assert_eq!(rebase(&step, &before, &after, &json!({"metadata": {}}), &[]), None);
    }

    #[test]
    fn the_guard_names_the_version() {
        let mut body = json!({"status": {}});
        guard(&mut body, Some(&json!("7")));
        assert_eq!(body, json!({"status": {}, "metadata": {"resourceVersion": "7"}}));
    }
}
