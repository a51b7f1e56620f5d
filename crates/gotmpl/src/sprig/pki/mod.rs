//! Keys and certificates as Go's `crypto/x509` reads and writes them.

mod certificate;
mod key;
pub(super) mod pem;
mod random;

pub(super) use certificate::{Issuer, Request, parse_certificate};
pub(super) use key::{Algorithm, Key};
