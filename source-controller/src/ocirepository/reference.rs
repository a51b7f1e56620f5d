//! Which tag or digest of a repository is wanted.

use std::cmp::Ordering;

use sluice_apis::source::v1::OciRepositoryRef;
use sluice_goregex::{Regex, RegexError};
use sluice_oci::{Client, Version};
use sluice_semver::{ConstraintError, Constraints};

/// What is taken when nothing is said.
const DEFAULT_TAG: &str = "latest";
/// Media type of the layer that holds a Helm chart.
const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// Why no tag could be chosen.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoVersion {
    /// The tags could not be listed.
    #[error(transparent)]
    List(#[from] sluice_oci::Error),
    /// `semverFilter` is no regular expression.
    #[error(transparent)]
    Filter(#[from] RegexError),
    /// `semver` is no range.
    #[error("semver '{0}' parse error: {1}")]
    Range(String, #[source] ConstraintError),
    /// No tag is in the range.
    #[error("no match found for semver: {0}")]
    NoMatch(String),
}

/// The version that `spec.ref` means: the digest, else the highest version of the range, else the tag.
pub(super) async fn choose(
    client: &Client,
    reference: Option<&OciRepositoryRef>,
    layer: Option<&str>,
) -> Result<Version, NoVersion> {
    let none = OciRepositoryRef::default();
    let reference = reference.unwrap_or(&none);
    let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    if let Some(digest) = given(&reference.digest) {
        return Ok(Version::Digest(digest));
    }
    let Some(range) = given(&reference.semver) else {
        return Ok(Version::Tag(given(&reference.tag).unwrap_or_else(|| DEFAULT_TAG.to_owned())));
    };
    let mut highest = Highest::new(&range, given(&reference.semver_filter).as_deref(), layer)?;
    let mut tags = client.tags();
    while let Some(page) = tags.next().await? {
        for tag in &page {
            highest.consider(tag);
        }
    }
    highest.tag().map(Version::Tag).ok_or(NoVersion::NoMatch(range))
}

/// Finds the highest version in a range, one tag after the other.
struct Highest {
    range: Constraints,
    filter: Option<Regex>,
    /// Tags can't hold the `+` of versions: Helm writes `_`.
    is_chart: bool,
    found: Option<sluice_semver::Version>,
}

impl Highest {
    fn new(range: &str, filter: Option<&str>, layer: Option<&str>) -> Result<Self, NoVersion> {
        let filter = filter.map(|filter| Regex::uncached(filter.as_bytes())).transpose()?;
        let range = Constraints::parse(range).map_err(|error| NoVersion::Range(range.to_owned(), error))?;
        Ok(Self { range, filter, is_chart: layer == Some(CHART), found: None })
    }

    fn consider(&mut self, tag: &str) {
        if self.filter.as_ref().is_some_and(|filter| !filter.is_match(tag.as_bytes())) {
            return;
        }
        let text = if self.is_chart { tag.replace('_', "+") } else { tag.to_owned() };
        let Ok(version) = sluice_semver::Version::parse_tag(&text) else { return };
        let higher = |found: &sluice_semver::Version| version.cmp(found) == Ordering::Greater;
        if self.range.matches(&version) && self.found.as_ref().is_none_or(higher) {
            self.found = Some(version);
        }
    }

    fn tag(self) -> Option<String> {
        let version = self.found?;
        let text = version.original();
        Some(if self.is_chart { text.replace('+', "_") } else { text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn highest(tags: &[&str], range: &str, filter: Option<&str>, layer: Option<&str>) -> Option<String> {
        let mut highest = Highest::new(range, filter, layer).unwrap();
        for tag in tags {
            highest.consider(tag);
        }
        highest.tag()
    }

    #[test]
    fn the_highest_version_in_the_range_wins() {
        let tags = ["latest", "1.0.0", "v1.10.0", "1.9.0", "2.0.0-rc.1", "1.10", "3.0.0"];
        assert_eq!(highest(&tags, "1.x", None, None).as_deref(), Some("v1.10.0"));
        assert_eq!(highest(&tags, "*", None, None).as_deref(), Some("3.0.0"));
        assert_eq!(highest(&tags, ">=2.0.0-0 <3", None, None).as_deref(), Some("2.0.0-rc.1"));
        assert_eq!(highest(&tags, "7.x", None, None), None);
    }

    #[test]
    fn the_filter_matches_anywhere_in_a_tag() {
        let tags = ["6.0.0-rc.1", "6.0.0-beta.2", "6.0.0-rc.2", "6.1.0-beta.9"];
        assert_eq!(highest(&tags, ">=6.0.0-0", Some("rc"), None).as_deref(), Some("6.0.0-rc.2"));
        assert_eq!(highest(&tags, ">=6.0.0-0", Some("^rc"), None), None);
        let error = Highest::new("1.x", Some("["), None).err().unwrap().to_string();
        assert_eq!(error, "error parsing regexp: missing closing ]: `[`");
        let error = Highest::new("one", None, None).err().unwrap().to_string();
        assert_eq!(error, "semver 'one' parse error: improper constraint: \"one\"");
    }

    #[test]
    fn charts_write_an_underscore_for_a_plus() {
        let tags = ["1.0.0_build.1", "1.1.0_build.2"];
        assert_eq!(highest(&tags, "1.x", None, Some(CHART)).as_deref(), Some("1.1.0_build.2"));
        assert_eq!(highest(&tags, "1.x", None, None), None);
    }
}
