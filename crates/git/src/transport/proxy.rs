//! A TCP stream, direct or through a proxy, for SSH. HTTP leaves this to its client.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use sluice_http::{client_config, connect_failed};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Cause, Proxy, Tls};

/// Both directions of a connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The longest answer of a proxy to `CONNECT`.
const MAX_HEADER: usize = 16 << 10;

/// Connects to `host:port`.
pub async fn connect(host: &str, port: u16, proxy: Option<&Proxy>) -> Result<Box<dyn Stream>, Cause> {
    let request = format!("ssh: dial {host}:{port}");
    let Some(proxy) = proxy else {
        return Ok(Box::new(dial(host, port, &request).await?));
    };
    let failed = |reason: String| Cause::Proxy { request: request.clone(), reason };
    let broken = |err: io::Error| Cause::Proxy { request: request.clone(), reason: err.to_string() };
    let proxy_host = proxy.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let default_port = if proxy.url.scheme() == "socks5" { 1080 } else { 80 };
    let proxy_port = proxy.url.port_or_known_default().unwrap_or(default_port);
    let mut stream = TcpStream::connect((proxy_host, proxy_port))
        .await
        .map_err(|err| failed(connect_failed(&err, &format!("{proxy_host}:{proxy_port}"))))?;
    let credentials = proxy.credentials.as_ref();
    match proxy.url.scheme() {
        "socks5" => {
            socks5(&mut stream, host, port, credentials).await.map_err(broken)?;
            Ok(Box::new(stream))
        }
        "http" => {
            tunnel(&mut stream, host, port, credentials).await.map_err(broken)?;
            Ok(Box::new(stream))
        }
        "https" => {
            let config = client_config(&Tls::default(), &[]).map_err(failed)?;
            let name = ServerName::try_from(proxy_host.to_owned()).map_err(|err| failed(err.to_string()))?;
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let mut stream = connector.connect(name, stream).await.map_err(broken)?;
            tunnel(&mut stream, host, port, credentials).await.map_err(broken)?;
            Ok(Box::new(stream))
        }
        other => Err(failed(format!("unsupported scheme '{other}': use http, https or socks5"))),
    }
}

async fn dial(host: &str, port: u16, request: &str) -> Result<TcpStream, Cause> {
    let stream = TcpStream::connect((host, port)).await.map_err(|err| Cause::Connect {
        request: request.to_owned(),
        reason: connect_failed(&err, &format!("{host}:{port}")),
    })?;
    // Requests are small and each waits for its answer.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// HTTP `CONNECT` (RFC 9110, section 9.3.6).
async fn tunnel(
    stream: &mut impl Stream,
    host: &str,
    port: u16,
    credentials: Option<&(String, String)>,
) -> io::Result<()> {
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = credentials {
        request.push_str("Proxy-Authorization: Basic ");
        STANDARD.encode_string(format!("{user}:{password}"), &mut request);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    // Byte by byte: what follows the header belongs to the tunnel.
    let mut header = Vec::with_capacity(256);
    while !header.ends_with(b"\r\n\r\n") {
        if header.len() >= MAX_HEADER {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
        header.push(stream.read_u8().await?);
    }
    let header = String::from_utf8_lossy(&header);
    let status_line = header.lines().next().unwrap_or_default();
    match status_line.split(' ').nth(1) {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
        _ => Err(io::Error::other(format!(
            "the proxy answered '{}'",
            crate::protocol::clean(status_line.as_bytes())
        ))),
    }
}

/// SOCKS version 5 (RFC 1928) with user name and password (RFC 1929); the proxy resolves the name.
async fn socks5(
    stream: &mut impl Stream,
    host: &str,
    port: u16,
    credentials: Option<&(String, String)>,
) -> io::Result<()> {
    let short = |text: &str| {
        u8::try_from(text.len()).map_err(|_| io::Error::other("a SOCKS field exceeds 255 bytes"))
    };
    let greeting: &[u8] = if credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(greeting).await?;
    let mut choice = [0; 2];
    stream.read_exact(&mut choice).await?;
    match (choice, credentials) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            let mut request = vec![1, short(user)?];
            request.extend_from_slice(user.as_bytes());
            request.push(short(password)?);
            request.extend_from_slice(password.as_bytes());
            stream.write_all(&request).await?;
            let mut answer = [0; 2];
            stream.read_exact(&mut answer).await?;
            if answer[1] != 0 {
                return Err(io::Error::other("the SOCKS proxy rejected user name and password"));
            }
        }
        ([5, _], _) => {
            return Err(io::Error::other("the SOCKS proxy accepts none of our authentication methods"));
        }
        _ => return Err(io::Error::other("the proxy does not speak SOCKS version 5")),
    }
    let mut request = vec![5, 1, 0, 3, short(host)?];
    request.extend_from_slice(host.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    if answer[1] != 0 {
        return Err(io::Error::other(format!("the SOCKS proxy refused the connection (code {})", answer[1])));
    }
    let address = match answer[3] {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(io::Error::other("the SOCKS proxy sent an unknown address type")),
    };
    let mut rest = vec![0; address + 2];
    stream.read_exact(&mut rest).await?;
    Ok(())
}
