//! One download: ask, retry, verify, unpack.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use reqwest::{StatusCode, Url};
use sluice_apis::source::v1::Artifact;
use sluice_archive::{Digest, Symlinks, extract};
use tempfile::TempDir;

use super::{FetchError, Shared, Unpacked};

/// How one try ended.
enum Failure {
    /// Worth another try.
    Transient(String),
    Final(FetchError),
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Final(error)
    }
}

/// Reads an artifact's digest; one without algorithm is SHA-256.
pub(super) fn parse_digest(text: &str) -> Result<Digest, FetchError> {
    if text.is_empty() {
        return Err(FetchError::EmptyDigest);
    }
    let full = if text.contains(':') { text.to_owned() } else { format!("sha256:{text}") };
    full.parse().map_err(|source| FetchError::InvalidDigest { digest: full, source })
}

impl Shared {
    /// Downloads, verifies and unpacks.
    pub(super) async fn fetch(
        self: Arc<Self>,
        artifact: &Artifact,
        digest: &Digest,
    ) -> Result<Arc<Unpacked>, FetchError> {
        let url = self.resolve(&artifact.url)?;
        let archive = self.download(&url, artifact, digest).await?;
        let digest = digest.to_string();
        let _permit = self.unpacks.acquire().await.map_err(|_| FetchError::Aborted)?;
        let shared = Arc::clone(&self);
        let unpack = move || shared.unpack(archive, digest);
        tokio::task::spawn_blocking(unpack).await.map_err(|_| FetchError::Aborted)?.map(Arc::new)
    }

    /// Downloads and verifies.
    pub(super) async fn archive(
        &self,
        artifact: &Artifact,
        digest: &Digest,
        limit: u64,
    ) -> Result<Vec<u8>, FetchError> {
        let url = self.resolve(&artifact.url)?;
        let file = self.download(&url, artifact, digest).await?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(FetchError::workspace)?;
        if bytes.len() as u64 > limit {
            let error = std::io::Error::other(format!("the archive is larger than {limit} bytes"));
            return Err(FetchError::workspace(error));
        }
        Ok(bytes)
    }

    fn resolve(&self, url: &str) -> Result<Url, FetchError> {
        let invalid = |reason: String| FetchError::Url { url: url.to_owned(), reason };
        let mut parsed = Url::parse(url).map_err(|e| invalid(e.to_string()))?;
        if let Some(host) = self.config.hosts.for_url(url) {
            let replaced = format!("{}://{host}{}", parsed.scheme(), parsed.path());
            parsed = Url::parse(&replaced).map_err(|e| invalid(format!("host '{host}': {e}")))?;
        }
        Ok(parsed)
    }

    /// Downloads to a nameless file whose content matches the digest.
    async fn download(&self, url: &Url, artifact: &Artifact, digest: &Digest) -> Result<File, FetchError> {
        let mut wait = self.config.retry_min;
        let mut attempt = 1;
        loop {
            let reason = match self.try_download(url, artifact, digest).await {
                Ok(file) => return Ok(file),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Transient(reason)) => reason,
            };
            if attempt > self.config.retries {
                return Err(FetchError::GaveUp { url: url.to_string(), attempts: attempt, reason });
            }
            tracing::debug!(%url, attempt, %reason, wait_ms = wait.as_millis() as u64, "download failed, will retry");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(self.config.retry_max);
            attempt += 1;
        }
    }

    async fn try_download(&self, url: &Url, artifact: &Artifact, digest: &Digest) -> Result<File, Failure> {
        let mut response = self.client.get(url.clone()).send().await.map_err(|e| transient(&e))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(FetchError::NotFound.into()),
            status if is_transient(status) => {
                return Err(Failure::Transient(format!("unexpected HTTP status {status}")));
            }
            status => {
                let error = FetchError::Status { url: url.to_string(), status: status.to_string() };
                return Err(error.into());
            }
        }

        let mismatch = || FetchError::DigestMismatch { digest: digest.to_string() };
        let announced = artifact.size.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0);
        let mut file = tempfile::tempfile_in(self.workspace.path()).map_err(FetchError::workspace)?;
        let mut hasher = digest.algorithm().hasher();
        let mut received = 0_u64;
        while let Some(chunk) = response.chunk().await.map_err(|e| transient(&e))? {
            received += chunk.len() as u64;
            // A server that sends more than the artifact has would otherwise fill the disk first.
            if announced.is_some_and(|size| received > size) {
                return Err(mismatch().into());
            }
            hasher.update(&chunk);
            // To the page cache: short enough to do on the reactor.
            file.write_all(&chunk).map_err(FetchError::workspace)?;
        }
        if hasher.finish() != *digest {
            return Err(mismatch().into());
        }
        file.rewind().map_err(FetchError::workspace)?;
        Ok(file)
    }

    fn unpack(&self, archive: File, digest: String) -> Result<Unpacked, FetchError> {
        let dir =
            TempDir::with_prefix_in("unpacked-", self.workspace.path()).map_err(FetchError::workspace)?;
        let reader = std::io::BufReader::with_capacity(64 * 1024, archive);
        let extracted = extract(reader, dir.path(), &self.config.limits, Symlinks::Skip)
            .map_err(|e| FetchError::Extract(Arc::new(e)))?;
        Ok(Unpacked { dir, digest, bytes: extracted.bytes, _workspace: Arc::clone(&self.workspace) })
    }
}

fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// The innermost cause says what happened; the outer layers only repeat the URL.
fn transient(error: &reqwest::Error) -> Failure {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Failure::Transient(cause.to_string())
}
