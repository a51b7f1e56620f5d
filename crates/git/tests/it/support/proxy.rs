//! Forward proxies: HTTP (CONNECT and absolute URIs) and SOCKS 5, with optional credentials.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

pub struct Proxy {
    pub address: SocketAddr,
    used: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// `authorization` is the exact header to require.
    pub async fn http(authorization: Option<&'static str>) -> Self {
        Self::start(move |stream, used| async move { http(stream, authorization, &used).await }).await
    }

    pub async fn socks5(credentials: Option<(&'static str, &'static str)>) -> Self {
        Self::start(move |stream, used| async move { socks5(stream, credentials, &used).await }).await
    }

    async fn start<F>(serve: impl Fn(TcpStream, Arc<AtomicUsize>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let used = Arc::new(AtomicUsize::new(0));
        let counter = used.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, counter.clone()));
            }
        });
        Self { address, used, task }
    }

    /// How many connections it has passed on.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn http(mut stream: TcpStream, authorization: Option<&str>, used: &AtomicUsize) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let sent = text.lines().find_map(|line| {
        line.to_ascii_lowercase().starts_with("proxy-authorization: ").then(|| line[21..].to_owned())
    });
    if authorization.is_some() && sent.as_deref() != authorization {
        return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    }
    let mut words = text.split(' ');
    let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    used.fetch_add(1, Ordering::SeqCst);
    if method == "CONNECT" {
        let mut upstream = TcpStream::connect(&target).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        copy_bidirectional(&mut stream, &mut upstream).await?;
    } else {
        let authority = target.split('/').nth(2).unwrap();
        let mut upstream = TcpStream::connect(authority).await?;
        upstream.write_all(&head).await?;
        copy_bidirectional(&mut stream, &mut upstream).await?;
    }
    Ok(())
}

async fn socks5(
    mut stream: TcpStream,
    credentials: Option<(&str, &str)>,
    used: &AtomicUsize,
) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await?;
    let mut methods = vec![0; greeting[1].into()];
    stream.read_exact(&mut methods).await?;
    let method = if credentials.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, method]).await?;
    if let Some((user, password)) = credentials {
        let mut fields = Vec::new();
        stream.read_u8().await?;
        for _ in 0..2 {
            let mut field = vec![0; stream.read_u8().await?.into()];
            stream.read_exact(&mut field).await?;
            fields.push(String::from_utf8(field).unwrap());
        }
        let right = fields == [user, password];
        stream.write_all(&[1, u8::from(!right)]).await?;
        if !right {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
        3 => {
            let mut name = vec![0; stream.read_u8().await?.into()];
            stream.read_exact(&mut name).await?;
            String::from_utf8(name).unwrap()
        }
        other => panic!("address type {other}"),
    };
    let port = stream.read_u16().await?;
    used.fetch_add(1, Ordering::SeqCst);
    let mut upstream = TcpStream::connect((host, port)).await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut stream, &mut upstream).await?;
    Ok(())
}
