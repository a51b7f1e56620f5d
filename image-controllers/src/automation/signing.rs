//! The key that signs commits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use sluice_apis::image::v1::{GitSpec, ImageUpdateAutomation, SigningKeyType};
use sluice_auth::secrets::{self, Data};
use sluice_git::{Cause, Signer, ssh_signer};
use sluice_runtime::{ObjectKey, Pass};
use sluice_verify::{PgpSigner, SignError};

use super::AutomationReconciler;

/// Keys of the Secret.
const PGP_KEY: &str = "git.asc";
const PGP_PASSPHRASE: &str = "passphrase";
const SSH_KEY: &str = "identity";
const SSH_PASSPHRASE: &str = "password";

/// Signers by object: to unlock a key takes long on purpose. Kept as long as the Secret stays as it is.
#[derive(Default)]
pub(super) struct Signers(Mutex<HashMap<ObjectKey, Known>>);

struct Known {
    /// Of what the signer was made from.
    digest: [u8; 32],
    signer: Arc<Signer>,
}

impl Signers {
    fn get(&self, key: &ObjectKey, digest: &[u8; 32]) -> Option<Arc<Signer>> {
        self.lock().get(key).filter(|known| known.digest == *digest).map(|known| Arc::clone(&known.signer))
    }

    fn keep(&self, key: &ObjectKey, digest: [u8; 32], signer: &Arc<Signer>) {
        self.lock().insert(key.clone(), Known { digest, signer: Arc::clone(signer) });
    }

    /// Forgets the key of an object.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Known>> {
        // A single insert or remove at a time: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what a signer is made from.
fn digest(data: &Data, type_: Option<&SigningKeyType>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(type_.map_or("", SigningKeyType::as_str));
    for (key, value) in data {
        for part in [key.as_bytes(), value] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().into()
}

impl AutomationReconciler {
    /// The signer that the spec names, if it does.
    pub(super) async fn signer(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        git: &GitSpec,
    ) -> Result<Option<Arc<Signer>>, String> {
        let Some(key) = &git.commit.signing_key else {
            self.signers.forget(pass.key());
            return Ok(None);
        };
        let name = key.secret_ref.name.clone();
        let data = secrets::read(pass.client(), &pass.key().namespace, &name).await;
        let data =
            data.map_err(|error| format!("could not find signing key secret '{name}': {}", error.cause()))?;
        let type_ = key.type_.clone();
        let digest = digest(&data, type_.as_ref());
        if let Some(signer) = self.signers.get(pass.key(), &digest) {
            return Ok(Some(signer));
        }
        let read = move || read(&data, type_.as_ref(), &name).map(Arc::from);
        let signer =
            tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(error.to_string()))?;
        self.signers.keep(pass.key(), digest, &signer);
        Ok(Some(signer))
    }
}

/// Reads the key of a Secret. Where no type is given, the Secret's keys tell.
fn read(data: &Data, type_: Option<&SigningKeyType>, secret: &str) -> Result<Box<Signer>, String> {
    match type_ {
        Some(SigningKeyType::Ssh) => ssh(data, secret),
        Some(SigningKeyType::Gpg) => pgp(data, secret),
        Some(SigningKeyType::Other(word)) => Err(format!("unknown signing key type {word:?}")),
        None if !data.contains_key(PGP_KEY) && data.contains_key(SSH_KEY) => ssh(data, secret),
        None => pgp(data, secret),
    }
}

fn pgp(data: &Data, secret: &str) -> Result<Box<Signer>, String> {
    let key = data
        .get(PGP_KEY)
        .ok_or_else(|| format!("signing key secret '{secret}' does not contain a '{PGP_KEY}' key"))?;
    let passphrase = text(data, PGP_PASSPHRASE);
    let signer = PgpSigner::read(&String::from_utf8_lossy(key), passphrase.as_deref());
    let signer = signer.map_err(|error| match error {
        SignError::Locked => no_passphrase(PGP_PASSPHRASE, secret),
        SignError::Several => format!(
            "multiple entities read from secret '{secret}', could not determine which signing key to use"
        ),
        SignError::Passphrase(reason) => {
            format!("could not decrypt private key of the signing key present in secret {secret}: {reason}")
        }
        SignError::Key(reason) | SignError::Sign(reason) => {
            format!("could not read signing key from secret '{secret}': {reason}")
        }
    })?;
    Ok(Box::new(move |content| signer.sign(content).map_err(|error| error.to_string())))
}

fn ssh(data: &Data, secret: &str) -> Result<Box<Signer>, String> {
    let key = data
        .get(SSH_KEY)
        .ok_or_else(|| format!("signing key secret '{secret}' does not contain an '{SSH_KEY}' key"))?;
    ssh_signer(key, text(data, SSH_PASSPHRASE).as_deref()).map_err(|error| match error {
        Cause::EncryptedIdentity => no_passphrase(SSH_PASSPHRASE, secret),
        error => format!("could not parse SSH signing key from secret '{secret}': {error}"),
    })
}

fn text(data: &Data, key: &str) -> Option<String> {
    data.get(key).filter(|value| !value.is_empty()).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn no_passphrase(key: &str, secret: &str) -> String {
    format!("can not use passphrase protected signing key without '{key}' field present in secret {secret}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let error = |keys: &[&str], type_: Option<&SigningKeyType>| {
            let data = keys.iter().map(|key| ((*key).to_owned(), b"nonsense".to_vec())).collect();
            read(&data, type_, "key").err().unwrap_or_default()
        };
        let gpg = "signing key secret 'key' does not contain a 'git.asc' key";
        assert_eq!(error(&[], None), gpg);
        assert_eq!(error(&["identity"], Some(&SigningKeyType::Gpg)), gpg);
        let ssh = "signing key secret 'key' does not contain an 'identity' key";
        assert_eq!(error(&["git.asc"], Some(&SigningKeyType::Ssh)), ssh);
        assert!(
            error(&["identity"], None).starts_with("could not parse SSH signing key from secret 'key': ")
        );
        assert!(error(&["git.asc"], None).starts_with("could not read signing key from secret 'key': "));
    }
}
