//! An SSH server that runs the real git-upload-pack.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey, decode_secret_key};
use russh::server::{Auth, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

/// User names that logged in, and how their RSA key signed.
type Logins = Arc<Mutex<Vec<(String, Option<HashAlg>)>>>;

/// A key pair made by the real ssh-keygen.
pub struct KeyPair {
    pub private: Vec<u8>,
    pub public: String,
}

impl KeyPair {
    /// `args` as for ssh-keygen, for example `-t ed25519`; `passphrase` may be empty.
    pub fn generate(args: &str, passphrase: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let output = Command::new("ssh-keygen")
            .args(["-q", "-N", passphrase, "-C", "test", "-f"])
            .arg(&path)
            .args(args.split(' '))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        Self { private: std::fs::read(path).unwrap(), public: public.trim().to_owned() }
    }

    fn parse(&self) -> PrivateKey {
        decode_secret_key(std::str::from_utf8(&self.private).unwrap(), None).unwrap()
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub logins: Logins,
    /// Connections that are open.
    pub active: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Serves the repositories under `root` to whoever has the authorized key.
    pub async fn start(root: &Path, host_keys: &[&KeyPair], authorized: &str) -> Self {
        let config = Config {
            keys: host_keys.iter().map(|pair| pair.parse()).collect(),
            auth_rejection_time: std::time::Duration::ZERO,
            auth_rejection_time_initial: Some(std::time::Duration::ZERO),
            ..Config::default()
        };
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let logins = Arc::new(Mutex::new(Vec::new()));
        let authorized: PublicKey = authorized.parse().unwrap();
        let active = Arc::new(AtomicUsize::new(0));
        let (root, log, open) = (root.to_path_buf(), logins.clone(), active.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = Connection {
                    root: root.clone(),
                    authorized: authorized.clone(),
                    logins: log.clone(),
                    version: String::new(),
                    stdin: HashMap::new(),
                };
                let config = config.clone();
                let open = open.clone();
                tokio::spawn(async move {
                    open.fetch_add(1, Ordering::SeqCst);
                    if let Ok(session) = russh::server::run_stream(config, stream, connection).await {
                        let _ = session.await;
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, logins, active, task }
    }

    pub fn url(&self) -> String {
        format!("ssh://{}/app.git", self.address)
    }

    /// The `known_hosts` line for a key of this server.
    pub fn known_hosts(&self, key: &KeyPair) -> String {
        format!("[{}]:{} {}\n", self.address.ip(), self.address.port(), key.public)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Connection {
    root: PathBuf,
    authorized: PublicKey,
    logins: Logins,
    version: String,
    stdin: HashMap<ChannelId, tokio::process::ChildStdin>,
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        if key.public_key.key_data() != self.authorized.key_data() {
            return Ok(Auth::reject());
        }
        let hash = match key.algorithm {
            Algorithm::Rsa { hash } => *hash,
            _ => None,
        };
        self.logins.lock().unwrap().push((user.to_owned(), hash));
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        _: ChannelId,
        name: &str,
        value: &str,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if name == "GIT_PROTOCOL" {
            value.clone_into(&mut self.version);
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // The login shell of a git account sees paths relative to the exported root.
        let command =
            String::from_utf8_lossy(command).replacen("'/", &format!("'{}/", self.root.display()), 1);
        let mut child = tokio::process::Command::new("sh")
            .args(["-c", &command])
            .env("GIT_PROTOCOL", &self.version)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        self.stdin.extend(child.stdin.take().map(|stdin| (id, stdin)));
        session.channel_success(id)?;
        let handle = session.handle();
        tokio::spawn(async move {
            use tokio::io::AsyncReadExt as _;
            let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let mut buffer = vec![0; 32 << 10];
            loop {
                match stdout.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(length) if handle.data(id, buffer[..length].to_vec()).await.is_err() => break,
                    Ok(_) => {}
                }
            }
            let mut complaint = Vec::new();
            let _ = stderr.read_to_end(&mut complaint).await;
            let _ = handle.extended_data(id, 1, complaint).await;
            let code = child.wait().await.ok().and_then(|status| status.code()).unwrap_or(1);
            let _ = handle.exit_status_request(id, code as u32).await;
            let _ = handle.eof(id).await;
            let _ = handle.close(id).await;
        });
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        if let Some(stdin) = self.stdin.get_mut(&id) {
            stdin.write_all(data).await?;
            stdin.flush().await?;
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.stdin.remove(&id);
        Ok(())
    }
}
