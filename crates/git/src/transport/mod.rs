//! Byte streams to `git-upload-pack`: over HTTP requests, or one SSH channel.

mod http;
mod known_hosts;
mod proxy;
mod ssh;

use bytes::Bytes;
use sluice_http::Failure;
use tokio::io::AsyncRead;

use crate::protocol::PacketReader;
use crate::{Cause, Remote};

/// What a remote sends.
type Body = Box<dyn AsyncRead + Send + Unpin>;

/// A connection over which requests go out and answers come in.
pub struct Connection {
    channel: Channel,
    reader: PacketReader<Body>,
}

enum Channel {
    Http(http::Endpoint),
    Ssh(ssh::Channel),
}

impl Connection {
    /// Connects and authenticates. The reader then yields what the remote advertises.
    pub async fn open(remote: &Remote) -> Result<Self, Cause> {
        let (channel, body) = if remote.url.scheme() == "ssh" {
            let (channel, body) = ssh::open(remote).await?;
            (Channel::Ssh(channel), body)
        } else {
            let (endpoint, body) = http::open(remote).await?;
            (Channel::Http(endpoint), body)
        };
        Ok(Self { channel, reader: PacketReader::new(body) })
    }

    /// Sends a complete request. The reader then yields its answer.
    pub async fn send(&mut self, request: Bytes) -> Result<(), Cause> {
        match &mut self.channel {
            Channel::Http(endpoint) => self.reader = PacketReader::new(endpoint.post(request).await?),
            Channel::Ssh(channel) => channel.write(request).await?,
        }
        Ok(())
    }

    /// Where the answers are read.
    pub fn reader(&mut self) -> &mut PacketReader<Body> {
        &mut self.reader
    }
}

impl Cause {
    /// Why a request got no answer.
    fn unanswered(request: &str, failure: Failure) -> Self {
        let request = request.to_owned();
        match failure {
            Failure::Connect(reason) => Self::Connect { request, reason },
            Failure::Tls(reason) => Self::Tls { request, reason },
            Failure::Proxy(reason) => Self::Proxy { request, reason },
        }
    }
}

impl From<std::io::Error> for Cause {
    /// Gives back the cause that a transport wrapped, or describes a broken connection.
    fn from(err: std::io::Error) -> Self {
        match err.downcast::<Self>() {
            Ok(cause) => cause,
            Err(err) => Self::Connect { request: "read".to_owned(), reason: err.to_string() },
        }
    }
}
