//! Phase: the repository that a policy refers to, if the policy may use it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Api;
use sluice_apis::image::v1::{ImagePolicy, ImageRepository};
use sluice_apis::k8s::Namespace;
use sluice_apis::meta::AccessFrom;
use sluice_apis::meta::reasons::{ACCESS_DENIED, DEPENDENCY_NOT_READY};
use sluice_runtime::Pass;

use super::{PolicyReconciler, repository_of};
use crate::failure::{Failure, reasons};

impl PolicyReconciler {
    /// The repository. That it is not there or may not be used is looked at again: who may use it depends on the
    /// labels of namespaces, which nobody watches.
    pub(super) async fn repository(&self, pass: &Pass<ImagePolicy>) -> Result<Arc<ImageRepository>, Failure> {
        let key = repository_of(&pass.object);
        let own = &*pass.key().namespace;
        let failed = |reason, why: String| {
            Failure::retry(reason, format!("failed to get the referred ImageRepository: {why}"))
        };
        if self.shared.no_cross_namespace_refs && *key.namespace != *own {
            let why = format!(
                "cannot access 'ImageRepository/{key}', cross-namespace references have been blocked"
            );
            return Err(failed(ACCESS_DENIED, why));
        }
        let Some(repository) = self.repositories.get(&key) else {
            let name = &key.name;
            let why = format!(
                "referenced ImageRepository does not exist: ImageRepository.image.toolkit.fluxcd.io \"{name}\" not found"
            );
            return Err(failed(DEPENDENCY_NOT_READY, why));
        };
        if *key.namespace == *own {
            return Ok(repository);
        }
        let Some(access) = &repository.spec.access_from else {
            let why = format!("access denied: '{key}' can't be accessed due to missing access list");
            return Err(failed(ACCESS_DENIED, why));
        };
        let namespaces: Api<Namespace> = Api::all(pass.client().clone());
        let labels = namespaces
            .get_metadata(own)
            .await
            .map_err(|error| failed(reasons::FAILURE, error.to_string()))?;
        if admits(access, &labels.metadata.labels.unwrap_or_default()) {
            return Ok(repository);
        }
        let why =
            format!("access denied: '{key}' can't be accessed due to labels mismatch on namespace '{own}'");
        Err(failed(ACCESS_DENIED, why))
    }
}

/// Whether one of the selectors matches the labels of a namespace.
fn admits(access: &AccessFrom, labels: &BTreeMap<String, String>) -> bool {
    access.namespace_selectors.iter().any(|selector| {
        selector.match_labels.iter().all(|(key, value)| labels.get(key).is_some_and(|label| label == value))
    })
}

#[cfg(test)]
mod tests {
    use sluice_apis::meta::NamespaceSelector;

    use super::*;

    #[test]
    fn one_selector_is_enough_and_an_empty_one_matches_all() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let access = |selectors: &[&[(&str, &str)]]| AccessFrom {
            namespace_selectors: selectors
                .iter()
                .map(|pairs| NamespaceSelector { match_labels: map(pairs) })
                .collect(),
        };
        let labels = map(&[("team", "a"), ("env", "prod")]);
        assert!(admits(&access(&[&[("team", "b")], &[("team", "a"), ("env", "prod")]]), &labels));
        assert!(admits(&access(&[&[]]), &labels));
        assert!(!admits(&access(&[&[("team", "a"), ("env", "test")]]), &labels));
        assert!(!admits(&access(&[]), &labels));
    }
}
