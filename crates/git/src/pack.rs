//! Writing a received pack into an object store while it arrives.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use git2::{Indexer, Odb};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::protocol::PackSink;
use crate::{Cause, Limits};

/// Each running transfer holds a thread of the blocking pool; this bounds them.
static TRANSFERS: Semaphore = Semaphore::const_new(64);

/// Pieces that may wait for the indexer, each at most one packet long.
const QUEUE: usize = 16;

/// What must stay free on the volume, in bytes. The indexer writes through a mapping of the file: without room for a
/// page the system would end the whole process.
const RESERVE: u64 = 1 << 20;

/// Signature, version and object count.
const HEADER: usize = 12;

/// Feeds a pack to an indexer on a blocking thread. Dropping it abandons the pack.
pub struct PackWriter {
    queue: mpsc::Sender<Piece>,
    indexer: Option<JoinHandle<Result<(), Cause>>>,
    header: BytesMut,
    received: u64,
    limits: Limits,
    abandoned: Arc<AtomicBool>,
}

enum Piece {
    Data(Bytes),
    End,
}

impl PackWriter {
    /// Starts to write a pack into the `objects` directory of a store.
    pub async fn start(objects: PathBuf, limits: Limits) -> Result<Self, Cause> {
        let permit = TRANSFERS.acquire().await.map_err(|err| Cause::Store(err.to_string()))?;
        let (queue, pieces) = mpsc::channel(QUEUE);
        let abandoned = Arc::new(AtomicBool::new(false));
        let stop = abandoned.clone();
        let indexer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            index(&objects, pieces, &stop)
        });
        Ok(Self {
            queue,
            indexer: Some(indexer),
            header: BytesMut::with_capacity(HEADER),
            received: 0,
            limits,
            abandoned,
        })
    }

    /// Waits until the pack can be read.
    pub async fn finish(mut self) -> Result<(), Cause> {
        if self.received < HEADER as u64 {
            return Err(Cause::Protocol("the pack is truncated".to_owned()));
        }
        let sent = self.queue.send(Piece::End).await;
        let result = self.join().await;
        if sent.is_err() && result.is_ok() {
            return Err(Cause::Store("the indexer ended early".to_owned()));
        }
        result
    }

    async fn join(&mut self) -> Result<(), Cause> {
        match self.indexer.take() {
            Some(indexer) => indexer.await.unwrap_or_else(|err| Err(Cause::Store(err.to_string()))),
            None => Ok(()),
        }
    }

    /// Refuses a pack by what its header announces, before anything is allocated for it.
    fn check_header(&mut self, bytes: &Bytes) -> Result<(), Cause> {
        let missing = HEADER - self.header.len();
        self.header.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        let Ok(header) = <[u8; HEADER]>::try_from(&self.header[..]) else { return Ok(()) };
        if !header.starts_with(b"PACK") {
            return Err(Cause::Protocol("the remote did not send a pack".to_owned()));
        }
        let objects = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        if objects > self.limits.objects {
            return Err(Cause::TooLarge(format!(
                "the pack holds {objects} objects, the limit is {}",
                self.limits.objects
            )));
        }
        Ok(())
    }
}

impl PackSink for PackWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Cause> {
        if self.header.len() < HEADER {
            self.check_header(&bytes)?;
        }
        self.received += bytes.len() as u64;
        if self.received > self.limits.pack_bytes {
            return Err(Cause::TooLarge(format!("the pack exceeds {} bytes", self.limits.pack_bytes)));
        }
        if self.queue.send(Piece::Data(bytes)).await.is_err() {
            self.join().await?;
            return Err(Cause::Store("the indexer ended early".to_owned()));
        }
        Ok(())
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// Runs on a blocking thread. Removes what it wrote unless the pack is complete.
fn index(
    objects: &std::path::Path,
    mut pieces: mpsc::Receiver<Piece>,
    abandoned: &AtomicBool,
) -> Result<(), Cause> {
    let failed = |err: &git2::Error| Cause::Store(err.message().to_owned());
    let odb = Odb::new().map_err(|err| failed(&err))?;
    // Thin packs leave out bases that we announced to have.
    odb.add_disk_alternate(&objects.to_string_lossy()).map_err(|err| failed(&err))?;
    let mut indexer =
        Indexer::new(Some(&odb), &objects.join("pack"), 0, false).map_err(|err| failed(&err))?;
    indexer.progress(|_| !abandoned.load(Ordering::Relaxed));
    let mut header = Vec::with_capacity(HEADER);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Data(bytes)) => {
                let missing = HEADER - header.len();
                header.extend_from_slice(&bytes[..bytes.len().min(missing)]);
                check_room(objects, bytes.len() as u64)?;
                indexer.write_all(&bytes).map_err(|err| Cause::Store(err.to_string()))?;
            }
            // Nothing new: libgit2 would leave an empty pack behind.
            Some(Piece::End) if header.ends_with(&[0; 4]) => return Ok(()),
            Some(Piece::End) => return indexer.commit().map(|_| ()).map_err(|err| failed(&err)),
            None => return Err(Cause::Store("the transfer was abandoned".to_owned())),
        }
    }
}

/// Whether so many bytes can be written to the volume of a directory.
fn check_room(dir: &std::path::Path, bytes: u64) -> Result<(), Cause> {
    // Where the system does not say, writing will tell.
    let Ok(volume) = rustix::fs::statvfs(dir) else { return Ok(()) };
    if volume.f_bavail.saturating_mul(volume.f_frsize) < bytes.saturating_add(RESERVE) {
        return Err(Cause::Store("no space left on device".to_owned()));
    }
    Ok(())
}
