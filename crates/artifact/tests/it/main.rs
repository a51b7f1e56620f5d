//! Storage, file server and fetcher, together and against misbehaving servers.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod fetch;
mod serve;
mod store;

use std::path::Path;
use std::time::Duration;

use sluice_apis::source::v1::Artifact;
use sluice_archive::{Algorithm, Writer};
use sluice_artifact::{ArtifactPath, Storage, StorageConfig};

/// A storage in `dir` that advertises `host`.
fn storage(dir: &Path, host: &str) -> Storage {
    Storage::open(StorageConfig {
        path: dir.to_owned(),
        address: ":9090".to_owned(),
        advertised_address: host.to_owned(),
        retention_ttl: Duration::from_mins(1),
        retention_records: 2,
        algorithm: Algorithm::Sha256,
    })
    .unwrap()
}

/// Stores an archive of one file `a.yaml`.
fn store(storage: &Storage, name: &str, file: &str, content: &[u8]) -> Artifact {
    let path = ArtifactPath::new("GitRepository", "ns", name, file);
    storage.make_dir(&path).unwrap();
    let _lock = storage.lock(&path).unwrap();
    let staged = storage.stage(&path).unwrap();
    let mut writer = Writer::new(staged, storage.algorithm()).unwrap();
    writer.file(b"a.yaml", false, content.len() as u64, content).unwrap();
    let (staged, summary) = writer.finish().unwrap();
    staged.commit(&summary, "main@sha1:0").unwrap()
}
