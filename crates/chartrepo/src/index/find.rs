//! The versions of one chart in a stored index.

use std::cmp::Ordering;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use sluice_semver::{Constraints, Version};

use super::IndexError;
use super::entry::Release;

/// All versions of a chart; None if the index does not know it.
pub fn versions(index: &Path, chart: &str) -> Result<Option<Vec<Release>>, IndexError> {
    let mut reader =
        serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, File::open(index)?));
    Index(chart).deserialize(&mut reader).map_err(|error| IndexError::Invalid(error.to_string()))
}

/// Reads an index and keeps the versions of one chart.
struct Index<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Index<'_> {
    type Value = Option<Vec<Release>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Index<'_> {
    type Value = Option<Vec<Release>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "entries" {
                found = map.next_value_seed(Entries(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Entries<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Option<Vec<Release>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Option<Vec<Release>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries of charts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The version that is wanted: the very one, else the highest in a range, of equal ones the latest made. The empty
/// text and `*` mean the highest that is no pre-release.
pub fn choose(found: Option<Vec<Release>>, chart: &str, wanted: &str) -> Result<Release, String> {
    let Some(releases) = found else { return Err("no chart name found".to_owned()) };
    if releases.is_empty() {
        return Err("no chart version found".to_owned());
    }
    if !wanted.is_empty()
        && let Some(exact) = releases.iter().find(|release| release.version == wanted)
    {
        return Ok(exact.clone());
    }
    let range = if wanted.is_empty() { "*" } else { wanted };
    let range = Constraints::parse(range).map_err(|error| error.to_string())?;
    let fitting = releases.into_iter().filter_map(|release| {
        let version = Version::parse_tag(&release.version).ok()?;
        range.matches(&version).then_some((version, release))
    });
    // Of equal ones the first stays, which is the order of the index.
    let best = fitting.reduce(|best, other| match (other.0.cmp(&best.0), made_later(&other.1, &best.1)) {
        (Ordering::Greater, _) | (Ordering::Equal, true) => other,
        _ => best,
    });
    best.map(|(_, release)| release)
        .ok_or_else(|| format!("no '{chart}' chart with version matching '{wanted}' found"))
}

fn made_later(a: &Release, b: &Release) -> bool {
    let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
    time(&a.created) > time(&b.created)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, created: &str) -> Release {
        Release { name: "app".into(), version: version.into(), created: created.into(), urls: Vec::new() }
    }

    fn chosen(versions: &[(&str, &str)], wanted: &str) -> Result<String, String> {
        let releases = versions.iter().map(|(version, created)| release(version, created)).collect();
        choose(Some(releases), "app", wanted).map(|release| release.version)
    }

    #[test]
    fn the_exact_version_wins_then_the_highest_in_the_range() {
        let versions = [("2.0.0-rc.1", ""), ("1.10.0", ""), ("1.9.0", ""), ("v1.0.0", ""), ("1.0", "")];
        for (wanted, version) in [
            ("*", "1.10.0"),
            ("", "1.10.0"),
            ("1.9.x", "1.9.0"),
            ("2.0.0-rc.1", "2.0.0-rc.1"),
            (">=2.0.0-0", "2.0.0-rc.1"),
            ("v1.0.0", "v1.0.0"),
            ("1.0.0", "v1.0.0"),
        ] {
            assert_eq!(chosen(&versions, wanted).as_deref(), Ok(version), "{wanted}");
        }
        assert_eq!(
            chosen(&versions, "9.9.9").unwrap_err(),
            "no 'app' chart with version matching '9.9.9' found"
        );
        assert_eq!(chosen(&versions, "one").unwrap_err(), "improper constraint: \"one\"");
    }

    #[test]
    fn of_equal_versions_the_latest_made_wins() {
        let versions = [("1.0.0+a", "2026-01-01T00:00:00Z"), ("1.0.0+b", "2026-01-01T00:00:01.5+00:00")];
        assert_eq!(chosen(&versions, "1.x").as_deref(), Ok("1.0.0+b"));
        let undated = [("1.0.0+a", ""), ("1.0.0+b", "")];
        assert_eq!(chosen(&undated, "1.x").as_deref(), Ok("1.0.0+a"));
    }

    #[test]
    fn one_chart_is_read_of_many() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.json");
        let index = r#"{"apiVersion":"v1","entries":{"a":[{"name":"a","version":"1.0.0"}],
            "b":[{"name":"b","version":"2.0.0","urls":["b.tgz"],"created":"0001-01-01T00:00:00Z","home":"x"}]}}"#;
        std::fs::write(&path, index).unwrap();
        let found = versions(&path, "b").unwrap().unwrap();
        assert_eq!((found[0].version.as_str(), found[0].urls.len()), ("2.0.0", 1));
        assert!(versions(&path, "c").unwrap().is_none());
    }
}
