//! Versions 0 and 1: the server lists everything first, then one negotiation yields one pack.

use bytes::Bytes;
use tokio::io::AsyncRead;

use super::capabilities::Capabilities;
use super::pktline::{Packet, PacketReader, Request};
use super::{AGENT, FetchRequest, PackSink, ShallowUpdate, clean, is_hash, read_side_band, remote_ref};
use crate::Cause;
use crate::client::RemoteRef;

/// Lines `<hash> <name>`, the first with the capabilities after a NUL; `first` has been read already.
/// An annotated tag is followed by `<name>^{}` with the hash of what it points to.
pub async fn read_advertisement<R: AsyncRead + Unpin>(
    reader: &mut PacketReader<R>,
    first: Option<&str>,
) -> Result<(Vec<RemoteRef>, Capabilities), Cause> {
    let mut references: Vec<RemoteRef> = Vec::new();
    let mut capabilities = Capabilities::default();
    let mut next = first.map(str::to_owned);
    while let Some(line) = next {
        let (line, words) = line.split_once('\0').unwrap_or((&line, ""));
        words.split(' ').filter(|word| !word.is_empty()).for_each(|word| capabilities.add(word));
        match line.split_once(' ') {
            Some(("shallow", _) | (_, "capabilities^{}")) => {}
            Some((sha, name)) => match (name.strip_suffix("^{}"), references.last_mut()) {
                (Some(tag), Some(last)) if last.name == tag && is_hash(sha) => {
                    last.peeled = Some(sha.to_owned());
                }
                _ => references.push(remote_ref(sha, name)?),
            },
            None => {
                return Err(Cause::Protocol(format!(
                    "unexpected line '{}' in the reference listing",
                    clean(line.as_bytes())
                )));
            }
        }
        next = reader.next_line().await?;
    }
    Ok((references, capabilities))
}

/// What we say when the remote offers it too. `multi_ack_detailed` and `thin-pack` are there
/// because some servers refuse clients without them.
const WORDS: [&str; 5] = ["multi_ack_detailed", "thin-pack", "ofs-delta", "no-progress", "side-band-64k"];

pub fn fetch_request(capabilities: &Capabilities, fetch: &FetchRequest) -> Bytes {
    let mut words: Vec<String> =
        WORDS.iter().filter(|word| capabilities.has(word)).map(|word| (*word).to_owned()).collect();
    if !capabilities.has("side-band-64k") && capabilities.has("side-band") {
        words.push("side-band".to_owned());
    }
    if capabilities.has("agent") {
        words.push(format!("agent={AGENT}"));
    }
    if capabilities.has("object-format") {
        words.push("object-format=sha1".to_owned());
    }
    let mut request = Request::default();
    for (index, sha) in fetch.wants.iter().enumerate() {
        let words = if index == 0 { format!(" {}", words.join(" ")) } else { String::new() };
        request.line(&format!("want {sha}{words}"));
    }
    if capabilities.has("shallow") {
        for sha in &fetch.shallow {
            request.line(&format!("shallow {sha}"));
        }
        if fetch.single_commit {
            request.line("deepen 1");
        }
    }
    request.flush();
    for sha in &fetch.haves {
        request.line(&format!("have {sha}"));
    }
    request.line("done");
    request.into_bytes()
}

/// First the new boundaries when we asked for a depth, then acknowledgements, then the pack.
pub async fn read_pack<R: AsyncRead + Unpin>(
    reader: &mut PacketReader<R>,
    capabilities: &Capabilities,
    fetch: &FetchRequest,
    sink: &mut impl PackSink,
) -> Result<ShallowUpdate, Cause> {
    let mut update = ShallowUpdate::default();
    if fetch.single_commit && capabilities.has("shallow") {
        while let Packet::Data(line) = reader.next().await? {
            if !update.add(&line) {
                return Err(Cause::Protocol(format!(
                    "unexpected line '{}' among the shallow commits",
                    clean(&line)
                )));
            }
        }
    }
    loop {
        let Packet::Data(line) = reader.next().await? else {
            return Err(Cause::Protocol("the remote sent no pack".to_owned()));
        };
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let interim = [&b" common"[..], b" ready", b" continue"].iter().any(|end| text.ends_with(end));
        if text == b"NAK" || (text.starts_with(b"ACK ") && !interim) {
            break;
        }
        if !text.starts_with(b"ACK ") {
            return Err(Cause::Protocol(format!("expected an acknowledgement, got '{}'", clean(text))));
        }
    }
    if capabilities.has("side-band-64k") || capabilities.has("side-band") {
        read_side_band(reader, None, sink).await?;
    } else {
        loop {
            let bytes = reader.next_raw().await?;
            if bytes.is_empty() {
                break;
            }
            sink.write(bytes).await?;
        }
    }
    Ok(update)
}
