//! SSH signatures, as `ssh-keygen -Y sign` and Git make them.

use ssh_key::{HashAlg, PublicKey, SshSig, authorized_keys::AuthorizedKeys as Lines};

use crate::Error;

/// Signatures for Git carry this name, so that one made for something else is of no use.
const NAMESPACE: &str = "git";

/// Trusted SSH keys.
#[derive(Clone, Debug, Default)]
pub struct AuthorizedKeys {
    keys: Vec<PublicKey>,
    unreadable: Option<String>,
}

impl AuthorizedKeys {
    /// Reads texts in the format of `authorized_keys`. One that is malformed does not hide the others.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for text in texts {
            match Lines::new(text).map(|line| line.map(PublicKey::from)).collect::<Result<Vec<_>, _>>() {
                Ok(keys) => all.keys.extend(keys),
                Err(error) => all.unreadable = all.unreadable.or_else(|| Some(error.to_string())),
            }
        }
        all
    }
}

/// Checks a signature in SSH armor, made for Git. Returns the fingerprint of the key, `SHA256:…`.
pub fn verify_ssh(signature: &str, payload: &[u8], trusted: &AuthorizedKeys) -> Result<String, Error> {
    let signature =
        SshSig::from_pem(signature.trim()).map_err(|error| Error::SshSignature(error.to_string()))?;
    if trusted.keys.is_empty()
        && let Some(error) = &trusted.unreadable
    {
        return Err(Error::AuthorizedKeys(error.clone()));
    }
    let mut why = Vec::new();
    let fingerprint = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
    let mut hint = format!(": it was made with {fingerprint}");
    for key in &trusted.keys {
        let reason = if key.key_data() != signature.public_key() {
            "public key does not match"
        } else if signature.namespace() != NAMESPACE {
            hint = format!(": it was made for '{}', not for '{NAMESPACE}'", signature.namespace());
            "namespace does not match"
        } else if let Err(error) = key.verify(NAMESPACE, payload, &signature) {
            hint = format!(": the signature by {fingerprint} does not fit: {error}");
            if key.algorithm().is_rsa() {
                "crypto/rsa: verification error"
            } else {
                "ssh: signature did not verify"
            }
        } else {
            return Ok(fingerprint);
        };
        if !why.contains(&reason) {
            why.push(reason);
        }
    }
    Err(Error::NoSshKey { why, hint })
}
