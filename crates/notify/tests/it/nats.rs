//! NATS: our side of the protocol against a script, and against a real server where there is one.
//!
//! `SLUICE_NATS_SERVER=/path/to/nats-server` runs the latter, see <https://github.com/nats-io/nats-server>.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use sluice_apis::notification::v1beta3::ProviderType;
use sluice_notify::{Clients, PostError};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::{event, settings};

/// From NATS' documentation of nkeys.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

async fn publish(address: &str, secret: &[(&str, &str)]) -> Result<(), PostError> {
    let mut settings = settings(ProviderType::Nats, address, "flux.events", secret);
    settings.timeout = Duration::from_secs(5);
    Clients::new().notifier(&settings).unwrap().post(&event()).await
}

/// Takes one connection and plays a server; gives the options of `CONNECT` and what was published.
async fn play(listener: TcpListener, info: Value, answer: &'static str) -> (Value, String) {
    let (socket, _) = listener.accept().await.unwrap();
    let mut socket = BufReader::new(socket);
    socket.write_all(format!("INFO {info}\r\n").as_bytes()).await.unwrap();
    let (mut hello, mut published) = (Value::Null, String::new());
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.unwrap() == 0 {
            return (hello, published);
        }
        match line.split_once(' ').map_or((line.trim(), ""), |(word, rest)| (word, rest.trim())) {
            ("CONNECT", options) => hello = serde_json::from_str(options).unwrap(),
            ("PUB", rest) => {
                let mut body = vec![0; rest.rsplit(' ').next().unwrap().parse::<usize>().unwrap() + 2];
                socket.read_exact(&mut body).await.unwrap();
                String::from_utf8(body).unwrap().trim().clone_into(&mut published);
            }
            ("PING", _) => socket.write_all(answer.as_bytes()).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_event_is_published_after_an_answer_to_our_ping() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("nats://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(play(listener, json!({"nonce": "n"}), "PONG\r\n"));
    publish(&address, &[("nkey", SEED)]).await.unwrap();
    let (hello, body) = server.await.unwrap();
    assert_eq!(hello["nkey"], PUBLIC);
    assert!(!hello["sig"].as_str().unwrap().is_empty());
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["message"], "it failed");
}

#[tokio::test]
async fn refusals_are_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(play(listener, json!({}), "-ERR 'Authorization Violation'\r\n"));
    let error = publish(&address, &[]).await.unwrap_err();
    server.await.unwrap();
    assert_eq!(
        error.to_string(),
        "error publishing event to subject flux.events: error connecting to server: nats: Authorization Violation"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn what_is_no_nats_server_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.write_all(b"SSH-2.0-x\r\n").await;
    });
    let error = publish(&address, &[]).await.unwrap_err();
    assert!(error.to_string().contains("it is no NATS server"), "{error}");
}

/// A real server with these settings, ended with the handle.
struct Real {
    process: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Real {
    async fn start(config: &str) -> Option<Self> {
        let program = std::env::var_os("SLUICE_NATS_SERVER")?;
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nats.conf");
        std::fs::write(&file, format!("host: 127.0.0.1\nport: {port}\n{config}")).unwrap();
        let process = Command::new(program)
            .arg("-c")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        while TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Self { process, address, _folder: folder })
    }

    /// Subscribes to all subjects; gives the body of the next message.
    async fn next(&self, options: &Value) -> impl Future<Output = Value> + use<> {
        let mut socket = BufReader::new(TcpStream::connect(&self.address).await.unwrap());
        let hello = format!("CONNECT {options}\r\nSUB > 1\r\nPING\r\n");
        socket.write_all(hello.as_bytes()).await.unwrap();
        let mut line = String::new();
        while !line.starts_with("PONG") {
            line.clear();
            assert!(socket.read_line(&mut line).await.unwrap() > 0 && !line.starts_with("-ERR"), "{line}");
        }
        async move {
            loop {
                line.clear();
                assert!(socket.read_line(&mut line).await.unwrap() > 0);
                if line.starts_with("MSG flux.events ") {
                    let mut body = vec![0; line.trim().rsplit(' ').next().unwrap().parse().unwrap()];
                    socket.read_exact(&mut body).await.unwrap();
                    return serde_json::from_slice(&body).unwrap();
                }
            }
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_real_server_takes_names_and_passwords() {
    let config = "authorization { users: [{user: me, password: \"s3cret\"}] }";
    let Some(server) = Real::start(config).await else { return };
    let message = server.next(&json!({"user": "me", "pass": "s3cret"})).await;
    publish(&server.address, &[("username", "me"), ("password", "s3cret")]).await.unwrap();
    assert_eq!(message.await["message"], "it failed");
    let error = publish(&server.address, &[("username", "me"), ("password", "wrong")]).await.unwrap_err();
    assert!(error.to_string().contains("Authorization Violation"), "{error}");
}

#[tokio::test]
async fn a_real_server_takes_nkeys() {
    let config = format!("authorization {{ users: [{{nkey: {PUBLIC}}}, {{user: reader, password: r}}] }}");
    let Some(server) = Real::start(&config).await else { return };
    let message = server.next(&json!({"user": "reader", "pass": "r"})).await;
    publish(&server.address, &[("nkey", SEED)]).await.unwrap();
    assert_eq!(message.await["message"], "it failed");
    publish(&server.address, &[]).await.unwrap_err();
}

#[tokio::test]
async fn a_real_server_forbids_subjects() {
    let config = "authorization { users: [{user: me, password: x, permissions: {publish: \"other\"}}] }";
    let Some(server) = Real::start(config).await else { return };
    let error = publish(&server.address, &[("username", "me"), ("password", "x")]).await.unwrap_err();
    assert!(error.to_string().contains("Permissions Violation"), "{error}");
}
