//! Phase: the wanted layer comes from the registry.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::{LayerOperation, LayerSelector, OciRepository};
use sluice_oci::{Client, Descriptor, Error, ImageManifest};
use sluice_runtime::Pass;
use tempfile::TempDir;
use tokio::fs::File;

use super::OciReconciler;
use super::source::Found;
use crate::conditions::reasons::{DIRECTORY_CREATION_FAILED, OCI_LAYER_OPERATION_FAILED, OCI_PULL_FAILED};
use crate::conditions::types::{FETCH_FAILED, STORAGE_OPERATION_FAILED};
use crate::failure::Failure;

/// Largest layer in bytes.
const MAX_LAYER: u64 = 4 << 30;
/// Name of the file with the layer.
pub(super) const LAYER: &str = "layer";

/// A layer, verified.
pub(super) struct Pulled {
    /// Holds the layer, and room for its content.
    pub(super) dir: TempDir,
    /// What the publisher says about it.
    pub(super) annotations: BTreeMap<String, String>,
}

impl OciReconciler {
    /// Downloads the layer that the spec selects.
    pub(super) async fn pull(
        &self,
        pass: &mut Pass<OciRepository>,
        found: &Found,
    ) -> Result<Pulled, Failure> {
        let dir = TempDir::new_in(self.workspace.path()).map_err(|error| no_directory(&error))?;
        let spec = &pass.object.spec;
        let work = async || {
            let image = found.client.image(&found.digest).await.map_err(|error| {
                let message = format!("failed to pull artifact from '{}': {error}", spec.url);
                Failure::retry(OCI_PULL_FAILED, message).with_condition(FETCH_FAILED)
            })?;
            let layer = select(&image.manifest, spec.layer_selector.as_ref())?;
            download(&found.client, layer, &dir, is_copy(spec.layer_selector.as_ref())).await?;
            Ok::<_, Failure>(image.manifest.annotations)
        };
        let annotations = self.lanes.ask(pass, &found.url, work).await??;
        delete(&mut pass.object, STORAGE_OPERATION_FAILED);
        Ok(Pulled { dir, annotations })
    }
}

async fn download(client: &Client, layer: &Descriptor, dir: &TempDir, is_copy: bool) -> Result<(), Failure> {
    if layer.size > MAX_LAYER {
        return Err(bad_layer(&format!("layer is {} bytes long, more than {MAX_LAYER}", layer.size)));
    }
    let mut file = File::create(dir.path().join(LAYER)).await.map_err(|error| no_directory(&error))?;
    client.download(layer, &mut file).await.map_err(|error| {
        let what = match (&error, is_copy) {
            (Error::Status(_), _) => "failed to extract the first layer from artifact",
            (_, false) => "failed to extract layer contents from artifact",
            (_, true) => "failed to copy layer from artifact",
        };
        bad_layer(&format!("{what}: {error}"))
    })
}

/// Whether the layer is taken as it is, not unpacked. Operations that are neither were refused before.
pub(super) fn is_copy(selector: Option<&LayerSelector>) -> bool {
    selector.is_some_and(|selector| selector.operation == Some(LayerOperation::Copy))
}

/// The first layer, or the first of the media type.
fn select<'a>(
    manifest: &'a ImageManifest,
    selector: Option<&LayerSelector>,
) -> Result<&'a Descriptor, Failure> {
    let first = manifest.layers.first().ok_or_else(|| bad_layer(&"no layers found in artifact"))?;
    let wanted =
        selector.and_then(|selector| selector.media_type.as_ref()).filter(|wanted| !wanted.is_empty());
    let Some(wanted) = wanted else { return Ok(first) };
    manifest.layers.iter().find(|layer| layer.media_type == *wanted).ok_or_else(|| {
        let has: Vec<&str> = manifest.layers.iter().map(|layer| layer.media_type.as_str()).collect();
        bad_layer(&format!("failed to find layer with media type '{wanted}' in artifact"))
            .with_detail(format!("it has {}", has.join(", ")))
    })
}

/// The layer cannot be had or used.
pub(super) fn bad_layer(error: &dyn Display) -> Failure {
    Failure::retry(OCI_LAYER_OPERATION_FAILED, error).with_condition(FETCH_FAILED)
}

fn no_directory(error: &io::Error) -> Failure {
    let message = format!("failed to create temporary working directory: {error}");
    Failure::retry(DIRECTORY_CREATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(types: &[&str]) -> ImageManifest {
        let layers = types.iter().enumerate().map(|(size, media_type)| Descriptor {
            media_type: (*media_type).to_owned(),
            size: size as u64,
            ..Descriptor::default()
        });
        ImageManifest { layers: layers.collect(), ..ImageManifest::default() }
    }

    fn selected(types: &[&str], wanted: Option<&str>) -> Result<u64, Failure> {
        let selector =
            wanted.map(|wanted| LayerSelector { media_type: Some(wanted.to_owned()), operation: None });
        select(&manifest(types), selector.as_ref()).map(|layer| layer.size)
    }

    #[test]
    fn the_first_layer_that_fits_is_taken() {
        assert_eq!(selected(&["a", "b"], None), Ok(0));
        assert_eq!(selected(&["a", "b", "b"], Some("b")), Ok(1));
        assert_eq!(selected(&["a", "b"], Some("")), Ok(0));
        let failure = selected(&[], Some("b")).unwrap_err();
        assert_eq!(failure.message, "no layers found in artifact");
        let failure = selected(&["a", "c"], Some("b")).unwrap_err();
        assert_eq!(failure.event_message(), "failed to find layer with media type 'b' in artifact");
        assert_eq!(failure.message, "failed to find layer with media type 'b' in artifact: it has a, c");
    }
}
