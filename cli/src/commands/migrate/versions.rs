//! The latest versions of the APIs in releases of Flux.

use anyhow::{Result, anyhow};

/// The version of an API to migrate to, by group and kind; nothing for kinds that are not Flux's.
pub(super) type Latest = fn(&str, &str) -> Option<&'static str>;

/// The releases that can be migrated to, the newest first.
const RELEASES: [(&str, Latest); 4] =
    [("2.9", since_2_7), ("2.8", since_2_7), ("2.7", since_2_7), ("2.6", of_2_6)];

/// The versions of a release, by default the newest.
pub(super) fn latest(release: Option<&str>) -> Result<Latest> {
    let Some(release) = release.filter(|release| !release.is_empty()) else { return Ok(since_2_7) };
    let found = RELEASES.iter().find(|(name, _)| *name == release).map(|(_, latest)| *latest);
    found.ok_or_else(|| {
        let names = RELEASES.map(|(name, _)| name).join(", ");
        anyhow!("version {release} is not supported, supported versions are: {names}")
    })
}

fn since_2_7(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        ("image.toolkit.fluxcd.io", "ImageRepository" | "ImagePolicy" | "ImageUpdateAutomation") => {
            Some("v1")
        }
        ("source.extensions.fluxcd.io", "ArtifactGenerator") => Some("v1beta1"),
        _ => of_2_6(group, kind),
    }
}

fn of_2_6(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        (
            "source.toolkit.fluxcd.io",
            "Bucket" | "GitRepository" | "OCIRepository" | "HelmRepository" | "HelmChart"
            | "ExternalArtifact",
        )
        | ("kustomize.toolkit.fluxcd.io", "Kustomization")
        | ("notification.toolkit.fluxcd.io", "Receiver") => Some("v1"),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => Some("v2"),
        ("notification.toolkit.fluxcd.io", "Alert" | "Provider") => Some("v1beta3"),
        ("image.toolkit.fluxcd.io", "ImageRepository" | "ImagePolicy" | "ImageUpdateAutomation") => {
            Some("v1beta2")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    #[test]
    fn the_latest_versions_are_those_of_the_commands() {
        let latest = latest(None).unwrap();
        for kind in kinds::SOURCES.into_iter().chain(kinds::IMAGES).chain(kinds::OTHERS) {
            assert_eq!(latest(kind.group, kind.kind), Some(kind.version), "{kind:?}");
        }
        let generator = &kinds::ARTIFACT_GENERATOR;
        assert_eq!(latest(generator.group, generator.kind), Some(generator.version));
        assert_eq!(latest("kustomize.config.k8s.io", "Kustomization"), None);
    }

    #[test]
    fn older_releases_have_older_versions() {
        assert_eq!(latest(Some("2.6")).unwrap()("image.toolkit.fluxcd.io", "ImagePolicy"), Some("v1beta2"));
        assert_eq!(latest(Some("2.7")).unwrap()("image.toolkit.fluxcd.io", "ImagePolicy"), Some("v1"));
        let error = latest(Some("2.5")).err().unwrap().to_string();
        assert_eq!(error, "version 2.5 is not supported, supported versions are: 2.9, 2.8, 2.7, 2.6");
    }
}
