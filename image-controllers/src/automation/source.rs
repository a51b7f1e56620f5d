//! Phase: the repository, what of it is checked out, and where commits are pushed to.

use std::sync::Arc;
use std::time::Duration;

use kube::Api;
use sluice_apis::image::v1::{GitSpec, ImageUpdateAutomation, SourceReferenceKind};
use sluice_apis::meta::reasons::ACCESS_DENIED;
use sluice_apis::source::v1::{GitRepository, GitRepositoryRef};
use sluice_auth::git::Error as AccessError;
use sluice_git::{DEFAULT_BRANCH, Reference, ReferenceFields, Remote, Signer};
use sluice_runtime::{ObjectKey, Pass};

use super::AutomationReconciler;
use super::pull_request::{self, Proposals};
use super::refspec::Refspec;
use super::wiring::{namespace_of, source_of};
use crate::failure::{Failure, reasons};

/// The repository of an automation.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) remote: Remote,
    /// What is checked out.
    pub(super) reference: Reference,
    pub(super) push: PushPlan,
    /// How long one operation may take.
    pub(super) timeout: Duration,
    pub(super) signer: Option<Arc<Signer>>,
    /// How commits are proposed, if they are not pushed to where they belong.
    pub(super) proposals: Option<Arc<Proposals>>,
}

/// Where commits are pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PushPlan {
    /// The branch, by its short name.
    pub(super) branch: String,
    /// The branch that is checked out, if it is one.
    pub(super) from: Option<String>,
    /// Whether it is another one than that which is checked out.
    pub(super) switches: bool,
    /// As it is written; empty if there is none.
    pub(super) refspec: String,
    /// `key=value`
    pub(super) options: Vec<String>,
}

impl AutomationReconciler {
    /// Finds out all about the repository, without asking it anything.
    pub(super) async fn source(&self, pass: &Pass<ImageUpdateAutomation>) -> Result<Source, Failure> {
        let object = &pass.object;
        let git = check(object)?;
        let key = source_of(object);
        if self.no_cross_namespace_refs && *key.namespace != *namespace_of(object) {
            let message =
                format!("can't access 'GitRepository/{key}', cross-namespace references have been blocked");
            return Err(Failure::stall(ACCESS_DENIED, message));
        }
        let repository = self.repository(pass, &key).await.map_err(failed)?;
        let spec = &repository.spec;
        let checkout = git.checkout.as_ref().map(|checkout| &checkout.reference);
        let checkout = checkout.or(spec.reference.as_ref());
        let proposed = git.push.as_ref().and_then(|push| push.pull_request.as_ref());
        let default = proposed.map(|_| pull_request::branch(object));
        let mut push = plan(git, checkout, default).map_err(failed)?;
        let mut target = String::new();
        if let Some(spec) = proposed {
            (push, target) = pull_request::plan(spec, push).map_err(invalid)?;
        }
        let asker = sluice_auth::cloud::Asker {
            kind: "ImageUpdateAutomation",
            namespace: &pass.key().namespace,
            name: &pass.key().name,
            operation: "reconcile",
        };
        let remote =
            self.access.remote(pass.client(), &repository, asker).await.map_err(|error| match error {
                AccessError::Provider(text) | AccessError::ProviderSecret(text) => invalid(text),
                AccessError::Gate(text) => {
                    Failure::stall(sluice_apis::meta::reasons::FEATURE_GATE_DISABLED, text)
                }
                AccessError::Url(text) | AccessError::Access(text) => failed(text),
            })?;
        let signer = self.signer(pass, git).await.map_err(failed)?;
        let timeout = spec.timeout.0;
        let proposals = match proposed {
            Some(spec) => Some(Arc::new(self.proposals(pass, spec, &remote, target, timeout).await?)),
            None => None,
        };
        Ok(Source { remote, reference: reference(checkout), push, timeout, signer, proposals })
    }

    async fn repository(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        key: &ObjectKey,
    ) -> Result<Arc<GitRepository>, String> {
        if let Some(found) = self.sources.get(key) {
            return Ok(found);
        }
        // It may be in a namespace that is not watched.
        let api: Api<GitRepository> = Api::namespaced(pass.client().clone(), &key.namespace);
        api.get(&key.name).await.map(Arc::new).map_err(|error| match error {
            kube::Error::Api(status) if status.code == 404 => format!(
                "referenced git repository does not exist: GitRepository.source.toolkit.fluxcd.io \"{}\" not found",
                key.name
            ),
            error => format!("failed to get referenced git repository: {error}"),
        })
    }
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn failed(error: String) -> Failure {
    Failure::retry(reasons::SOURCE_MANAGER_FAILED, format!("failed configuring source manager: {error}"))
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn invalid(error: String) -> Failure {
    Failure::stall(reasons::INVALID_SOURCE_CONFIGURATION, format!("{error}: invalid source configuration"))
}

/// Refuses what can't be right whatever the repository is.
fn check(object: &ImageUpdateAutomation) -> Result<&GitSpec, Failure> {
    let kind = &object.spec.source_ref.kind;
    if *kind != SourceReferenceKind::GitRepository {
        return Err(invalid(format!("source kind '{kind}' not supported")));
    }
    let Some(git) = &object.spec.git else {
        return Err(invalid(format!("source kind '{kind}' necessitates field .spec.git")));
    };
    let refspec = git.push.as_ref().and_then(|push| push.refspec.as_deref()).unwrap_or_default();
    Refspec::parse(refspec).map_err(|error| invalid(error.to_string()))?;
    Ok(git)
}

/// Where commits are pushed to; to `default` if no branch is named, or to that which is checked out.
fn plan(
    git: &GitSpec,
    checkout: Option<&GitRepositoryRef>,
    default: Option<String>,
) -> Result<PushPlan, String> {
    let none = sluice_apis::image::v1::PushSpec::default();
    let push = git.push.as_ref().unwrap_or(&none);
    let named = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    // Without any reference the default branch is checked out.
    let from = match checkout {
        Some(reference) => named(&reference.branch),
        None => Some(DEFAULT_BRANCH.to_owned()),
    };
    let (branch, switches) = match (named(&push.branch).or(default), checkout.and(from.clone())) {
        (Some(branch), _) => {
            let switches = from.as_ref() != Some(&branch);
            (branch, switches)
        }
        (None, Some(from)) => (from, false),
        (None, None) => {
            return Err("push spec not provided, and cannot be inferred from .spec.git.checkout.ref or GitRepository .spec.ref".to_owned());
        }
    };
    Ok(PushPlan {
        branch,
        from,
        switches,
        refspec: push.refspec.clone().unwrap_or_default(),
        options: push.options.iter().map(|(key, value)| format!("{key}={value}")).collect(),
    })
}

fn reference(checkout: Option<&GitRepositoryRef>) -> Reference {
    let none = GitRepositoryRef::default();
    let wanted = checkout.unwrap_or(&none);
    Reference::from_spec(ReferenceFields {
        branch: wanted.branch.as_deref().unwrap_or_default(),
        tag: wanted.tag.as_deref().unwrap_or_default(),
        semver: wanted.semver.as_deref().unwrap_or_default(),
        name: wanted.name.as_deref().unwrap_or_default(),
        commit: wanted.commit.as_deref().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use sluice_apis::image::v1::PushSpec;

    use super::*;

    fn of(push: Option<&str>, checkout: Option<&str>) -> Result<(String, bool), String> {
        let push = push.map(|branch| PushSpec { branch: Some(branch.to_owned()), ..PushSpec::default() });
        let checkout = checkout.map(|branch| GitRepositoryRef {
            branch: Some(branch.to_owned()),
            ..GitRepositoryRef::default()
        });
        let git = GitSpec { push, ..GitSpec::default() };
        plan(&git, checkout.as_ref(), None).map(|plan| (plan.branch, plan.switches))
    }

    #[test]
    fn the_branch_to_push_to() {
        let is = |branch: &str, switches| Ok((branch.to_owned(), switches));
        assert_eq!(of(None, Some("main")), is("main", false));
        assert_eq!(of(Some("main"), Some("main")), is("main", false));
        assert_eq!(of(Some("auto"), Some("main")), is("auto", true));
        assert_eq!(of(Some("master"), None), is("master", false));
        assert_eq!(of(Some("auto"), None), is("auto", true));
        assert_eq!(of(Some("auto"), Some("")), is("auto", true));
        for checkout in [None, Some("")] {
            assert!(of(None, checkout).unwrap_err().starts_with("push spec not provided"));
        }
    }
}
