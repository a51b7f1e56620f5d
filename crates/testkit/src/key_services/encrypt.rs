//! Files as `sops` encrypts them, with data keys that the services' keys encrypt.

use std::{collections::BTreeMap, fmt::Write};

use aes_gcm::{
    Aes256Gcm, AesGcm, KeyInit, Nonce,
    aead::{Aead, Payload, consts::U32},
    aes::Aes256,
};
use anyhow::{Context, Result, anyhow};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rand_core::{OsRng, RngCore};
use rsa::{Oaep, sha2::Sha256};
use sha2::{Digest, Sha512};

use super::{KeyServices, amazon, azure, google};

/// When the files were encrypted.
const TIME: &str = "2026-01-02T03:04:05Z";

/// The key that a file's data key is encrypted with.
#[derive(Clone, Debug)]
pub enum SopsKey {
    /// In Azure's Key Vault.
    KeyVault,
    /// In Google's KMS.
    GoogleKms,
    /// In Amazon's KMS.
    AmazonKms {
        /// What the ciphertext is bound to.
        context: BTreeMap<String, String>,
        /// The role that has to be assumed first.
        role: Option<String>,
    },
}

impl SopsKey {
    /// A key in Amazon's KMS, without a context.
    pub fn amazon() -> Self {
        Self::AmazonKms { context: BTreeMap::new(), role: None }
    }

    /// The key's name, as messages have it.
    pub fn name(&self, services: &KeyServices) -> String {
        match self {
            Self::KeyVault => format!("{}/keys/{}/{}", services.vault(), azure::KEY, azure::KEY_VERSION),
            Self::GoogleKms => google::KEY.to_owned(),
            Self::AmazonKms { .. } => amazon::KEY.to_owned(),
        }
    }
}

impl KeyServices {
    /// A Secret whose value `token` is encrypted.
    pub fn encrypt_secret(&self, key: &SopsKey, name: &str, token: &str) -> Result<String> {
        let data = data_key();
        let sealed = value(&data, "stringData:token:", token)?;
        let head = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n    name: {name}\nstringData:\n    token: {sealed}\n"
        );
        let rule = "    encrypted_regex: ^(data|stringData)$\n";
        Ok(head + &self.metadata(key, &data, &["v1", "Secret", name, token], rule)?)
    }

    /// A file of YAML, all of whose values are encrypted.
    pub fn encrypt_values(&self, key: &SopsKey, values: &[(&str, &str)]) -> Result<String> {
        let data = data_key();
        let mut text = String::new();
        for (name, plain) in values {
            writeln!(text, "{name}: {}", value(&data, &format!("{name}:"), plain)?)?;
        }
        let plain: Vec<&str> = values.iter().map(|(_, plain)| *plain).collect();
        Ok(text + &self.metadata(key, &data, &plain, "    unencrypted_suffix: _unencrypted\n")?)
    }

    /// The block below `sops`.
    fn metadata(&self, key: &SopsKey, data: &[u8; 32], plain: &[&str], rule: &str) -> Result<String> {
        let enc = self.wrap(key, data)?;
        let entry = match key {
            SopsKey::KeyVault => format!(
                "    azure_kv:\n        - vault_url: {}\n          name: {}\n          version: {}\n          created_at: \"{TIME}\"\n          enc: {enc}\n",
                self.vault(),
                azure::KEY,
                azure::KEY_VERSION,
            ),
            SopsKey::GoogleKms => format!(
                "    gcp_kms:\n        - resource_id: {}\n          created_at: \"{TIME}\"\n          enc: {enc}\n",
                google::KEY
            ),
            SopsKey::AmazonKms { context, role } => {
                let mut entry = format!("    kms:\n        - arn: {}\n", amazon::KEY);
                if let Some(role) = role {
                    writeln!(entry, "          role: {role}")?;
                }
                if !context.is_empty() {
                    writeln!(entry, "          context:")?;
                }
                for (name, value) in context {
                    writeln!(entry, "            {name}: {value}")?;
                }
                entry
                    + &format!(
                        "          created_at: \"{TIME}\"\n          enc: {enc}\n          aws_profile: \"\"\n"
                    )
            }
        };
        let digest = plain.iter().fold(Sha512::new(), Digest::chain_update).finalize();
        let mac = value(data, TIME, &hex::encode_upper(digest))?;
        Ok(format!("sops:\n{entry}    lastmodified: \"{TIME}\"\n    mac: {mac}\n{rule}    version: 3.13.3\n"))
    }

    /// The data key as a service's key encrypts it.
    fn wrap(&self, key: &SopsKey, data: &[u8; 32]) -> Result<String> {
        let sealed = match key {
            SopsKey::KeyVault => {
                let public = self.cloud.rsa.to_public_key();
                let sealed = public.encrypt(&mut OsRng, Oaep::new::<Sha256>(), data)?;
                return Ok(URL_SAFE_NO_PAD.encode(sealed));
            }
            SopsKey::GoogleKms => seal(&self.cloud.aes, data, google::KEY),
            SopsKey::AmazonKms { context, .. } => seal(&self.cloud.aes, data, &amazon::bound(context)),
        };
        Ok(STANDARD.encode(sealed.context("encrypt the data key")?))
    }
}

fn data_key() -> [u8; 32] {
    let mut key = [0; 32];
    OsRng.fill_bytes(&mut key);
    key
}

/// `ENC[AES256_GCM,…]`
fn value(key: &[u8; 32], context: &str, plain: &str) -> Result<String> {
    let mut iv = [0; 32];
    OsRng.fill_bytes(&mut iv);
    let cipher = AesGcm::<Aes256, U32>::new(key.into());
    let payload = Payload { msg: plain.as_bytes(), aad: context.as_bytes() };
    let nonce = Nonce::<U32>::from_slice(&iv);
    let sealed = cipher.encrypt(nonce, payload).map_err(|_| anyhow!("encrypt a value"))?;
    let (data, tag) = sealed.split_at(plain.len());
    let [data, iv, tag] = [data, &iv[..], tag].map(|bytes| STANDARD.encode(bytes));
    Ok(format!("ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"))
}

/// Nonce and ciphertext.
fn seal(key: &[u8; 32], plain: &[u8], bound: &str) -> Option<Vec<u8>> {
    let mut nonce = [0; 12];
    OsRng.fill_bytes(&mut nonce);
    let payload = Payload { msg: plain, aad: bound.as_bytes() };
    let sealed = Aes256Gcm::new(key.into()).encrypt((&nonce).into(), payload).ok()?;
    Some([&nonce[..], &sealed].concat())
}

/// The plain text of what [`seal`] made.
pub(super) fn open(key: &[u8; 32], sealed: &[u8], bound: &str) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(12)?;
    let payload = Payload { msg: sealed, aad: bound.as_bytes() };
    Aes256Gcm::new(key.into()).decrypt(Nonce::from_slice(nonce), payload).ok()
}
