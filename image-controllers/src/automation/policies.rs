//! Phase: the images that the policies of the namespace selected.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_apis::image::v1::{ImagePolicy, ImageRef, ImageUpdateAutomation};
use sluice_image::Image;
use sluice_image::setters::Images;
use sluice_oci::Repository;

use super::selector::Selector;
use super::wiring::namespace_of;
use crate::failure::{Failure, reasons};

/// The selected images.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    /// By the name of the policy, as the status shows them.
    pub(super) observed: BTreeMap<String, ImageRef>,
    /// By `<namespace>:<policy>`, as markers name them.
    pub(super) images: Images,
}

impl Chosen {
    /// The image of each policy by itself.
    pub(super) fn each(&self) -> Vec<(String, Self)> {
        // Images are by namespace and name, of which the namespace is the same for all.
        let each = self.observed.iter().zip(&self.images).map(|((name, seen), (marker, image))| {
            let alone = Self {
                observed: BTreeMap::from([(name.clone(), seen.clone())]),
                images: BTreeMap::from([(marker.clone(), image.clone())]),
            };
            (name.clone(), alone)
        });
        each.collect()
    }

    /// Fails with the first image that none can be.
    pub(super) fn check(&self) -> Result<(), String> {
        self.images.values().try_for_each(check)
    }
}

/// The images of those policies of the namespace that the selector takes and that have selected one.
pub(super) fn choose(
    policies: &[Arc<ImagePolicy>],
    automation: &ImageUpdateAutomation,
) -> Result<Chosen, Failure> {
    let namespace = namespace_of(automation);
    let selector = Selector::of(automation.spec.policy_selector.as_ref()).map_err(|error| {
        let message = format!("failed to parse policy selector: {error}");
        Failure::stall(reasons::INVALID_POLICY_SELECTOR, message)
    })?;
    let mut chosen = Chosen::default();
    for policy in policies {
        let meta = &policy.metadata;
        let latest = policy.status.as_ref().and_then(|status| status.latest_ref.as_ref());
        let (Some(latest), Some(name)) = (latest, &meta.name) else { continue };
        if meta.namespace.as_deref() != Some(namespace) || !selector.matches(meta.labels.as_ref()) {
            continue;
        }
        let digest = latest.digest.clone().unwrap_or_default();
        let image = Image { name: latest.name.clone(), tag: latest.tag.clone(), digest };
        chosen.images.insert(format!("{namespace}:{name}"), image);
        chosen.observed.insert(name.clone(), latest.clone());
    }
    Ok(chosen)
}

fn check(image: &Image) -> Result<(), String> {
    let invalid = |why: &dyn std::fmt::Display| {
        Err(format!(
            "encountered invalid image ref {:?}: could not parse reference: {why}",
            image.to_string()
        ))
    };
    if let Err(error) = Repository::parse(&image.name, false) {
        return invalid(&error);
    }
    let in_tag = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-');
    if image.tag.is_empty() || image.tag.len() > 128 || !image.tag.bytes().all(in_tag) {
        return invalid(&"the tag needs between 1 and 128 letters, digits, '_', '.' and '-'");
    }
    let hex = image.digest.strip_prefix("sha256:");
    let is_digest = |hex: &str| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !image.digest.is_empty() && !hex.is_some_and(is_digest) {
        return invalid(&"the digest is none of SHA-256");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sluice_apis::image::v1::{ImagePolicySpec, ImagePolicyStatus};
    use sluice_apis::k8s::LabelSelector;

    use super::*;

    fn policy(namespace: &str, name: &str, tag: Option<&str>, label: &str) -> Arc<ImagePolicy> {
        let mut policy = ImagePolicy::new(name, ImagePolicySpec::default());
        policy.metadata.namespace = Some(namespace.to_owned());
        policy.metadata.labels = Some(BTreeMap::from([("team".to_owned(), label.to_owned())]));
        policy.status = Some(ImagePolicyStatus {
            latest_ref: tag.map(|tag| ImageRef {
                name: "ghcr.io/org/app".to_owned(),
                tag: tag.to_owned(),
                digest: None,
            }),
            ..ImagePolicyStatus::default()
        });
        Arc::new(policy)
    }

    fn automation(selector: Option<LabelSelector>) -> ImageUpdateAutomation {
        let mut spec: ImageUpdateAutomation = serde_json::from_value(serde_json::json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageUpdateAutomation",
            "metadata": {"namespace": "ns", "name": "all"},
            "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "app"}},
        }))
        .unwrap();
        spec.spec.policy_selector = selector;
        spec
    }

    #[test]
    fn those_of_the_namespace_that_are_selected_and_have_an_image() {
        let policies = [
            policy("ns", "a", Some("1"), "x"),
            policy("ns", "b", Some("2"), "y"),
            policy("ns", "c", None, "x"),
            policy("other", "d", Some("1"), "x"),
        ];
        let names = |selector| {
            let chosen = choose(&policies, &automation(selector)).unwrap();
            let markers: Vec<_> = chosen.images.into_keys().collect();
            (chosen.observed.into_keys().collect::<Vec<_>>().join(" "), markers.join(" "))
        };
        assert_eq!(names(None), ("a b".to_owned(), "ns:a ns:b".to_owned()));
        let team = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
        let selector = LabelSelector { match_labels: Some(team), match_expressions: None };
        assert_eq!(names(Some(selector)), ("a".to_owned(), "ns:a".to_owned()));
    }

    #[test]
    fn what_is_no_image_is_named() {
        let image = |name: &str, tag: &str, digest: &str| {
            check(&Image { name: name.to_owned(), tag: tag.to_owned(), digest: digest.to_owned() })
        };
        assert_eq!(image("ghcr.io/org/app", "1.0.0", ""), Ok(()));
        assert_eq!(image("alpine", "3", &format!("sha256:{}", "a".repeat(64))), Ok(()));
        let error = image("ghcr.io/UPPER", "1", "").unwrap_err();
        assert!(
            error.starts_with("encountered invalid image ref \"ghcr.io/UPPER:1\": could not parse"),
            "{error}"
        );
        assert!(image("alpine", "a b", "").is_err() && image("alpine", "1", "sha256:x").is_err());
    }
}
