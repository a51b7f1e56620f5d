//! Pushing: the conversation with `git-receive-pack` (gitprotocol-pack(5), "Pushing Data To a Server").

use bytes::{Bytes, BytesMut};

use super::capabilities::Capabilities;
use super::pktline::{Packet, PacketReader, Request};
use super::{AGENT, check_format, clean, greeting, v0};
use crate::client::RemoteRef;
use crate::transport::{Connection, Service};
use crate::{Cause, Limits, Remote};

/// Stands for a reference that does not exist.
const NOTHING: &str = "0000000000000000000000000000000000000000";
/// Reports come between what people may want to read.
const SIDE_BAND: &str = "side-band-64k";
/// Longest report in bytes.
const MAX_REPORT: u64 = 4 << 20;
/// The most of what the server and its hooks say that is kept.
const MAX_SAID: usize = 4 << 10;

/// A reference to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its full name.
    pub name: String,
    /// Where it must be now; None if it must not exist.
    pub old: Option<String>,
    /// Where it shall be.
    pub new: String,
}

/// What came of the commands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Why the objects were not taken.
    pub unpack: Option<String>,
    /// The references that did not move, with the server's reasons.
    pub refused: Vec<(String, String)>,
    /// What the server and its hooks say besides, on one line.
    pub said: String,
}

/// A conversation with `git-receive-pack` on a remote.
pub struct PushSession {
    connection: Connection,
    references: Vec<RemoteRef>,
    capabilities: Capabilities,
}

impl PushSession {
    /// Connects, authenticates and reads what the remote has.
    pub async fn open(remote: &Remote, limits: &Limits) -> Result<Self, Cause> {
        let (mut connection, line) = greeting(remote, Service::ReceivePack, limits).await?;
        let (references, capabilities) = v0::read_advertisement(connection.reader(), line.as_deref()).await?;
        check_format(&capabilities)?;
        if !capabilities.has("report-status") {
            return Err(Cause::Protocol("the remote does not report what comes of a push".to_owned()));
        }
        Ok(Self { connection, references, capabilities })
    }

    /// All that the remote has.
    pub fn references(&self) -> &[RemoteRef] {
        &self.references
    }

    /// Sends commands and the objects that they need. All commands are carried out or none, if the remote knows how.
    pub async fn push(
        mut self,
        commands: &[Command],
        options: &[String],
        pack: &[u8],
    ) -> Result<Report, Cause> {
        let body = self.request(commands, options, pack)?;
        self.connection.send(body).await?;
        let side_band = self.has_side_band();
        let reader = self.connection.reader();
        reader.limit(MAX_REPORT);
        if side_band { read_banded(reader).await } else { read_plain(reader).await }
    }

    fn has_side_band(&self) -> bool {
        self.capabilities.has(SIDE_BAND)
    }

    fn request(&self, commands: &[Command], options: &[String], pack: &[u8]) -> Result<Bytes, Cause> {
        let mut words = vec!["report-status".to_owned()];
        if self.has_side_band() {
            words.push(SIDE_BAND.to_owned());
        }
        if commands.len() > 1 && self.capabilities.has("atomic") {
            words.push("atomic".to_owned());
        }
        if !options.is_empty() {
            if !self.capabilities.has("push-options") {
                return Err(Cause::Protocol(
                    "the receiving end does not support push options: remove spec.git.push.options"
                        .to_owned(),
                ));
            }
            words.push("push-options".to_owned());
        }
        if self.capabilities.has("object-format") {
            words.push("object-format=sha1".to_owned());
        }
        if self.capabilities.has("agent") {
            words.push(format!("agent={AGENT}"));
        }
        let mut request = Request::default();
        for (index, Command { name, old, new }) in commands.iter().enumerate() {
            let old = old.as_deref().unwrap_or(NOTHING);
            let words = if index == 0 { format!("\0 {}", words.join(" ")) } else { String::new() };
            request.packet(format!("{old} {new} {name}{words}").as_bytes());
        }
        request.flush();
        if !options.is_empty() {
            for option in options {
                request.packet(option.as_bytes());
            }
            request.flush();
        }
        request.raw(pack);
        Ok(request.into_bytes())
    }
}

/// A report inside of side bands, between what people may want to read.
async fn read_banded<R: tokio::io::AsyncRead + Unpin>(reader: &mut PacketReader<R>) -> Result<Report, Cause> {
    let (mut data, mut said) = (BytesMut::new(), Vec::new());
    while let Packet::Data(mut packet) = reader.next().await? {
        if packet.is_empty() {
            continue;
        }
        match packet.split_to(1)[0] {
            1 => data.extend_from_slice(&packet),
            2 => {
                let room = MAX_SAID.saturating_sub(said.len());
                said.extend_from_slice(&packet[..packet.len().min(room)]);
            }
            3 => return Err(Cause::Remote(clean(&packet))),
            band => return Err(Cause::Protocol(format!("unknown side band {band}"))),
        }
    }
    let mut report = read_plain(&mut PacketReader::new(&data[..])).await?;
    report.said = clean(&said);
    Ok(report)
}

async fn read_plain<R: tokio::io::AsyncRead + Unpin>(reader: &mut PacketReader<R>) -> Result<Report, Cause> {
    let mut report = Report::default();
    let first = reader.next_line().await?.unwrap_or_default();
    match first.strip_prefix("unpack ") {
        Some("ok") => {}
        Some(reason) => report.unpack = Some(clean(reason.as_bytes())),
        None => {
            return Err(Cause::Protocol(format!("expected a report, got '{}'", clean(first.as_bytes()))));
        }
    }
    while let Some(line) = reader.next_line().await? {
        if let Some(refused) = line.strip_prefix("ng ") {
            let (name, reason) = refused.split_once(' ').unwrap_or((refused, "refused without a reason"));
            report.refused.push((clean(name.as_bytes()), clean(reason.as_bytes())));
        } else if !line.starts_with("ok ") && !line.starts_with("option ") {
            return Err(Cause::Protocol(format!("unexpected line '{}' in a report", clean(line.as_bytes()))));
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reports_are_read() {
        let mut request = Request::default();
        request.line("unpack ok").line("ok refs/heads/a").line("ng refs/heads/b hook declined").flush();
        let bytes = request.into_bytes();
        let report = read_plain(&mut PacketReader::new(&bytes[..])).await.unwrap();
        let refused = vec![("refs/heads/b".to_owned(), "hook declined".to_owned())];
        assert_eq!(report, Report { unpack: None, refused: refused.clone(), said: String::new() });

        let mut banded = Request::default();
        banded.packet(b"\x02No pushes\n on Fridays\n").packet(&[b"\x01", &bytes[..20]].concat());
        banded.packet(&[b"\x01", &bytes[20..]].concat()).flush();
        let banded = banded.into_bytes();
        let report = read_banded(&mut PacketReader::new(&banded[..])).await.unwrap();
        assert_eq!(report, Report { unpack: None, refused, said: "No pushes on Fridays".to_owned() });
    }

    #[tokio::test]
    async fn what_is_no_report_is_refused() {
        for bytes in [&b"0000"[..], b"000aok abc", b"0009xyzzy"] {
            assert!(read_plain(&mut PacketReader::new(bytes)).await.is_err());
        }
    }
}
