//! Object stores: S3 and what is compatible with it, Google Cloud Storage, Azure Blob Storage.
//!
//! A [`Bucket`] is asked whether it exists, lists its objects with their entity tags, and gives their content. What
//! was found goes into an [`Index`], whose digest is the revision of the whole.
//!
//! All requests go through [`sluice_http::client`]: private certificates, proxies and the policy of reachable
//! addresses are its. Redirects are not followed: credentials are for the store that was named.

mod azure;
mod error;
mod gcs;
mod http;
mod index;
mod s3;
mod token;
mod xml;

use std::path::Path;

pub use azure::{Azure, AzureAuth};
pub use error::Error;
pub use gcs::{Gcs, GcsAuth};
pub use http::Access;
pub use index::Index;
pub use s3::{Credentials, S3, assume_role_with_ldap};
pub use token::{AzureProof, azure_token, google_token};

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its entity tag, in the form in which [`Bucket::download`] gives it.
    pub etag: String,
}

/// A bucket of one of the kinds.
#[derive(Clone, Debug)]
pub enum Bucket {
    /// S3, or what is compatible with it.
    S3(S3),
    /// Google Cloud Storage.
    Gcs(Gcs),
    /// Azure Blob Storage, where buckets are called containers.
    Azure(Azure),
}

impl Bucket {
    /// Whether the bucket exists.
    pub async fn exists(&self) -> Result<bool, Error> {
        match self {
            Self::S3(bucket) => bucket.exists().await,
            Self::Gcs(bucket) => bucket.exists().await,
            Self::Azure(bucket) => bucket.exists().await,
        }
    }

    /// Lists the objects whose keys begin with `prefix`, page by page.
    pub async fn list(&self, prefix: &str, visit: &mut (dyn FnMut(Object) + Send)) -> Result<(), Error> {
        match self {
            Self::S3(bucket) => bucket.list(prefix, visit).await,
            Self::Gcs(bucket) => bucket.list(prefix, visit).await,
            Self::Azure(bucket) => bucket.list(prefix, visit).await,
        }
    }

    /// Writes the content of an object to a new file and gives its entity tag; None if there is no such object.
    pub async fn download(&self, key: &str, file: &Path) -> Result<Option<String>, Error> {
        let found = match self {
            Self::S3(bucket) => bucket.open(key).await,
            Self::Gcs(bucket) => bucket.open(key).await,
            Self::Azure(bucket) => bucket.open(key).await,
        };
        match found? {
            Some((etag, response)) => http::save(response, file).await.map(|()| Some(etag)),
            None => Ok(None),
        }
    }
}
