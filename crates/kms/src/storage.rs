//! Credentials for the object stores of the clouds.

use zeroize::Zeroizing;

use crate::aws;

/// What Azure's tokens must be good for to open Blob Storage.
pub const AZURE_BLOB: &str = "https://storage.azure.com/.default";

/// What Amazon's S3 is shown.
#[derive(Clone)]
pub struct Keys {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: Zeroizing<String>,
    /// The token of temporary keys.
    pub session_token: Option<Zeroizing<String>>,
}

impl From<aws::Credentials> for Keys {
    fn from(credentials: aws::Credentials) -> Self {
        Self {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
        }
    }
}
