//! Phase: what the schema cannot check.

use std::collections::BTreeSet;

use sluice_apis::extensions::v1beta1::ArtifactGenerator;

use super::names::is_dns_subdomain;
use super::status::{ACCESS_DENIED, VALIDATION_FAILED};
use crate::failure::Failure;

/// Whether the spec makes sense.
pub(super) fn check(generator: &ArtifactGenerator, no_cross_namespace_refs: bool) -> Result<(), Failure> {
    let invalid = |message: String| Err(Failure::stall(VALIDATION_FAILED, message));
    let own = generator.metadata.namespace.as_deref();
    let spec = &generator.spec;
    let mut aliases = BTreeSet::new();
    for source in &spec.sources {
        if !aliases.insert(source.alias.as_str()) {
            return invalid(format!("duplicate source alias '{}' found", source.alias));
        }
        let namespace = source.namespace.as_deref().filter(|namespace| !namespace.is_empty());
        if let Some(namespace) = namespace
            && no_cross_namespace_refs
            && Some(namespace) != own
        {
            let message = format!(
                "cross-namespace reference to source {}/{namespace}/{} is not allowed",
                source.kind, source.name
            );
            return Err(Failure::stall(ACCESS_DENIED, message));
        }
    }
    let has_pattern = spec.path_pattern.as_deref().is_some_and(|pattern| !pattern.is_empty());
    let mut names = BTreeSet::new();
    for artifact in &spec.output_artifacts {
        let name = artifact.name.as_str();
        if names.contains(name) {
            return invalid(format!("duplicate artifact name '{name}' found"));
        }
        if !has_pattern && let Err(rule) = is_dns_subdomain(name) {
            return invalid(format!("artifact name {name:?} is not a valid Kubernetes object name: {rule}"));
        }
        let alias = artifact.revision.as_deref().map(|alias| alias.trim_start_matches('@'));
        if let Some(alias) = alias.filter(|alias| !alias.is_empty() && !aliases.contains(alias)) {
            return invalid(format!("artifact {name} revision source alias '{alias}' not found"));
        }
        names.insert(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sluice_apis::extensions::v1beta1::{
        ArtifactGeneratorSpec, OutputArtifact, SourceKind, SourceReference,
    };

    use super::*;

    fn checked(
        sources: &[(&str, Option<&str>)],
        artifacts: &[(&str, Option<&str>)],
        pattern: Option<&str>,
    ) -> Result<(), String> {
        let sources = sources.iter().map(|(alias, namespace)| SourceReference {
            alias: (*alias).to_owned(),
            kind: SourceKind::GitRepository,
            name: "app".to_owned(),
            namespace: namespace.map(str::to_owned),
        });
        let output_artifacts = artifacts.iter().map(|(name, revision)| OutputArtifact {
            name: (*name).to_owned(),
            revision: revision.map(str::to_owned),
            ..OutputArtifact::default()
        });
        let spec = ArtifactGeneratorSpec {
            sources: sources.collect(),
            output_artifacts: output_artifacts.collect(),
            path_pattern: pattern.map(str::to_owned),
            ..ArtifactGeneratorSpec::default()
        };
        let mut generator = ArtifactGenerator::new("generator", spec);
        generator.metadata.namespace = Some("own".to_owned());
        check(&generator, true).map_err(|failure| format!("{} {}", failure.reason, failure.message))
    }

    #[test]
    fn mistakes_are_named() {
        let ok = [("a", None), ("b", Some("own"))];
        assert_eq!(checked(&ok, &[("x", Some("@a")), ("y", None)], None), Ok(()));
        let error = |sources: &[_], artifacts: &[_]| checked(sources, artifacts, None).unwrap_err();
        assert_eq!(
            error(&[("a", None), ("a", None)], &[]),
            "ValidationFailed duplicate source alias 'a' found"
        );
        assert_eq!(
            error(&[("a", Some("other"))], &[]),
            "AccessDenied cross-namespace reference to source GitRepository/other/app is not allowed"
        );
        assert_eq!(
            error(&ok, &[("x", None), ("x", None)]),
            "ValidationFailed duplicate artifact name 'x' found"
        );
        assert_eq!(
            error(&ok, &[("x", Some("@c"))]),
            "ValidationFailed artifact x revision source alias 'c' not found"
        );
        assert!(error(&ok, &[("X", None)]).contains("is not a valid Kubernetes object name"));
        assert_eq!(checked(&ok, &[("x-{app}", None)], Some("@a/{app}")), Ok(()));
    }
}
