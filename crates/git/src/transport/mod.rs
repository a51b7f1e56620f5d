//! Byte streams to `git-upload-pack` or `git-receive-pack`: over HTTP requests, or one SSH channel.

mod http;
mod known_hosts;
mod proxy;
mod ssh;

pub use http::{authority, authorization, check_address, client as http_client};
pub use ssh::private_key;

use bytes::Bytes;
use sluice_http::Failure;
use tokio::io::AsyncRead;

use crate::protocol::PacketReader;
use crate::{Cause, Remote};

/// What is asked of a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// To give objects.
    UploadPack,
    /// To take objects.
    ReceivePack,
}

impl Service {
    /// The program that does it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    /// Whether there is a version 2 of its protocol.
    pub fn has_version_2(self) -> bool {
        self == Self::UploadPack
    }
}

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
    pub async fn open(remote: &Remote, service: Service) -> Result<Self, Cause> {
        let (channel, body) = if remote.url.scheme() == "ssh" {
            let (channel, body) = ssh::open(remote, service).await?;
            (Channel::Ssh(channel), body)
        } else {
            let (endpoint, body) = http::open(remote, service).await?;
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
