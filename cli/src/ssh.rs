//! Keys for Git over SSH: pairs, and those of hosts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use clap::builder::PossibleValuesParser;
use russh::client;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::RsaKeypair;
use russh::keys::{
    Algorithm, EcdsaCurve, PrivateKey, PublicKey, PublicKeyOrCertificate, decode_secret_key, key,
};
use url::Url;

/// The port where a URL has none.
const PORT: u16 = 22;

/// Which private key is used.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct KeyFlags {
    /// File with the private key; one is made when not given
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// Kind of key that is made
    #[arg(long, value_name = "ALGORITHM", default_value = "ecdsa")]
    #[arg(value_parser = PossibleValuesParser::new(["rsa", "ecdsa", "ed25519"]))]
    ssh_key_algorithm: String,
    /// Length of an RSA key that is made
    #[arg(long, value_name = "BITS", default_value_t = 2048)]
    #[arg(value_parser = clap::value_parser!(u64).range(2048..=8192))]
    ssh_rsa_bits: u64,
    /// Curve of an ECDSA key that is made
    #[arg(long, value_name = "CURVE", default_value = "p384")]
    #[arg(value_parser = PossibleValuesParser::new(["p256", "p384", "p521"]))]
    ssh_ecdsa_curve: String,
}

/// A pair of keys in OpenSSH's formats.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) private: String,
    /// One line, with its end.
    pub(crate) public: String,
}

impl KeyFlags {
    /// Whether a key was given, in place of one to make.
    pub(crate) fn is_given(&self) -> bool {
        self.private_key_file.is_some()
    }

    /// The key that was given, or a new one.
    pub(crate) fn pair(&self, password: Option<&str>) -> Result<Pair> {
        let (private, key) = if let Some(path) = &self.private_key_file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("failed to open private key file {}", path.display()))?;
            let key = decode_secret_key(&text, password)
                .with_context(|| format!("private key file {}", path.display()))?;
            (text, key)
        } else {
            let key = self.generate()?;
            (key.to_openssh(LineEnding::LF)?.to_string(), key)
        };
        Ok(Pair { private, public: format!("{}\n", line(key.public_key())?) })
    }

    fn generate(&self) -> Result<PrivateKey> {
        let mut random = key::safe_rng();
        let algorithm = match self.ssh_key_algorithm.as_str() {
            "rsa" => {
                let bits = usize::try_from(self.ssh_rsa_bits)?;
                return Ok(RsaKeypair::random(&mut random, bits)?.into());
            }
            "ed25519" => Algorithm::Ed25519,
            _ => Algorithm::Ecdsa {
                curve: match self.ssh_ecdsa_curve.as_str() {
                    "p256" => EcdsaCurve::NistP256,
                    "p521" => EcdsaCurve::NistP521,
                    _ => EcdsaCurve::NistP384,
                },
            },
        };
        Ok(PrivateKey::random(&mut random, algorithm)?)
    }
}

/// Algorithm and key, without a comment.
fn line(key: &PublicKey) -> Result<String> {
    let text = key.to_openssh()?;
    Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// What the server of an address presents as its key, as a line of `known_hosts`. Whoever uses it trusts the way there.
pub(crate) async fn known_hosts(url: &str) -> Result<String> {
    let parsed = Url::parse(url).with_context(|| format!("git URL parse failed: {url}"))?;
    let Some(host) = parsed.host_str() else { bail!("'{url}' has no host") };
    let port = parsed.port().unwrap_or(PORT);
    let plain = host.trim_start_matches('[').trim_end_matches(']');
    let seen = Arc::new(Mutex::new(None));
    let looker = Looker { seen: Arc::clone(&seen) };
    let session = client::connect(Arc::new(client::Config::default()), (plain, port), looker).await;
    let key = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(key) = key else {
        let reason = session.err().map_or_else(|| "it presents none".to_owned(), |error| error.to_string());
        bail!("SSH key scan for host {plain}:{port} failed: {reason}");
    };
    let name = if port == PORT { plain.to_owned() } else { format!("[{plain}]:{port}") };
    Ok(format!("{name} {}", line(&key)?))
}

/// Looks at the key of a host, and goes.
struct Looker {
    seen: Arc<Mutex<Option<PublicKey>>>,
}

impl client::Handler for Looker {
    type Error = russh::Error;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = presented {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        }
        // All that was wanted is known.
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(algorithm: &str, curve: &str) -> KeyFlags {
        KeyFlags {
            private_key_file: None,
            ssh_key_algorithm: algorithm.to_owned(),
            ssh_rsa_bits: 2048,
            ssh_ecdsa_curve: curve.to_owned(),
        }
    }

    #[test]
    fn pairs_are_made_and_read_again() {
        for (algorithm, curve, kind) in [
            ("ecdsa", "p256", "ecdsa-sha2-nistp256 "),
            ("ecdsa", "p384", "ecdsa-sha2-nistp384 "),
            ("ecdsa", "p521", "ecdsa-sha2-nistp521 "),
            ("ed25519", "p384", "ssh-ed25519 "),
        ] {
            let pair = flags(algorithm, curve).pair(None).unwrap();
            assert!(pair.public.starts_with(kind) && pair.public.ends_with('\n'), "{}", pair.public);
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("key");
            std::fs::write(&path, &pair.private).unwrap();
            let given = KeyFlags { private_key_file: Some(path), ..flags("rsa", "p384") };
            let again = given.pair(None).unwrap();
            assert_eq!((again.private, again.public), (pair.private, pair.public));
        }
    }

    #[tokio::test]
    async fn nobody_listens() {
        let error = known_hosts("ssh://git@127.0.0.1:1/app").await.unwrap_err().to_string();
        assert!(error.starts_with("SSH key scan for host 127.0.0.1:1 failed: "), "{error}");
    }
}
