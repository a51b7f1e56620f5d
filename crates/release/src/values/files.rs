//! Values from files of sources, which Flux does not have.

use futures::FutureExt;
use futures::future::BoxFuture;
use sluice_apis::helm::v2::ValuesReference;

use super::{Found, ValuesError, key};

/// The kinds of sources whose files may hold values.
pub const SOURCE_KINDS: [&str; 4] = ["GitRepository", "OCIRepository", "Bucket", "ExternalArtifact"];

/// Reads files of sources.
pub trait Files: Sync {
    /// The file at a path below the root of a source's artifact. An error says what is wrong with the reference.
    fn read<'a>(
        &'a self,
        kind: &'a str,
        namespace: &'a str,
        name: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Found, String>>;
}

/// Reads none, and says why.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles(pub &'static str);

impl Files for NoFiles {
    fn read<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Found, String>> {
        std::future::ready(Err(self.0.to_owned())).boxed()
    }
}

/// Whether a reference is to a source.
pub(super) fn is_source(reference: &ValuesReference) -> bool {
    SOURCE_KINDS.contains(&reference.kind.as_str())
}

/// What is behind a reference to a source.
pub(super) async fn read(
    files: &dyn Files,
    namespace: &str,
    reference: &ValuesReference,
) -> Result<Found, ValuesError> {
    let failed = |reason: String| failed(namespace, reference, reason);
    let path = key(reference);
    if path.is_empty() {
        return Err(failed("path is required: it names the file in the source".to_owned()));
    }
    if reference.values_key.is_some() {
        return Err(failed("valuesKey is for ConfigMaps and Secrets: path names the file".to_owned()));
    }
    files.read(reference.kind.as_str(), namespace, &reference.name, path).await.map_err(failed)
}

/// Keys of ConfigMaps and Secrets have no path.
pub(super) fn refuse_path(namespace: &str, reference: &ValuesReference) -> Result<(), ValuesError> {
    if reference.path.is_none() {
        return Ok(());
    }
    Err(failed(namespace, reference, "path is for sources: valuesKey names the key".to_owned()))
}

fn failed(namespace: &str, reference: &ValuesReference, reason: String) -> ValuesError {
    ValuesError::Reference {
        kind: reference.kind.as_str().to_owned(),
        object: format!("{namespace}/{}", reference.name),
        key: key(reference).to_owned(),
        optional: reference.optional,
        reason,
        detail: None,
    }
}
