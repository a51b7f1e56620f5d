//! All that a file may be decrypted with.

use sluice_sops::{KeyService, MasterKey, Recipient};
use zeroize::Zeroizing;

use crate::age::AgeKeys;
use crate::identity::{Identity, Memo};
use crate::pgp::PgpKeys;
use crate::vault::{self, Vault};
use crate::{aws, azure, gcp};

/// An entry of a Secret that can't be used. The text holds nothing of the entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ImportError {
    /// In the words of Flux and its libraries.
    pub message: String,
    /// What there is to say beyond them.
    pub detail: Option<String>,
}

impl ImportError {
    pub(crate) fn new(message: String) -> Self {
        Self { message, detail: None }
    }
}

/// All that a file may be decrypted with.
#[derive(Default)]
pub struct Keyring {
    age: AgeKeys,
    pgp: PgpKeys,
    /// How Vault is shown who asks; without it Vault is not asked.
    pub vault: Option<Vault>,
    /// Whose credentials Amazon is shown.
    pub aws: Identity<aws::Credentials>,
    /// Whose credentials Azure is shown.
    pub azure: Identity<azure::Credentials>,
    /// Whose credentials Google is shown.
    pub gcp: Identity<gcp::Credentials>,
    aws_credentials: Memo<aws::Credentials>,
    azure_tokens: Memo<Zeroizing<String>>,
    gcp_tokens: Memo<Zeroizing<String>>,
}

impl Keyring {
    /// Takes an entry of a decryption Secret; its name says what it is. Entries of other names are left alone.
    #[expect(clippy::case_sensitive_file_extension_comparisons, reason = "as in Flux")]
    pub fn import(&mut self, name: &str, value: &[u8]) -> Result<(), ImportError> {
        let text =
            || std::str::from_utf8(value).map_err(|_| ImportError::new("it is not UTF-8 text".to_owned()));
        if name.ends_with(".asc") {
            self.pgp.import(value)?;
        } else if name.ends_with(".agekey") {
            self.age.import(text()?)?;
        } else if name == "sops.vault-token" {
            let token = text()?.trim();
            if !token.is_empty() {
                self.vault = Some(Vault::Token(Zeroizing::new(token.to_owned())));
            }
        } else if name == "sops.aws-kms" {
            self.aws = Identity::Given(aws::static_credentials(value).map_err(ImportError::new)?);
        } else if name == "sops.azure-kv" {
            self.azure = Identity::Given(azure::static_credentials(value).map_err(ImportError::new)?);
        } else if name == "sops.gcp-kms" {
            self.gcp = Identity::Given(gcp::static_credentials(value).map_err(ImportError::new)?);
        }
        Ok(())
    }
}

impl KeyService for Keyring {
    async fn decrypt(&self, key: &MasterKey) -> Result<Vec<u8>, String> {
        let encrypted = &key.encrypted;
        match &key.recipient {
            Recipient::Age(_) => self.age.decrypt(encrypted),
            Recipient::Pgp(_) => self.pgp.decrypt(encrypted),
            Recipient::AwsKms { arn, role, context, .. } => {
                let of = (&self.aws, &self.aws_credentials);
                aws::decrypt(of, arn, role.as_deref(), context, encrypted).await
            }
            Recipient::GcpKms(resource) => {
                gcp::decrypt((&self.gcp, &self.gcp_tokens), resource, encrypted).await
            }
            Recipient::AzureKeyVault { url, name, version } => {
                azure::decrypt((&self.azure, &self.azure_tokens), url, name, version, encrypted).await
            }
            Recipient::Vault { address, engine, key } => match &self.vault {
                Some(vault) => vault::decrypt(vault, address, engine, key, encrypted).await,
                None => Err("no token for Vault: add sops.vault-token to the decryption Secret, or set --sops-vault-configmap".to_owned()),
            },
            Recipient::Other { service, .. } => Err(format!("keys of {service} are not supported")),
        }
    }

    fn known(&self) -> Vec<String> {
        let age = self.age.names().map(|name| format!("age {name}"));
        let pgp = self.pgp.names().map(|name| format!("OpenPGP {name}"));
        let mut known: Vec<String> = age.chain(pgp).collect();
        match &self.vault {
            Some(Vault::Token(_)) => known.push("a Vault token".to_owned()),
            Some(Vault::Login(_)) => known.push("a Vault login".to_owned()),
            None => {}
        }
        let given = [
            (matches!(self.aws, Identity::Given(_)), "AWS credentials"),
            (matches!(self.azure, Identity::Given(_)), "Azure credentials"),
            (matches!(self.gcp, Identity::Given(_)), "Google credentials"),
        ];
        known.extend(given.into_iter().filter(|(given, _)| *given).map(|(_, name)| name.to_owned()));
        known
    }
}
