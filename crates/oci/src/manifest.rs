//! Manifests and indexes (image specification 1.1, and Docker's forms of the same).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Error;

/// Everything that we understand, preferred first.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// Content and where it is found: by its digest.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// `sha256:<hex>`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// What artifact a manifest is.
    #[serde(deserialize_with = "nullable")]
    pub artifact_type: String,
    /// For people and tools.
    #[serde(deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
    /// What machines an image is for.
    pub platform: Option<Platform>,
}

/// A kind of machine.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Platform {
    /// Such as `amd64`.
    pub architecture: String,
    /// Such as `linux`.
    pub os: String,
}

/// One image or artifact.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageManifest {
    /// What the manifest is.
    #[serde(deserialize_with = "nullable")]
    pub media_type: String,
    /// What artifact it is.
    #[serde(deserialize_with = "nullable")]
    pub artifact_type: String,
    /// The configuration of an image; what an artifact is.
    pub config: Descriptor,
    /// The content.
    #[serde(deserialize_with = "nullable")]
    pub layers: Vec<Descriptor>,
    /// For people and tools.
    #[serde(deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
    /// What this is about, as a signature is about an image.
    pub subject: Option<Descriptor>,
}

/// Several manifests, mostly one for each platform.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageIndex {
    /// What the index is.
    #[serde(deserialize_with = "nullable")]
    pub media_type: String,
    /// The manifests.
    #[serde(deserialize_with = "nullable")]
    pub manifests: Vec<Descriptor>,
    /// For people and tools.
    #[serde(deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
}

/// Either of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// One image or artifact.
    Image(Box<ImageManifest>),
    /// Several.
    Index(ImageIndex),
}

/// Go writes empty lists, maps and texts as null, too.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Manifest {
    /// Reads a manifest; `request` is named in errors.
    pub(crate) fn parse(body: &[u8], request: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape {
            #[serde(default)]
            schema_version: u32,
            manifests: Option<serde::de::IgnoredAny>,
            layers: Option<serde::de::IgnoredAny>,
        }
        let bad = |reason: String| Error::Protocol { request: request.to_owned(), reason };
        let invalid = |error: serde_json::Error| bad(format!("invalid manifest: {error}"));
        let shape: Shape = serde_json::from_slice(body).map_err(invalid)?;
        match (shape.schema_version, shape.manifests, shape.layers) {
            (1, ..) => Err(bad(
                "unsupported manifest: Docker schema 1 has no layers that can be verified: push the image again".to_owned(),
            )),
            // One document must not mean two things (GHSA-77vh-xpmg-72qh).
            (_, Some(_), Some(_)) => Err(bad("ambiguous manifest: it has both layers and manifests".to_owned())),
            (_, Some(_), None) => serde_json::from_slice(body).map(Self::Index).map_err(invalid),
            (_, None, _) => serde_json::from_slice(body).map(Box::new).map(Self::Image).map_err(invalid),
        }
    }
}

impl ImageIndex {
    /// The manifest for linux/amd64: the first that says so or says nothing.
    pub fn default_platform(&self) -> Option<&Descriptor> {
        self.manifests.iter().find(|entry| {
            entry
                .platform
                .as_ref()
                .is_none_or(|platform| platform.os == "linux" && platform.architecture == "amd64")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: &serde_json::Value) -> Result<Manifest, String> {
        Manifest::parse(value.to_string().as_bytes(), "Get \"x\"").map_err(|error| error.to_string())
    }

    #[test]
    fn images_and_indexes_are_told_apart() {
        let image = json!({"schemaVersion": 2, "config": {"mediaType": "c", "digest": "d", "size": 2},
            "layers": [{"mediaType": "l", "digest": "e", "size": 3}], "annotations": {"a": "b"}, "subject": null});
        let Ok(Manifest::Image(image)) = parse(&image) else { panic!("no image") };
        assert_eq!((image.layers[0].size, image.config.media_type.as_str()), (3, "c"));
        assert_eq!(image.annotations["a"], "b");
        let index = json!({"schemaVersion": 2, "manifests": null});
        assert!(matches!(parse(&index), Ok(Manifest::Image(_))));
        let index = json!({"schemaVersion": 2, "manifests": [], "annotations": null});
        assert!(matches!(parse(&index), Ok(Manifest::Index(_))));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (manifest, text) in [
            (json!({"schemaVersion": 1, "fsLayers": []}), "schema 1"),
            (json!({"schemaVersion": 2, "layers": [], "manifests": []}), "ambiguous"),
            (json!([]), "invalid manifest"),
            (json!({"layers": [{"size": -1}]}), "invalid manifest"),
        ] {
            let error = parse(&manifest).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn the_platform_is_linux_on_amd64() {
        let index = |platforms: &[Option<(&str, &str)>]| {
            let manifests = platforms.iter().enumerate().map(|(size, platform)| Descriptor {
                size: size as u64,
                platform: platform.map(|(os, architecture)| Platform {
                    os: os.to_owned(),
                    architecture: architecture.to_owned(),
                }),
                ..Descriptor::default()
            });
            let index = ImageIndex { manifests: manifests.collect(), ..ImageIndex::default() };
            index.default_platform().map(|entry| entry.size)
        };
        assert_eq!(index(&[Some(("linux", "arm64")), Some(("linux", "amd64")), None]), Some(1));
        assert_eq!(index(&[Some(("linux", "arm64")), None]), Some(1));
        assert_eq!(index(&[Some(("windows", "amd64"))]), None);
    }
}
