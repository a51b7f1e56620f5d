//! Whether an event that an Alert matches goes to its Provider.

use std::sync::Arc;

use sluice_apis::notification::v1beta3::{Alert, Provider, ProviderType};
use sluice_notify::{EVENT_GROUP, Event};
use sluice_runtime::ObjectKey;

/// What to do about an event.
#[derive(Debug)]
pub enum Verdict {
    /// It goes to this Provider.
    Send(Arc<Provider>),
    /// The Provider is not meant for it.
    Skip(&'static str),
}

/// Why an event cannot be sent: the user has to change something.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The event is of another namespace, and flags forbid that.
    #[error(
        "discarding event, access denied to cross-namespace sources: alert '{alert}' can't process event from '{object}', cross-namespace references have been blocked"
    )]
    CrossNamespace {
        /// Namespace and name of the Alert.
        alert: ObjectKey,
        /// The object that the event is about.
        object: String,
    },
    /// There is no such Provider.
    #[error("failed to read provider: Provider.notification.toolkit.fluxcd.io \"{0}\" not found")]
    NoProvider(String),
    /// The Provider needs a feature that is off.
    #[error(
        "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller"
    )]
    Gate,
}

/// Decides; `find` gives the Provider of a name.
pub fn route(
    alert: &Alert,
    event: &Event,
    find: impl Fn(&ObjectKey) -> Option<Arc<Provider>>,
    same_namespace_only: bool,
    object_level_identity: bool,
) -> Result<Verdict, Refusal> {
    let key = ObjectKey::of(alert);
    if same_namespace_only && event.involved_object.namespace != *key.namespace {
        return Err(Refusal::CrossNamespace { alert: key, object: event.involved_object.to_string() });
    }
    let name = &alert.spec.provider_ref.name;
    let provider = find(&ObjectKey::new(key.namespace, name.as_str()))
        .ok_or_else(|| Refusal::NoProvider(name.clone()))?;
    if let Some(why) = skip(&provider, event) {
        return Ok(Verdict::Skip(why));
    }
    let named = provider.spec.service_account_name.as_deref().is_some_and(|name| !name.is_empty());
    if named && !object_level_identity {
        return Err(Refusal::Gate);
    }
    Ok(Verdict::Send(provider))
}

/// Why the Provider is not meant for the event.
fn skip(provider: &Provider, event: &Event) -> Option<&'static str> {
    let kind = &provider.spec.type_;
    let update = metadata(event, event.involved_object.group(), "commit_status") == "update";
    if provider.spec.suspend {
        Some("the provider is suspended")
    } else if update && !sets_commit_status(kind) && !is_generic(kind) {
        Some("it only updates the status of a commit")
    } else if sets_commit_status(kind)
        && !update
        && metadata(event, EVENT_GROUP, "commit").is_empty()
        && !event.severity.is_error()
    {
        Some("it has no commit metadata key, which the status of a commit needs")
    } else if comments_on_changes(kind) && metadata(event, EVENT_GROUP, "change_request").is_empty() {
        Some("it has no change request metadata key, which a comment needs")
    } else {
        None
    }
}

fn metadata<'a>(event: &'a Event, group: &str, key: &str) -> &'a str {
    event.metadata.get(&format!("{group}/{key}")).map(String::as_str).unwrap_or_default()
}

/// Whether the service shows a status beside a commit.
pub fn sets_commit_status(kind: &ProviderType) -> bool {
    matches!(
        kind,
        ProviderType::GitHub
            | ProviderType::GitLab
            | ProviderType::Gitea
            | ProviderType::BitbucketServer
            | ProviderType::Bitbucket
            | ProviderType::AzureDevOps
    )
}

fn is_generic(kind: &ProviderType) -> bool {
    matches!(kind, ProviderType::Generic | ProviderType::GenericHmac)
}

fn comments_on_changes(kind: &ProviderType) -> bool {
    matches!(
        kind,
        ProviderType::GitHubPullRequestComment
            | ProviderType::GitLabMergeRequestComment
            | ProviderType::GiteaPullRequestComment
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(provider: &str, severity: &str, metadata: &[(&str, &str)]) -> Option<&'static str> {
        let provider: Provider = serde_json::from_value(json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider",
            "metadata": {"name": "p", "namespace": "ns"}, "spec": {"type": provider},
        }))
        .unwrap();
        let mut event = Event { severity: severity.into(), ..Event::default() };
        event.involved_object.api_version = "g.io/v1".to_owned();
        event.metadata = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        skip(&provider, &event)
    }

    #[test]
    fn commit_status_updates_go_to_git_hosts_and_generic_webhooks() {
        let update = [("g.io/commit_status", "update")];
        assert!(verdict("slack", "info", &update).is_some());
        assert!(verdict("slack", "info", &[("g.io/commit_status", "other")]).is_none());
        for kind in ["github", "gitea", "generic", "generic-hmac"] {
            assert!(verdict(kind, "info", &update).is_none(), "{kind}");
        }
    }

    #[test]
    fn git_hosts_need_a_commit_or_a_failure() {
        assert!(verdict("gitlab", "info", &[]).is_some());
        assert!(verdict("gitlab", "error", &[]).is_none());
        assert!(verdict("gitlab", "info", &[("event.toolkit.fluxcd.io/commit", "sha1:1")]).is_none());
    }

    #[test]
    fn comments_need_a_change_request() {
        assert!(verdict("githubpullrequestcomment", "error", &[]).is_some());
        let request = [("event.toolkit.fluxcd.io/change_request", "42")];
        assert!(verdict("githubpullrequestcomment", "info", &request).is_none());
    }
}
