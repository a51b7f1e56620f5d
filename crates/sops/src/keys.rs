//! Who can decrypt a data key.

use std::collections::BTreeMap;
use std::fmt;

/// A key that the data key, or a part of it, was encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKey {
    /// Whose key it is.
    pub recipient: Recipient,
    /// The encrypted data key, as the file holds it.
    pub encrypted: String,
}

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// age: a native recipient or an SSH public key.
    Age(String),
    /// OpenPGP: the fingerprint.
    Pgp(String),
    /// Amazon's KMS.
    AwsKms {
        /// The key's ARN.
        arn: String,
        /// The role to assume first.
        role: Option<String>,
        /// What the ciphertext is bound to.
        context: BTreeMap<String, String>,
        /// The profile of a shared configuration file.
        profile: Option<String>,
    },
    /// Google's KMS: the key's resource name.
    GcpKms(String),
    /// Azure's Key Vault.
    AzureKeyVault {
        /// The vault's URL.
        url: String,
        /// The key's name.
        name: String,
        /// The key's version.
        version: String,
    },
    /// The transit engine of HashiCorp Vault or OpenBao.
    Vault {
        /// The server's URL.
        address: String,
        /// Where the engine is mounted.
        engine: String,
        /// The key's name.
        key: String,
    },
    /// A service that is not supported here.
    Other {
        /// The service, as the metadata names it.
        service: &'static str,
        /// The key.
        key: String,
    },
}

impl Recipient {
    /// In which order the keys of a group are tried: those that need no network first.
    pub(crate) fn priority(&self) -> u8 {
        match self {
            Self::Age(_) => 0,
            Self::Pgp(_) => 1,
            _ => 2,
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age(key) | Self::Pgp(key) | Self::GcpKms(key) | Self::Other { key, .. } => f.write_str(key),
            Self::AwsKms { arn, role, context, profile } => {
                f.write_str(arn)?;
                if let Some(role) = role {
                    write!(f, "+{role}")?;
                }
                let context: Vec<String> = context.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                match profile {
                    Some(profile) => write!(f, "|{}|{profile}", context.join(",")),
                    None if context.is_empty() => Ok(()),
                    None => write!(f, "|{}", context.join(",")),
                }
            }
            Self::AzureKeyVault { url, name, version } => write!(f, "{url}/keys/{name}/{version}"),
            Self::Vault { address, engine, key } => write!(f, "{address}/v1/{engine}/keys/{key}"),
        }
    }
}

/// Keys that all encrypt the same part of the data key: any one of them will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyGroup(pub Vec<MasterKey>);
