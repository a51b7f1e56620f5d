//! Against stores that are played by others' code: S3 by gofakes3, whose signatures Amazon's own library checks, and
//! Google's by fake-gcs-server, Azure's by Azurite.

// The exemption for tests in clippy.toml does not reach helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod azure;
mod gcs;
mod s3;

use sluice_bucket::{Bucket, Object};

/// All objects with a prefix, sorted.
async fn list(bucket: &Bucket, prefix: &str) -> Vec<Object> {
    let mut found = Vec::new();
    bucket.list(prefix, &mut |object| found.push(object)).await.unwrap();
    found.sort_by(|a, b| a.key.cmp(&b.key));
    found
}

fn keys(objects: &[Object]) -> Vec<&str> {
    objects.iter().map(|object| object.key.as_str()).collect()
}

/// An object's entity tag and content.
async fn download(bucket: &Bucket, key: &str) -> Option<(String, String)> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let etag = bucket.download(key, &file).await.unwrap()?;
    Some((etag, std::fs::read_to_string(file).unwrap()))
}
