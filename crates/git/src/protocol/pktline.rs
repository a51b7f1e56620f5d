//! The framing of the Git protocol (gitprotocol-common(5), "pkt-line").

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Cause;

/// Longest packet including its four digits of length.
const MAX_PACKET: usize = 65520;

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// Payload, with the line end that text packets have.
    Data(Bytes),
    /// `0000`
    Flush,
    /// `0001`
    Delimiter,
    /// `0002`
    ResponseEnd,
}

/// Reads packets and counts what it reads.
pub struct PacketReader<R> {
    inner: R,
    buffer: BytesMut,
    /// Bytes that may still be read before the response counts as too large.
    budget: u64,
}

impl<R: AsyncRead + Unpin> PacketReader<R> {
    /// Reads from `inner`, without a bound until [`Self::limit`] sets one.
    pub fn new(inner: R) -> Self {
        Self { inner, buffer: BytesMut::with_capacity(128 << 10), budget: u64::MAX }
    }

    /// From here on at most `bytes` may be read.
    pub fn limit(&mut self, bytes: u64) {
        self.budget = bytes;
    }

    /// The next packet; an `ERR` packet becomes [`Cause::Remote`].
    pub async fn next(&mut self) -> Result<Packet, Cause> {
        self.fill(4).await?;
        let length = std::str::from_utf8(&self.buffer[..4])
            .ok()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .filter(|length| *length <= MAX_PACKET && *length != 3)
            .ok_or_else(|| {
                Cause::Protocol(format!(
                    "expected a packet length, got {:?}",
                    String::from_utf8_lossy(&self.buffer[..4])
                ))
            })?;
        let special = match length {
            0 => Some(Packet::Flush),
            1 => Some(Packet::Delimiter),
            2 => Some(Packet::ResponseEnd),
            _ => None,
        };
        if let Some(packet) = special {
            self.consume(4)?;
            return Ok(packet);
        }
        self.fill(length).await?;
        let mut packet = self.consume(length)?;
        let data = packet.split_off(4).freeze();
        match data.strip_prefix(b"ERR ") {
            Some(message) => Err(Cause::Remote(clean(message))),
            None => Ok(Packet::Data(data)),
        }
    }

    /// The next packet as a line of text without its line end; `None` for the packets without payload.
    pub async fn next_line(&mut self) -> Result<Option<String>, Cause> {
        match self.next().await? {
            Packet::Data(data) => {
                let text = data.strip_suffix(b"\n").unwrap_or(&data);
                Ok(Some(String::from_utf8_lossy(text).into_owned()))
            }
            _ => Ok(None),
        }
    }

    /// Bytes outside of packets, for servers that send a pack without side bands. Empty at the end.
    pub async fn next_raw(&mut self) -> Result<Bytes, Cause> {
        if self.buffer.is_empty() && self.read_more().await? == 0 {
            return Ok(Bytes::new());
        }
        let available = self.buffer.len();
        Ok(self.consume(available)?.freeze())
    }

    fn consume(&mut self, length: usize) -> Result<BytesMut, Cause> {
        self.budget = self.budget.checked_sub(length as u64).ok_or_else(|| {
            Cause::TooLarge("the remote sent more than the limit for this answer".to_owned())
        })?;
        Ok(self.buffer.split_to(length))
    }

    async fn fill(&mut self, length: usize) -> Result<(), Cause> {
        while self.buffer.len() < length {
            if self.read_more().await? == 0 {
                return Err(Cause::Protocol("the remote end hung up unexpectedly".to_owned()));
            }
        }
        Ok(())
    }

    async fn read_more(&mut self) -> Result<usize, Cause> {
        self.buffer.reserve(16 << 10);
        self.inner.read_buf(&mut self.buffer).await.map_err(Cause::from)
    }
}

/// Text from a remote, fit for a message: one line, no control characters, at most 300 characters.
pub fn clean(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(300).collect()
}

/// Builds a request.
#[derive(Debug, Default)]
pub struct Request(Vec<u8>);

impl Request {
    /// Appends a line of text.
    pub fn line(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(format!("{:04x}{text}\n", text.len() + 5).as_bytes());
        self
    }

    /// Appends a packet of these bytes, of which there are at most 65516.
    pub fn packet(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(format!("{:04x}", bytes.len() + 4).as_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends bytes outside of packets.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends a flush packet.
    pub fn flush(&mut self) -> &mut Self {
        self.0.extend_from_slice(b"0000");
        self
    }

    /// Appends a delimiter packet.
    pub fn delimiter(&mut self) -> &mut Self {
        self.0.extend_from_slice(b"0001");
        self
    }

    /// The bytes to send.
    pub fn into_bytes(self) -> Bytes {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> PacketReader<&[u8]> {
        PacketReader::new(bytes)
    }

    #[tokio::test]
    async fn reads_what_request_writes() {
        let mut request = Request::default();
        request.line("command=fetch").delimiter().line("done").flush();
        let bytes = request.into_bytes();
        let mut reader = reader(&bytes);
        assert_eq!(reader.next_line().await.unwrap().as_deref(), Some("command=fetch"));
        assert_eq!(reader.next().await.unwrap(), Packet::Delimiter);
        assert_eq!(reader.next().await.unwrap(), Packet::Data(Bytes::from_static(b"done\n")));
        assert_eq!(reader.next().await.unwrap(), Packet::Flush);
        assert!(matches!(reader.next().await, Err(Cause::Protocol(_))));
    }

    #[tokio::test]
    async fn refuses_malformed_lengths() {
        for bytes in [&b"zzzz"[..], b"+004", b"fff5", b"0003", b"00", b"0009abc"] {
            assert!(matches!(reader(bytes).next().await, Err(Cause::Protocol(_))), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn reports_errors_of_the_remote_on_one_line() {
        let err = reader(b"0013ERR not\nour\x07ref").next().await.unwrap_err();
        assert_eq!(err.to_string(), "remote error: not our ref");
    }

    #[tokio::test]
    async fn stops_at_the_limit() {
        let mut reader = reader(b"0008abcd0008abcd");
        reader.limit(12);
        assert!(reader.next().await.is_ok());
        assert!(matches!(reader.next().await, Err(Cause::TooLarge(_))));
    }
}
