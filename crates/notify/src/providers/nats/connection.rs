//! One connection to a NATS server, for one message.

use std::{io, sync::Arc};

use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Server, credentials::Unlocked};
use crate::{
    error::PostError,
    http::{guard, tls},
    settings::Tls,
};

/// Bytes of a line that a server may send.
const MAX_LINE: u64 = 64 << 10;
/// How many lines may come before the one that is waited for.
const MAX_LINES: usize = 100;
/// What servers show of us.
const NAME: &str = "NATS Provider Publisher";

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    max_payload: usize,
}

/// What a server says of itself.
#[derive(Deserialize)]
#[serde(default)]
struct Info {
    tls_required: bool,
    nonce: String,
    max_payload: usize,
}

impl Default for Info {
    fn default() -> Self {
        Self { tls_required: false, nonce: String::new(), max_payload: 1 << 20 }
    }
}

impl Connection {
    /// Connects and shows the credentials.
    pub(super) async fn open(
        server: &Server,
        credentials: &Unlocked,
        tls: Option<&Tls>,
    ) -> Result<Self, PostError> {
        let mut socket = connect(server).await?;
        let info: Info = first_line(&mut socket).await?;
        let tls_required = server.tls || info.tls_required;
        let stream: Box<dyn Stream> =
            if tls_required { Box::new(encrypt(socket, server, tls).await?) } else { Box::new(socket) };
        let mut connection = Self { stream: BufReader::new(stream), max_payload: info.max_payload };
        let hello = hello(server, credentials, &info.nonce, tls_required);
        connection.send(format!("CONNECT {hello}\r\nPING\r\n").as_bytes()).await?;
        connection.pong().await?;
        Ok(connection)
    }

    /// Publishes a message and waits until the server has handled it.
    pub(super) async fn publish(&mut self, subject: &str, body: &[u8]) -> Result<(), PostError> {
        if body.len() > self.max_payload {
            let limit = self.max_payload;
            return Err(PostError::permanent(format!(
                "nats: maximum payload exceeded: the server takes {limit} bytes"
            )));
        }
        let mut message = format!("PUB {subject} {}\r\n", body.len()).into_bytes();
        message.extend_from_slice(body);
        message.extend_from_slice(b"\r\nPING\r\n");
        self.send(&message).await?;
        self.pong().await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), PostError> {
        self.stream.write_all(bytes).await.map_err(|error| broken(&error))?;
        self.stream.flush().await.map_err(|error| broken(&error))
    }

    /// Waits for the answer to a ping: all that was sent before it was handled then.
    async fn pong(&mut self) -> Result<(), PostError> {
        for _ in 0..MAX_LINES {
            let line = line(&mut self.stream).await?;
            let (word, rest) = line.split_once([' ', '\t']).unwrap_or((&line, ""));
            match word.to_ascii_uppercase().as_str() {
                "PONG" => return Ok(()),
                "PING" => self.send(b"PONG\r\n").await?,
                "-ERR" => return Err(refused(rest.trim().trim_matches('\''))),
                _ => {}
            }
        }
        Err(PostError::permanent("nats: the server does not answer a ping"))
    }
}

async fn connect(server: &Server) -> Result<TcpStream, PostError> {
    let addresses = guard::resolve(&server.host, server.port).await.map_err(|error| {
        let text = format!("{}: {error}", server.host);
        if error.is::<guard::Refused>() { PostError::permanent(text) } else { PostError::transient(text) }
    })?;
    TcpStream::connect(&*addresses).await.map_err(|error| broken(&error))
}

async fn encrypt(
    socket: TcpStream,
    server: &Server,
    settings: Option<&Tls>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, PostError> {
    let config = tls::config(settings, &[]).map_err(PostError::permanent)?;
    let name = ServerName::try_from(server.host.clone())
        .map_err(|error| PostError::permanent(format!("{}: {error}", server.host)))?;
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(|error| broken(&error))
}

/// The server's greeting. Read byte by byte: what follows may be encrypted.
async fn first_line(socket: &mut TcpStream) -> Result<Info, PostError> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        if line.len() as u64 > MAX_LINE {
            return Err(PostError::permanent("nats: the server's greeting is too long"));
        }
        line.push(socket.read_u8().await.map_err(|error| broken(&error))?);
    }
    let line = String::from_utf8_lossy(&line);
    let info = line
        .trim()
        .strip_prefix("INFO ")
        .ok_or_else(|| PostError::permanent("nats: expected 'INFO', it is no NATS server"))?;
    serde_json::from_str(info)
        .map_err(|error| PostError::permanent(format!("nats: the greeting is no JSON: {error}")))
}

async fn line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Result<String, PostError> {
    let mut line = Vec::new();
    stream.take(MAX_LINE).read_until(b'\n', &mut line).await.map_err(|error| broken(&error))?;
    if !line.ends_with(b"\n") {
        return Err(PostError::transient("nats: the server closed the connection"));
    }
    Ok(String::from_utf8_lossy(&line).trim().to_owned())
}

/// The options of `CONNECT`.
fn hello(server: &Server, credentials: &Unlocked, nonce: &str, tls: bool) -> Value {
    let mut options = Map::from_iter([
        ("verbose".to_owned(), json!(false)),
        ("pedantic".to_owned(), json!(false)),
        ("tls_required".to_owned(), json!(tls)),
        ("name".to_owned(), json!(NAME)),
        ("lang".to_owned(), json!("rust")),
        ("version".to_owned(), json!(env!("CARGO_PKG_VERSION"))),
        ("protocol".to_owned(), json!(1)),
        ("echo".to_owned(), json!(false)),
    ]);
    let mut set = |key: &str, value: &str| options.insert(key.to_owned(), json!(value));
    match (credentials, &server.user) {
        (Unlocked::Jwt { jwt, key }, _) => {
            set("jwt", jwt);
            set("sig", &key.sign(nonce));
        }
        (Unlocked::Nkey(key), _) => {
            set("nkey", &key.public());
            set("sig", &key.sign(nonce));
        }
        (Unlocked::User { name, password }, _) => {
            set("user", name);
            set("pass", password);
        }
        // A URL with a name alone holds a token.
        (Unlocked::None, Some((token, password))) if password.is_empty() => {
            set("auth_token", token);
        }
        (Unlocked::None, Some((name, password))) => {
            set("user", name);
            set("pass", password);
        }
        (Unlocked::None, None) => {}
    }
    options.into()
}

fn broken(error: &io::Error) -> PostError {
    PostError::transient(error.to_string())
}

/// An error that the server tells. Credentials don't get right by waiting, all else may.
fn refused(reason: &str) -> PostError {
    let text = format!("nats: {reason}");
    let lower = reason.to_ascii_lowercase();
    let hopeless = ["authorization", "authentication", "permissions", "invalid", "maximum payload"];
    if hopeless.iter().any(|word| lower.contains(word)) {
        PostError::permanent(text)
    } else {
        PostError::transient(text)
    }
}
