//! cosign: signatures by keys, and by certificates that live for minutes and name an identity (keyless).
//!
//! Two forms are known: "simple signing", where a small JSON document that names the image is signed, and bundles, where
//! the signature comes with all that is needed to check it.

mod bundle;
mod fulcio;
mod merkle;
mod note;
mod rekor;
mod root;
mod simple;

use regex::Regex;

pub use bundle::{BUNDLE_TYPE, verify_bundle};
pub use root::TrustedRoot;
pub use simple::{Annotations, SIMPLE_TYPE, verify_simple};

use crate::certificate::Certificate;
use crate::{Error, PublicKey};

/// Whose signatures count.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those of a key.
    Key(PublicKey),
    /// Those of identities, as certificates and logs show.
    Identities {
        /// The authorities and logs.
        root: Box<TrustedRoot>,
        /// Which identities; one that matches is enough. None at all means every one.
        identities: Vec<Identity>,
    },
}

/// An identity, by two regular expressions that must both match somewhere.
#[derive(Clone, Debug)]
pub struct Identity {
    issuer: Regex,
    subject: Regex,
}

impl Identity {
    /// Reads the regular expressions.
    pub fn new(issuer: &str, subject: &str) -> Result<Self, Error> {
        let read = |text: &str| {
            Regex::new(text).map_err(|_| Error::new(format!("'{text}' is no regular expression")))
        };
        Ok(Self { issuer: read(issuer)?, subject: read(subject)? })
    }

    fn matches(&self, issuer: &str, names: &[String]) -> bool {
        self.issuer.is_match(issuer) && names.iter().any(|name| self.subject.is_match(name))
    }
}

/// Whether a certificate names one of the identities.
fn check_identity(certificate: &Certificate, identities: &[Identity]) -> Result<(), Error> {
    if identities.is_empty() {
        return Ok(());
    }
    let (issuer, names) = (fulcio::issuer(certificate).unwrap_or_default(), certificate.names());
    if identities.iter().any(|identity| identity.matches(&issuer, &names)) {
        return Ok(());
    }
    Err(Error::new(format!(
        "none of the expected identities matched what was in the certificate, got subjects [{}] with issuer {issuer}",
        names.join(", ")
    )))
}
