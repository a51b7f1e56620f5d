//! The client's side of Git's pack protocol, versions 0 to 2 (gitprotocol-pack(5), gitprotocol-v2(5)).
//!
//! libgit2's own client is blocking, process-wide in its registration of transports, and speaks only
//! version 0, which lists every reference of the remote each time. Here the network side is
//! asynchronous, each session owns its configuration, and only objects go through libgit2.

mod capabilities;
mod pktline;
mod receive;
mod v0;
mod v2;

use bytes::Bytes;

pub use pktline::{PacketReader, clean};
pub use receive::{Command, PushSession};

use crate::client::RemoteRef;
use crate::transport::{Connection, Service};
use crate::{Cause, Limits, Remote};
use capabilities::Capabilities;
use pktline::Packet;

/// How we introduce ourselves to servers, some of which look for `git/`.
pub const AGENT: &str = concat!("git/sluice-", env!("CARGO_PKG_VERSION"));

/// A conversation with `git-upload-pack` on a remote.
pub struct Session {
    connection: Connection,
    dialect: Dialect,
    capabilities: Capabilities,
    limits: Limits,
}

enum Dialect {
    /// Versions 0 and 1: the remote has listed all its references already.
    V0(Vec<RemoteRef>),
    V2,
}

/// Which objects to send.
#[derive(Debug, Default)]
pub struct FetchRequest {
    /// Hashes of objects to send with all that they reach.
    pub wants: Vec<String>,
    /// Hashes of commits that we have.
    pub haves: Vec<String>,
    /// Those of our commits whose parents we lack.
    pub shallow: Vec<String>,
    /// Only the wanted commits, not their ancestors.
    pub single_commit: bool,
}

/// How a fetch changes which commits lack their parents.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ShallowUpdate {
    /// These lack their parents now.
    pub shallow: Vec<String>,
    /// These have them now.
    pub unshallow: Vec<String>,
}

/// Takes the bytes of a pack.
pub trait PackSink {
    /// Takes the next bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), Cause>;
}

/// Connects, and reads the line that the remote begins with.
async fn greeting(
    remote: &Remote,
    service: Service,
    limits: &Limits,
) -> Result<(Connection, Option<String>), Cause> {
    let mut connection = Connection::open(remote, service).await?;
    connection.reader().limit(limits.listing_bytes);
    let mut line = connection.reader().next_line().await?;
    if line.as_deref().is_some_and(|line| line.starts_with("# service=")) {
        // Only HTTP has this preamble: one line and a flush.
        connection.reader().next().await?;
        line = connection.reader().next_line().await?;
    }
    if line.as_deref() == Some("version 1") {
        line = connection.reader().next_line().await?;
    }
    Ok((connection, line))
}

/// Whether objects have the names that are understood.
fn check_format(capabilities: &Capabilities) -> Result<(), Cause> {
    match capabilities.value("object-format") {
        Some(format) if format != "sha1" => {
            Err(Cause::Protocol(format!("the repository names objects by {format}; only sha1 is supported")))
        }
        _ => Ok(()),
    }
}

impl Session {
    /// Connects, authenticates and reads what the remote can do.
    pub async fn open(remote: &Remote, limits: &Limits) -> Result<Self, Cause> {
        let (mut connection, line) = greeting(remote, Service::UploadPack, limits).await?;
        let (dialect, capabilities) = match line.as_deref() {
            Some("version 2") => (Dialect::V2, v2::read_capabilities(connection.reader()).await?),
            first => {
                let (references, capabilities) = v0::read_advertisement(connection.reader(), first).await?;
                (Dialect::V0(references), capabilities)
            }
        };
        check_format(&capabilities)?;
        Ok(Self { connection, dialect, capabilities, limits: limits.clone() })
    }

    /// References whose names begin with one of `prefixes`; all when there are none.
    pub async fn references(&mut self, prefixes: &[&str]) -> Result<Vec<RemoteRef>, Cause> {
        let wanted =
            |name: &str| prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix));
        let mut references = match &self.dialect {
            Dialect::V0(references) => references.clone(),
            Dialect::V2 => {
                self.connection.send(v2::list_request(&self.capabilities, prefixes)).await?;
                self.connection.reader().limit(self.limits.listing_bytes);
                v2::read_references(self.connection.reader()).await?
            }
        };
        // In version 2 prefixes are a hint that servers may ignore.
        references.retain(|reference| wanted(&reference.name));
        Ok(references)
    }

    /// Whether the remote may send commits that no reference names.
    pub fn offers_any_commit(&self) -> bool {
        match self.dialect {
            Dialect::V2 => true,
            Dialect::V0(_) => ["allow-reachable-sha1-in-want", "allow-any-sha1-in-want"]
                .iter()
                .any(|name| self.capabilities.has(name)),
        }
    }

    /// Transfers objects as one pack.
    pub async fn fetch(
        &mut self,
        request: &FetchRequest,
        sink: &mut impl PackSink,
    ) -> Result<ShallowUpdate, Cause> {
        let body = match self.dialect {
            Dialect::V0(_) => v0::fetch_request(&self.capabilities, request),
            Dialect::V2 => v2::fetch_request(&self.capabilities, request),
        };
        self.connection.send(body).await?;
        let reader = self.connection.reader();
        // Framing costs 5 bytes a packet; the sink holds the exact bound on the pack itself.
        reader
            .limit(self.limits.pack_bytes.saturating_add(self.limits.pack_bytes / 4).saturating_add(1 << 20));
        match self.dialect {
            Dialect::V0(_) => v0::read_pack(reader, &self.capabilities, request, sink).await,
            Dialect::V2 => v2::read_pack(reader, sink).await,
        }
    }
}

/// Copies the pack out of its side band up to the flush packet.
async fn read_side_band<R: tokio::io::AsyncRead + Unpin>(
    reader: &mut PacketReader<R>,
    first: Option<Bytes>,
    sink: &mut impl PackSink,
) -> Result<(), Cause> {
    let mut pending = first;
    loop {
        let mut data = match pending.take() {
            Some(data) => data,
            None => match reader.next().await? {
                Packet::Data(data) => data,
                Packet::Flush | Packet::ResponseEnd => return Ok(()),
                Packet::Delimiter => {
                    return Err(Cause::Protocol("unexpected delimiter inside a pack".to_owned()));
                }
            },
        };
        if data.is_empty() {
            continue;
        }
        match data.split_to(1)[0] {
            1 => sink.write(data).await?,
            2 => tracing::trace!(progress = %clean(&data), "remote"),
            3 => return Err(Cause::Remote(clean(&data))),
            band => return Err(Cause::Protocol(format!("unknown side band {band}"))),
        }
    }
}

/// A reference as a remote lists it; refuses hashes that are none.
fn remote_ref(sha: &str, name: &str) -> Result<RemoteRef, Cause> {
    if !is_hash(sha) {
        return Err(Cause::Protocol(format!("'{}' is not an object name", clean(sha.as_bytes()))));
    }
    Ok(RemoteRef { name: name.to_owned(), sha: sha.to_owned(), peeled: None })
}

/// Whether the text is a full SHA-1 object name in lower-case hexadecimal.
pub fn is_hash(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
