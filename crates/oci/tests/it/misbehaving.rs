//! A server that answers as it is told, bytes and all.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub manner: Manner,
}

/// How an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should be.
    Whole,
    /// The connection is closed after so many bytes of the body.
    Cut(usize),
    /// One byte of the body after the other, with this pause.
    Trickle(Duration),
    /// The body again and again without end.
    Endless,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), manner: Manner::Whole }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn given(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

type Script = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

/// A running server, stopped when this is dropped.
pub struct Misbehaving {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Misbehaving {
    /// Answers what `script` says; it gets each request and how many there were before of the same path.
    pub async fn start(script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (script, journal): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, journal) = (Arc::clone(&script), Arc::clone(&journal));
                // A client that goes away is no trouble.
                tokio::spawn(async move { serve(stream, &*script, &journal).await.ok() });
            }
        });
        Self { address, asked, task }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub fn count(&self, method: &str, part: &str) -> usize {
        self.asked().iter().filter(|asked| asked.method == method && asked.path.contains(part)).count()
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, script: &Script, journal: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    let first = lines.next_line().await?.unwrap_or_default();
    let mut words = first.split(' ').map(ToOwned::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    while let Some(line) = lines.next_line().await? {
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let asked = Asked { method, path, headers };
    let before = {
        let mut journal = journal.lock().unwrap();
        let before = journal.iter().filter(|other| other.path == asked.path).count();
        journal.push(asked.clone());
        before
    };
    let reply = script(&asked, before);
    let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if reply.manner != Manner::Endless && !reply.headers.iter().any(|(name, _)| name == "content-length") {
        let _ = write!(head, "content-length: {}\r\n", reply.body.len());
    }
    head.push_str("\r\n");
    writer.write_all(head.as_bytes()).await?;
    if asked.method != "HEAD" {
        match reply.manner {
            Manner::Whole => writer.write_all(&reply.body).await?,
            Manner::Cut(at) => writer.write_all(&reply.body[..at]).await?,
            Manner::Trickle(pause) => {
                for byte in &reply.body {
                    writer.write_all(&[*byte]).await?;
                    tokio::time::sleep(pause).await; // the manner of the reply, not a wait
                }
            }
            Manner::Endless => loop {
                writer.write_all(&reply.body).await?;
            },
        }
    }
    writer.shutdown().await
}
