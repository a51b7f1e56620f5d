//! Signatures of commits by SSH keys (the `PROTOCOL.sshsig` of OpenSSH).

use russh::keys::HashAlg;
use russh::keys::ssh_key::LineEnding;

use crate::transport::private_key;
use crate::{Cause, Signer};

/// Signatures for Git carry this name, so that one made for something else is of no use.
const NAMESPACE: &str = "git";

/// Signs with a private key: OpenSSH, PKCS#8, PKCS#1 or SEC1 in PEM. [`Cause::EncryptedIdentity`] if it has a
/// passphrase and none is given. Errors never repeat any of the key.
pub fn ssh_signer(pem: &[u8], password: Option<&str>) -> Result<Box<Signer>, Cause> {
    let key = private_key(pem, password)?;
    Ok(Box::new(move |content| {
        let signature = key.sign(NAMESPACE, HashAlg::Sha512, content).map_err(|error| error.to_string())?;
        signature.to_pem(LineEnding::LF).map_err(|error| error.to_string())
    }))
}
