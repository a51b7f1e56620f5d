//! Values from files of sources: an addition to Flux, behind the feature gate `ArtifactValues`.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use futures::FutureExt;
use futures::future::BoxFuture;
use sluice_apis::helm::v2::HelmRelease;
use sluice_release::values::{Files, Found, SOURCE_KINDS};
use sluice_runtime::ObjectKey;

use super::source::{self, SourceKey};
use super::{Releaser, spec};

/// How large a file with values may be.
const MAX_BYTES: u64 = 5 << 20;

/// The sources whose files hold values of a `HelmRelease`.
pub fn sources(object: &HelmRelease) -> impl Iterator<Item = SourceKey> {
    let references = object.spec.values_from.iter();
    let of_sources = references.filter(|reference| SOURCE_KINDS.contains(&reference.kind.as_str()));
    of_sources.map(|reference| SourceKey {
        kind: reference.kind.as_str().to_owned(),
        key: ObjectKey::new(spec::namespace(object), reference.name.as_str()),
    })
}

impl Files for Releaser {
    fn read<'a>(
        &'a self,
        kind: &'a str,
        namespace: &'a str,
        name: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<Found, String>> {
        self.file(SourceKey { kind: kind.to_owned(), key: ObjectKey::new(namespace, name) }, path).boxed()
    }
}

impl Releaser {
    async fn file(&self, source: SourceKey, path: &str) -> Result<Found, String> {
        if !self.options.artifact_values {
            return Err("values from files of sources need the feature gate ArtifactValues".to_owned());
        }
        let inner = inner(path)?;
        let found = self.sources.get(source.kind.as_str()).and_then(|lookup| lookup(&source.key));
        let Some(found) = found else {
            let (kind, group) = (&source.kind, sluice_apis::source::GROUP);
            return Ok(Found::NoObject(format!("{kind}.{group} \"{}\" not found", source.key.name)));
        };
        let artifact = source::artifact(&source, &found)?;
        let unpacked = self.fetcher.get(&artifact).await.map_err(|error| error.to_string())?;
        let file = unpacked.path().join(inner);
        let read = tokio::task::spawn_blocking(move || read(&file)).await;
        // The folder goes when the last of its users is done.
        drop(unpacked);
        read.map_err(|error| format!("reading was stopped: {error}"))?
    }
}

/// The path below the root of an artifact.
fn inner(path: &str) -> Result<PathBuf, String> {
    let mut inner = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => inner.push(name),
            Component::CurDir => {}
            _ => return Err("path leads out of the source: it is relative to its root".to_owned()),
        }
    }
    Ok(inner)
}

fn read(file: &Path) -> Result<Found, String> {
    use std::io::ErrorKind;

    let opened = match std::fs::File::open(file) {
        Ok(opened) => opened,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Found::NoKey);
        }
        Err(error) => return Err(error.kind().to_string()),
    };
    let mut data = Vec::new();
    opened.take(MAX_BYTES + 1).read_to_end(&mut data).map_err(|error| error.kind().to_string())?;
    if data.len() as u64 > MAX_BYTES {
        return Err(format!("the file has more than {MAX_BYTES} bytes"));
    }
    Ok(Found::Data(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        for (path, expected) in [("./a//b.yaml", "a/b.yaml"), ("a/./b.yaml", "a/b.yaml")] {
            assert_eq!(inner(path).unwrap(), Path::new(expected));
        }
        for path in ["../a", "a/../../b", "/etc/passwd"] {
            assert!(inner(path).is_err(), "{path}");
        }
    }

    #[test]
    fn only_files_of_a_sound_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        assert_eq!(read(&file), Ok(Found::NoKey));
        std::fs::write(&file, "x: 1").unwrap();
        assert_eq!(read(&file), Ok(Found::Data(b"x: 1".to_vec())));
        assert_eq!(read(&file.join("b")), Ok(Found::NoKey));
        assert!(read(folder.path()).unwrap_err().contains("directory"));
        std::fs::File::create(&file).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(read(&file).is_err());
    }
}
