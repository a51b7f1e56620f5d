//! Content on its way: counted, timed and hashed.

use std::time::Duration;

use bytes::Bytes;
use sluice_archive::{Digest, Hasher};
use tokio::time::{Instant, timeout_at};

use crate::transport::Answer;
use crate::{Descriptor, Error, digest};

/// A transfer that is slower than this is given up, in bytes a second over a whole window.
const SLOWEST: u64 = 1024;

/// What is known of content whose transfer may need several requests.
pub(crate) struct Progress {
    expected: Digest,
    hasher: Hasher,
    received: u64,
    size: u64,
}

impl Progress {
    pub(crate) fn new(descriptor: &Descriptor) -> Result<Self, Error> {
        let expected = digest::parse(&descriptor.digest)?;
        Ok(Self { hasher: expected.algorithm().hasher(), expected, received: 0, size: descriptor.size })
    }

    /// Bytes that came.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    fn take(&mut self, chunk: &[u8], request: impl FnOnce() -> String) -> Result<(), Error> {
        self.received += chunk.len() as u64;
        if self.received > self.size {
            return Err(Error::TooLarge { request: request(), limit: self.size });
        }
        self.hasher.update(chunk);
        Ok(())
    }

    /// Whether all of it came, and was what it should be.
    fn finish(self, request: impl FnOnce() -> String) -> Result<(), Error> {
        if self.received < self.size {
            return Err(Error::Truncated {
                request: request(),
                received: self.received,
                expected: self.size,
            });
        }
        let actual = self.hasher.finish();
        if actual == self.expected {
            return Ok(());
        }
        Err(Error::Mismatch {
            algorithm: actual.algorithm().to_string(),
            actual: actual.hex(),
            expected: self.expected.hex(),
        })
    }
}

/// Content that is being received. It can be trusted once [`Blob::chunk`] has given None.
pub struct Blob {
    answer: Answer,
    progress: Option<Progress>,
    window: Window,
}

/// A stretch of time in which enough has to come.
struct Window {
    length: Duration,
    ends: Instant,
    bytes: u64,
}

impl Blob {
    /// `window` is both the longest silence and the time over which the speed is judged.
    pub(crate) fn new(answer: Answer, progress: Progress, window: Duration) -> Self {
        let window = Window { length: window, ends: Instant::now() + window, bytes: 0 };
        Self { answer, progress: Some(progress), window }
    }

    /// The next piece; None at the end, when the digest was found to be right.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(progress) = &mut self.progress else { return Ok(None) };
        let chunk = match timeout_at(self.window.ends, self.answer.chunk()).await {
            Ok(chunk) => chunk?,
            Err(_) => return Err(self.window.too_slow(&self.answer)),
        };
        let Some(chunk) = chunk else {
            let progress = self.progress.take();
            progress.map_or(Ok(()), |progress| progress.finish(|| self.answer.request()))?;
            return Ok(None);
        };
        progress.take(&chunk, || self.answer.request())?;
        self.window.add(chunk.len(), &self.answer)?;
        Ok(Some(chunk))
    }

    /// What came so far, to go on with in another request.
    pub(crate) fn into_progress(self) -> Option<Progress> {
        self.progress
    }
}

impl Window {
    fn add(&mut self, bytes: usize, answer: &Answer) -> Result<(), Error> {
        self.bytes += bytes as u64;
        let enough = SLOWEST * self.length.as_secs().max(1);
        if self.bytes >= enough {
            self.bytes = 0;
            self.ends = Instant::now() + self.length;
        } else if Instant::now() >= self.ends {
            return Err(self.too_slow(answer));
        }
        Ok(())
    }

    fn too_slow(&self, answer: &Answer) -> Error {
        Error::TooSlow { request: answer.request(), bytes: self.bytes, window: self.length }
    }
}
