//! Git over SSH: one channel that runs `git-upload-pack` or `git-receive-pack` on the remote.

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes};
use futures::stream;
use russh::client::{self, AuthResult, Handle};
use russh::keys::{
    Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key,
};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Preferred, kex};
use tokio_util::io::StreamReader;

use super::known_hosts::{KnownHosts, Verdict};
use super::{Body, Service, proxy};
use crate::protocol::clean;
use crate::{Auth, Cause, Remote};

/// The most of the remote's standard error that a message may need.
const MAX_STDERR: usize = 4 << 10;

/// The sending side of the channel; closing it ends the session.
pub struct Channel {
    writer: ChannelWriteHalf<client::Msg>,
    // The session lives as long as its handle.
    _session: Handle<Verifier>,
}

/// Connects, checks the host, authenticates and starts the service.
pub async fn open(remote: &Remote, service: Service) -> Result<(Channel, Body), Cause> {
    let Auth::Ssh { identity, password, known_hosts } = &remote.auth else {
        return Err(Cause::Authentication("invalid 'ssh' auth option: 'identity' is required".to_owned()));
    };
    let key = private_key(identity, password.as_deref())?;
    let known_hosts = KnownHosts::parse(known_hosts).map_err(Cause::Ssh)?;
    let host = remote.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = remote.url.port().unwrap_or(22);

    let config = client::Config {
        preferred: preferred(remote, &known_hosts.algorithms(&host, port))?,
        window_size: 8 << 20,
        client_id: russh::SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-sluice-",
            env!("CARGO_PKG_VERSION")
        ))),
        ..client::Config::default()
    };
    let refusal = Arc::new(Mutex::new(None));
    let verifier = Verifier { known_hosts, host: host.clone(), port, refusal: refusal.clone() };
    let stream = proxy::connect(&host, port, remote.proxy.as_ref()).await?;
    let mut session = client::connect_stream(Arc::new(config), stream, verifier).await.map_err(|err| {
        // The handshake only says that the key was refused; the verifier knows why.
        let refused = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        refused.unwrap_or_else(|| handshake_failed(&err))
    })?;
    authenticate(&mut session, &remote.ssh_user(), key).await?;

    let channel = session.channel_open_session().await.map_err(failed)?;
    let (reader, writer) = channel.split();
    // Servers may ignore this; then they speak version 0.
    if service.has_version_2() {
        writer.set_env(false, "GIT_PROTOCOL", "version=2").await.map_err(failed)?;
    }
    let command = format!("{} {}", service.name(), quote(&remote_path(remote)));
    writer.exec(true, command).await.map_err(failed)?;
    let body = StreamReader::new(Box::pin(chunks(reader, service)));
    Ok((Channel { writer, _session: session }, Box::new(body)))
}

impl Channel {
    /// Sends bytes to the remote's standard input.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Cause> {
        self.writer.data_bytes(bytes).await.map_err(failed)
    }
}

/// The remote's standard output. At its end, what it wrote to standard error becomes the error.
fn chunks(reader: ChannelReadHalf, service: Service) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((reader, Vec::new()), move |(mut reader, mut stderr)| async move {
        loop {
            match reader.wait().await {
                Some(ChannelMsg::Data { data }) if data.has_remaining() => {
                    return Ok(Some((data, (reader, stderr))));
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let room = MAX_STDERR.saturating_sub(stderr.len());
                    stderr.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(ChannelMsg::Failure) => {
                    let name = service.name();
                    return Err(io::Error::other(Cause::Ssh(format!("the server refused to run {name}"))));
                }
                // Standard error may still arrive after the end of standard output.
                Some(ChannelMsg::Close) | None => break,
                Some(_) => {}
            }
        }
        if stderr.is_empty() { Ok(None) } else { Err(io::Error::other(complaint(&stderr))) }
    })
}

/// Interprets what Git servers write to standard error when they refuse.
fn complaint(stderr: &[u8]) -> Cause {
    let text = clean(stderr);
    let lower = text.to_ascii_lowercase();
    let absent = [
        "repository not found",
        "does not appear to be a git repository",
        "could not be found",
        "does not exist",
    ];
    if absent.iter().any(|words| lower.contains(words)) {
        Cause::RepositoryNotFound(text)
    } else if lower.contains("permission denied") || lower.contains("access denied") {
        Cause::Authentication(format!("authorization failed: {text}"))
    } else {
        Cause::Remote(text)
    }
}

/// Parses the private key; never repeats any of it.
pub fn private_key(pem: &[u8], password: Option<&str>) -> Result<Arc<PrivateKey>, Cause> {
    let invalid = |reason: String| Cause::Authentication(format!("unable to use the SSH identity: {reason}"));
    let text = std::str::from_utf8(pem).map_err(|_| invalid("it is not PEM".to_owned()))?;
    if !text.contains("-----BEGIN ") {
        return Err(Cause::NoKey("the identity must be a private key in PEM"));
    }
    // Carriage returns and outer blanks are common in Secrets made by hand.
    let text = text.replace('\r', "");
    let encrypted =
        ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"].iter().any(|mark| text.contains(mark));
    if encrypted && password.is_none() {
        return Err(Cause::EncryptedIdentity);
    }
    match decode_secret_key(text.trim(), password) {
        Ok(key) if key.is_encrypted() => Err(Cause::EncryptedIdentity),
        Ok(key) => Ok(Arc::new(key)),
        Err(russh::keys::Error::KeyIsEncrypted) => Err(Cause::EncryptedIdentity),
        Err(err) if password.is_some() => Err(invalid(format!("{err}; is its password right?"))),
        Err(err) => Err(invalid(err.to_string())),
    }
}

/// The algorithms to offer: host keys that `known_hosts` can confirm come first.
fn preferred(remote: &Remote, known: &[Algorithm]) -> Result<Preferred, Cause> {
    let mut preferred = Preferred::DEFAULT;
    let unsupported = |kind: &str, name: &str| Cause::Ssh(format!("unsupported {kind} algorithm '{name}'"));
    let is_rsa = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { .. });
    if !remote.ssh.kex.is_empty() {
        let mut names = Vec::new();
        for name in &remote.ssh.kex {
            names.push(kex::Name::try_from(name.as_str()).map_err(|()| unsupported("key exchange", name))?);
        }
        // These only announce extensions, among them the fix for prefix truncation (CVE-2023-48795).
        names.extend([kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT]);
        preferred.kex = Cow::Owned(names);
    }
    let mut keys: Vec<Algorithm> = preferred.key.to_vec();
    if !remote.ssh.host_key.is_empty() {
        keys = Vec::new();
        for name in &remote.ssh.host_key {
            keys.push(Algorithm::new(name).map_err(|_| unsupported("host key", name))?);
        }
    } else if !known.is_empty() {
        let is_known = |candidate: &Algorithm| {
            known.iter().any(|known| known == candidate || is_rsa(known) && is_rsa(candidate))
        };
        keys.sort_by_key(|candidate| !is_known(candidate));
        // SHA-1 signatures only when configured.
    }
    if remote.ssh.host_key.is_empty() {
        keys.retain(|key| *key != Algorithm::Rsa { hash: None });
    }
    preferred.key = Cow::Owned(keys);
    Ok(preferred)
}

/// Public key authentication; RSA keys sign with SHA-2 only.
async fn authenticate(session: &mut Handle<Verifier>, user: &str, key: Arc<PrivateKey>) -> Result<(), Cause> {
    let hashes: Vec<Option<HashAlg>> = if key.algorithm().is_rsa() {
        match session.best_supported_rsa_hash().await.map_err(failed)? {
            Some(Some(hash)) => vec![Some(hash)],
            _ => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
        }
    } else {
        vec![None]
    };
    for hash in hashes {
        let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
        match session.authenticate_publickey(user, key).await.map_err(failed)? {
            AuthResult::Success => return Ok(()),
            AuthResult::Failure { partial_success: true, .. } => {
                return Err(Cause::Authentication(
                    "ssh: the server wants a second authentication method".to_owned(),
                ));
            }
            AuthResult::Failure { .. } => {}
        }
    }
    Err(Cause::Authentication(
        "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain".to_owned(),
    ))
}

/// The path on the server; `/~user/x` is relative to that user's home.
fn remote_path(remote: &Remote) -> String {
    let path = percent_encoding::percent_decode_str(remote.url.path()).decode_utf8_lossy().into_owned();
    match path.strip_prefix('/') {
        Some(home) if home.starts_with('~') => home.to_owned(),
        _ => path,
    }
}

/// Quotes for a POSIX shell, as git does.
fn quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for character in text.chars() {
        match character {
            '\'' | '!' => {
                quoted.push_str("'\\");
                quoted.push(character);
                quoted.push('\'');
            }
            '\0' => {}
            _ => quoted.push(character),
        }
    }
    quoted.push('\'');
    quoted
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn failed(err: russh::Error) -> Cause {
    Cause::Ssh(err.to_string())
}

fn handshake_failed(err: &russh::Error) -> Cause {
    match err {
        russh::Error::NoCommonAlgo { kind, ours, theirs } => Cause::Ssh(format!(
            "handshake failed: ssh: no common algorithm for {kind:?}; we offered: {ours:?}, peer offered: {theirs:?}"
        )),
        _ => Cause::Ssh(format!("handshake failed: {err}")),
    }
}

/// Accepts exactly the host keys that `known_hosts` lists.
struct Verifier {
    known_hosts: KnownHosts,
    host: String,
    port: u16,
    refusal: Arc<Mutex<Option<Cause>>>,
}

impl client::Handler for Verifier {
    type Error = russh::Error;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = presented else { return Ok(false) };
        let host = format!("{}:{}", self.host, self.port);
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        let algorithm = key.algorithm().to_string();
        let cause = match self.known_hosts.check(&self.host, self.port, key) {
            Verdict::Trusted => return Ok(true),
            Verdict::Mismatch => Cause::HostKeyMismatch { host, algorithm, fingerprint },
            Verdict::Unknown => Cause::HostKeyUnknown { host, algorithm, fingerprint },
            Verdict::Revoked => Cause::HostKeyRevoked { host, fingerprint },
        };
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_for_the_shell() {
        assert_eq!(quote("/a b.git"), "'/a b.git'");
        assert_eq!(quote("/a'; rm -rf /;'!"), r"'/a'\''; rm -rf /;'\'''\!''");
    }

    #[test]
    fn resolves_paths() {
        let path = |url: &str| remote_path(&Remote::new(url).unwrap());
        assert_eq!(path("ssh://git@h/org/app%20x.git"), "/org/app x.git");
        assert_eq!(path("ssh://h/~me/app.git"), "~me/app.git");
    }
}
