//! Charts as artifacts in registries.

use sluice_oci::{Descriptor, ImageManifest};

/// Media type of what Helm pushes as configuration.
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Media types of the layer with the chart.
const CONTENT: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
/// Media type of the layer with the signature.
const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

/// The layer with the chart.
pub fn content(manifest: &ImageManifest) -> Result<&Descriptor, String> {
    if manifest.config.media_type != CONFIG {
        return Err(format!(
            "could not load config with mediatype {CONFIG}: the artifact's configuration has mediatype {}",
            manifest.config.media_type
        ));
    }
    let layers = manifest.layers.iter();
    CONTENT
        .iter()
        .find_map(|wanted| layers.clone().find(|layer| layer.media_type == *wanted))
        .ok_or_else(|| format!("manifest does not contain a layer with mediatype {}", CONTENT[0]))
}

/// The layer with the signature, if there is one.
pub fn provenance(manifest: &ImageManifest) -> Option<&Descriptor> {
    manifest.layers.iter().find(|layer| layer.media_type == PROVENANCE)
}

/// The versions that tags stand for: tags can't hold the `+` of versions.
pub fn versions(tags: &[String]) -> Vec<String> {
    tags.iter().map(|tag| tag.replace('_', "+")).collect()
}

/// The tag of a version.
pub fn tag(version: &str) -> String {
    version.replace('+', "_")
}

/// The very tag, or the highest version in a range.
pub fn highest(tags: &[String], wanted: &str) -> Result<String, String> {
    if !wanted.is_empty()
        && let Some(exact) = tags.iter().find(|tag| *tag == wanted)
    {
        return Ok(exact.clone());
    }
    let range = if wanted.is_empty() { "*" } else { wanted };
    let range = sluice_semver::Constraints::parse(range).map_err(|error| error.to_string())?;
    let versions = tags.iter().filter_map(|tag| sluice_semver::Version::parse_tag(tag).ok());
    let best = versions
        .filter(|version| range.matches(version))
        .reduce(|best, other| if other.cmp(&best) == std::cmp::Ordering::Greater { other } else { best });
    best.map(|version| version.original().to_owned())
        .ok_or_else(|| format!("could not locate a version matching provided version string {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_tag_in_the_range_is_taken() {
        let tags = versions(&["latest", "1.0.0", "1.2.0_a", "2.0.0-rc.1"].map(str::to_owned));
        assert_eq!(highest(&tags, "").as_deref(), Ok("1.2.0+a"));
        assert_eq!(highest(&tags, "latest").as_deref(), Ok("latest"));
        assert_eq!(highest(&tags, ">1.0.0-0").as_deref(), Ok("2.0.0-rc.1"));
        assert_eq!(
            highest(&tags, "9.x").unwrap_err(),
            "could not locate a version matching provided version string 9.x"
        );
    }

    #[test]
    fn only_charts_are_taken_for_charts() {
        let descriptor =
            |media_type: &str| Descriptor { media_type: media_type.to_owned(), ..Descriptor::default() };
        let mut manifest = ImageManifest { config: descriptor("x"), ..ImageManifest::default() };
        assert!(content(&manifest).unwrap_err().contains("mediatype x"));
        manifest.config = descriptor(CONFIG);
        assert!(content(&manifest).unwrap_err().contains("does not contain a layer"));
        manifest.layers = vec![descriptor(PROVENANCE), descriptor(CONTENT[1])];
        assert_eq!(content(&manifest).unwrap().media_type, CONTENT[1]);
        assert!(provenance(&manifest).is_some());
    }
}
