//! SSH keys: `ssh-ed25519` and `ssh-rsa`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::digest;
use rsa::sha2::Sha256;
use rsa::{BigUint, Oaep, RsaPrivateKey};
use ssh_key::private::{KeypairData, RsaKeypair};
use ssh_key::{Mpint, PrivateKey};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{FILE_KEY, FileKey, Stanza, derive, unwrap_key};

const ED25519_LABEL: &str = "age-encryption.org/v1/ssh-ed25519";
const RSA_LABEL: &str = "age-encryption.org/v1/ssh-rsa";

enum Secret {
    Ed25519(StaticSecret),
    Rsa(Box<RsaPrivateKey>),
}

/// An SSH private key; it is wiped from memory when dropped.
pub(super) struct Identity {
    secret: Secret,
    /// The public key as SSH encodes it.
    wire: Vec<u8>,
    shown: String,
}

impl Identity {
    /// Reads an OpenSSH private key.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let malformed = "malformed SSH identity";
        let text = Zeroizing::new(format!("{text}\n"));
        let key = PrivateKey::from_openssh(text.as_bytes()).map_err(|_| malformed)?;
        if key.is_encrypted() {
            return Err("the SSH key is protected by a passphrase");
        }
        let secret = match key.key_data() {
            KeypairData::Ed25519(pair) => {
                let hash = digest::digest(&digest::SHA512, &pair.private.to_bytes());
                let mut scalar = Zeroizing::new([0; 32]);
                scalar.copy_from_slice(hash.as_ref().get(..32).ok_or(malformed)?);
                Secret::Ed25519(StaticSecret::from(*scalar))
            }
            KeypairData::Rsa(pair) => Secret::Rsa(Box::new(rsa_key(pair).ok_or(malformed)?)),
            _ => return Err("the SSH key is neither ssh-ed25519 nor ssh-rsa"),
        };
        let public = key.public_key();
        let wire = public.to_bytes().map_err(|_| malformed)?;
        let mut shown = public.clone();
        shown.set_comment("");
        Ok(Self { secret, wire, shown: shown.to_openssh().map_err(|_| malformed)? })
    }

    /// `ssh-ed25519 AAAA…`
    pub(super) fn recipient(&self) -> String {
        self.shown.trim().to_owned()
    }

    pub(super) fn open(&self, stanza: &Stanza) -> Option<FileKey> {
        let hash = digest::digest(&digest::SHA256, &self.wire);
        let tag = STANDARD_NO_PAD.encode(hash.as_ref().get(..4)?);
        if stanza.arguments.first() != Some(&tag) {
            return None;
        }
        match (&self.secret, stanza.kind.as_str()) {
            (Secret::Ed25519(secret), "ssh-ed25519") => {
                let share = PublicKey::from(stanza.bytes::<32>(1)?);
                let tweak = StaticSecret::from(*derive(&self.wire, b"", ED25519_LABEL));
                let inner = secret.diffie_hellman(&share);
                let shared = tweak.diffie_hellman(&PublicKey::from(*inner.as_bytes()));
                let salt = [share.as_bytes().as_slice(), PublicKey::from(secret).as_bytes()].concat();
                unwrap_key(&derive(&salt, shared.as_bytes(), ED25519_LABEL), &stanza.body)
            }
            (Secret::Rsa(secret), "ssh-rsa") => {
                let padding = Oaep::new_with_label::<Sha256, _>(RSA_LABEL);
                let key = Zeroizing::new(secret.decrypt(padding, &stanza.body).ok()?);
                (key.len() == FILE_KEY).then_some(key)
            }
            _ => None,
        }
    }
}

/// The key in the form of the other library.
fn rsa_key(pair: &RsaKeypair) -> Option<RsaPrivateKey> {
    let number = |number: &Mpint| number.as_positive_bytes().map(BigUint::from_bytes_be);
    let (public, private) = (pair.public(), pair.private());
    let primes = vec![number(private.p())?, number(private.q())?];
    RsaPrivateKey::from_components(number(public.n())?, number(public.e())?, number(private.d())?, primes)
        .ok()
}
