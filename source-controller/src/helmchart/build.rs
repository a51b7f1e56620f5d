//! What a build makes.

use std::fmt;

use sluice_apis::source::v1::{HelmChart, Source};
use sluice_semver::Version;

use super::error::{BuildError, Step};
use crate::kind::SourceKind;

/// A chart that was built, or found to be the one that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    /// The chart.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// Whether it was packed here, not taken as it was.
    pub(super) packaged: bool,
    /// The values files that became its values.
    pub(super) values_files: Vec<String>,
    /// How many charts were added that it needs.
    pub(super) dependencies: usize,
    /// Whether its signature was found to be good.
    pub(super) verified: bool,
    /// The archive; None if it is the one that is stored.
    pub(super) archive: Option<Vec<u8>>,
}

impl Build {
    /// Reason of conditions and events.
    pub(super) fn reason(&self) -> &'static str {
        if self.packaged { "ChartPackageSucceeded" } else { "ChartPullSucceeded" }
    }
}

/// For people.
impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = if self.packaged { "packaged" } else { "pulled" };
        write!(f, "{action} '{}' chart with version '{}'", self.name, self.version)?;
        if self.values_files.is_empty() {
            return Ok(());
        }
        write!(f, " and merged values files [{}]", self.values_files.join(" "))
    }
}

/// How to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// The files to make the values of; none keeps the chart's own.
    pub(super) values_files: Vec<String>,
    /// Whether files may be missing.
    pub(super) ignore_missing: bool,
    /// What to append to the version.
    pub(super) version_metadata: String,
    /// Name, version and values files of what is stored, if it may be kept.
    stored: Option<(String, String, Vec<String>)>,
}

impl Options {
    /// As the spec says. `revision` goes into the version.
    pub(super) fn of(object: &HelmChart, revision: &str) -> Self {
        let spec = &object.spec;
        let values_files =
            if is_default(&spec.values_files) { Vec::new() } else { spec.values_files.clone() };
        let mut version_metadata = revision.to_owned();
        if !values_files.is_empty() {
            // Other values make another chart, which consumers have to notice.
            if !version_metadata.is_empty() {
                version_metadata.push('.');
            }
            version_metadata.push_str(&object.metadata.generation.unwrap_or_default().to_string());
        }
        let observed = object.status.as_ref();
        let is_observed = observed.map(|status| status.observed_generation) == object.metadata.generation;
        let stored = object.artifact().filter(|_| is_observed).and_then(|artifact| {
            let name = observed?.observed_chart_name.clone()?;
            Some((name, artifact.revision.clone(), observed?.observed_values_files.clone()))
        });
        Self { values_files, ignore_missing: spec.ignore_missing_values_files, version_metadata, stored }
    }

    /// Whether a chart can't be taken as it is.
    pub(super) fn needs_packaging(&self) -> bool {
        !self.values_files.is_empty() || !self.version_metadata.is_empty()
    }

    /// The version that the built chart has.
    pub(super) fn version(&self, of_chart: &str) -> Result<String, BuildError> {
        if self.version_metadata.is_empty() {
            return Ok(of_chart.to_owned());
        }
        let version = Version::parse(of_chart).map_err(|error| {
            let message = format!("failed to parse version from chart metadata as SemVer: {error}");
            BuildError::new(Step::Metadata, message)
        })?;
        let (major, minor, patch) = (version.major(), version.minor(), version.patch());
        let pre = version.prerelease();
        let pre = if pre.is_empty() { String::new() } else { format!("-{pre}") };
        Ok(format!("{major}.{minor}.{patch}{pre}+{}", self.version_metadata))
    }

    /// The build without an archive, if the chart of that name and version is stored.
    pub(super) fn stored(&self, name: &str, version: &str, packaged: bool) -> Option<Build> {
        let (stored_name, stored_version, files) = self.stored.as_ref()?;
        (stored_name == name && stored_version == version).then(|| Build {
            name: name.to_owned(),
            version: version.to_owned(),
            packaged,
            values_files: if files.is_empty() { self.values_files.clone() } else { files.clone() },
            dependencies: 0,
            verified: false,
            archive: None,
        })
    }
}

/// Whether only the chart's own values are asked for.
fn is_default(files: &[String]) -> bool {
    matches!(files, [one] if super::values::clean(one) == super::values::DEFAULT)
}

/// Whether the object tells of this build.
pub(super) fn is_recorded(object: &HelmChart, build: &Build) -> bool {
    let name = object.status.as_ref().and_then(|status| status.observed_chart_name.as_deref());
    name == Some(&*build.name) && object.has_revision(&build.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(values_files: &[&str], revision: &str) -> Options {
        let spec = serde_json::json!({
            "chart": "app", "interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "x"},
            "valuesFiles": values_files,
        });
        let mut object = HelmChart::new("app", serde_json::from_value(spec).unwrap());
        object.metadata.generation = Some(3);
        Options::of(&object, revision)
    }

    #[test]
    fn versions_tell_what_went_into_a_chart() {
        let version =
            |files: &[&str], revision: &str| options(files, revision).version("v1.2.3-rc.1+x").unwrap();
        assert_eq!(version(&[], ""), "v1.2.3-rc.1+x");
        assert_eq!(version(&["./values.yaml"], ""), "v1.2.3-rc.1+x");
        assert_eq!(version(&["a.yaml"], ""), "1.2.3-rc.1+3");
        assert_eq!(version(&[], "0123456789ab"), "1.2.3-rc.1+0123456789ab");
        assert_eq!(version(&["values.yaml", "a.yaml"], "0123456789ab"), "1.2.3-rc.1+0123456789ab.3");
        let error = options(&["a.yaml"], "").version("one").unwrap_err().to_string();
        assert_eq!(
            error,
            "chart metadata patch error: failed to parse version from chart metadata as SemVer: invalid semantic version"
        );
    }

    #[test]
    fn builds_are_told_in_one_line() {
        let mut build = Build {
            name: "app".into(),
            version: "1.0.0+3".into(),
            packaged: true,
            values_files: vec!["a.yaml".into(), "b.yaml".into()],
            dependencies: 0,
            verified: false,
            archive: None,
        };
        assert_eq!(
            build.to_string(),
            "packaged 'app' chart with version '1.0.0+3' and merged values files [a.yaml b.yaml]"
        );
        (build.packaged, build.values_files) = (false, Vec::new());
        assert_eq!(build.to_string(), "pulled 'app' chart with version '1.0.0+3'");
    }
}
