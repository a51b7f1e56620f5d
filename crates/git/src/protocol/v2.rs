//! Version 2: one command per request, references filtered by the server.

use bytes::Bytes;
use tokio::io::AsyncRead;

use super::capabilities::Capabilities;
use super::pktline::{Packet, PacketReader, Request};
use super::{AGENT, FetchRequest, PackSink, ShallowUpdate, is_hash, read_side_band, remote_ref};
use crate::Cause;
use crate::client::RemoteRef;

pub async fn read_capabilities<R: AsyncRead + Unpin>(
    reader: &mut PacketReader<R>,
) -> Result<Capabilities, Cause> {
    let mut capabilities = Capabilities::default();
    while let Some(line) = reader.next_line().await? {
        capabilities.add(&line);
    }
    Ok(capabilities)
}

/// The part that all commands begin with.
fn command(name: &str, capabilities: &Capabilities) -> Request {
    let mut request = Request::default();
    request.line(&format!("command={name}"));
    if capabilities.has("agent") {
        request.line(&format!("agent={AGENT}"));
    }
    if capabilities.has("object-format") {
        request.line("object-format=sha1");
    }
    request.delimiter();
    request
}

pub fn list_request(capabilities: &Capabilities, prefixes: &[&str]) -> Bytes {
    let mut request = command("ls-refs", capabilities);
    request.line("peel");
    for prefix in prefixes {
        request.line(&format!("ref-prefix {prefix}"));
    }
    request.flush();
    request.into_bytes()
}

/// Lines `<hash> <name>[ peeled:<hash>]…` up to the flush packet.
pub async fn read_references<R: AsyncRead + Unpin>(
    reader: &mut PacketReader<R>,
) -> Result<Vec<RemoteRef>, Cause> {
    let mut references = Vec::new();
    while let Some(line) = reader.next_line().await? {
        let mut words = line.split(' ');
        let (Some(sha), Some(name)) = (words.next(), words.next()) else {
            return Err(Cause::Protocol("a reference line has no name".to_owned()));
        };
        if sha == "unborn" {
            continue;
        }
        let mut reference = remote_ref(sha, name)?;
        reference.peeled =
            words.find_map(|word| word.strip_prefix("peeled:")).filter(|sha| is_hash(sha)).map(str::to_owned);
        references.push(reference);
    }
    Ok(references)
}

pub fn fetch_request(capabilities: &Capabilities, fetch: &FetchRequest) -> Bytes {
    let mut request = command("fetch", capabilities);
    request.line("ofs-delta").line("no-progress");
    if !fetch.haves.is_empty() {
        request.line("thin-pack");
    }
    if capabilities.lists("fetch", "shallow") {
        for sha in &fetch.shallow {
            request.line(&format!("shallow {sha}"));
        }
        if fetch.single_commit {
            request.line("deepen 1");
        }
    }
    for sha in &fetch.wants {
        request.line(&format!("want {sha}"));
    }
    for sha in &fetch.haves {
        request.line(&format!("have {sha}"));
    }
    request.line("done").flush();
    request.into_bytes()
}

/// Sections, each with a header line, separated by delimiter packets; the pack comes last.
pub async fn read_pack<R: AsyncRead + Unpin>(
    reader: &mut PacketReader<R>,
    sink: &mut impl PackSink,
) -> Result<ShallowUpdate, Cause> {
    let mut update = ShallowUpdate::default();
    loop {
        let Some(section) = reader.next_line().await? else {
            return Err(Cause::Protocol("the remote sent no pack".to_owned()));
        };
        if section == "packfile" {
            read_side_band(reader, None, sink).await?;
            return Ok(update);
        }
        loop {
            match reader.next().await? {
                Packet::Data(line) if section == "shallow-info" && update.add(&line) => {}
                Packet::Data(_) => {}
                Packet::Delimiter => break,
                Packet::Flush | Packet::ResponseEnd => {
                    return Err(Cause::Protocol("the remote sent no pack".to_owned()));
                }
            }
        }
    }
}

impl ShallowUpdate {
    /// Takes a line `shallow <hash>` or `unshallow <hash>`; false for any other.
    pub(super) fn add(&mut self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        match line.trim_end().split_once(' ') {
            Some(("shallow", sha)) if is_hash(sha) => self.shallow.push(sha.to_owned()),
            Some(("unshallow", sha)) if is_hash(sha) => self.unshallow.push(sha.to_owned()),
            _ => return false,
        }
        true
    }
}
