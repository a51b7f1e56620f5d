//! The entries of logs in bundles.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::super::merkle;
use super::super::note::Note;
use super::super::rekor::{self, Content, Entry, Subject};
use super::super::root::{Log, TrustedRoot};
use super::format::{Envelope, LogEntry, Proof};
use crate::Error;
use crate::certificate::Certificate;
use crate::key::{Hash, Kind};

/// What entries have to be about.
pub(super) struct Signed<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) signature: &'a [u8],
    pub(super) certificate: &'a Certificate,
}

/// Checks that a log that is trusted knows the signature; when logs promise to have seen it.
///
/// Entries of other logs don't matter, but what is said of a trusted one has to be true.
pub(super) fn check(
    entries: &[LogEntry],
    signed: &Signed<'_>,
    root: &TrustedRoot,
) -> Result<Vec<Timestamp>, Error> {
    let mut seen = BTreeSet::new();
    if !entries.iter().all(|entry| seen.insert((&entry.log_id.key_id.0, entry.log_index))) {
        return Err(Error::new("the bundle has an entry of a log twice"));
    }
    let mut missing = Error::new("the bundle has no entry of a log that knows the signature");
    let (mut is_known, mut times) = (false, Vec::new());
    for entry in entries {
        let is_second = is_of_second_version(&entry.canonicalized_body.0)?;
        let log = match rekor::log(root, &entry.log_id.key_id.0) {
            Ok(log) => log,
            Err(error) => {
                missing = error;
                continue;
            }
        };
        if entry.inclusion_proof.is_none() && (is_second || entry.inclusion_promise.is_none()) {
            return Err(Error::new("the entry of the log comes without a proof that it is in the log"));
        }
        let promised = match promised(entry, is_second, log) {
            Ok(promised) => promised,
            Err(error) => {
                missing = error;
                continue;
            }
        };
        if is_second {
            check_second(entry, signed, log)?;
        } else {
            check_first(entry, signed, log)?;
        }
        if entry.integrated_time != 0 {
            let at = Timestamp::from_second(entry.integrated_time).map_err(Error::new)?;
            signed.certificate.check_time(at)?;
        }
        is_known = true;
        times.extend(promised);
    }
    if is_known { Ok(times) } else { Err(missing) }
}

/// When the log promises to have seen the entry, if it does.
fn promised(entry: &LogEntry, is_second: bool, log: &Log) -> Result<Option<Timestamp>, Error> {
    let Some(promise) = &entry.inclusion_promise else { return Ok(None) };
    if is_second {
        return Err(Error::new("a log of the second version promises nothing"));
    }
    let entry = Entry {
        body: &entry.canonicalized_body.0,
        integrated: entry.integrated_time,
        index: entry.log_index,
        log_id: &entry.log_id.key_id.0,
        signed: &promise.signed_entry_timestamp.0,
    };
    entry.check(log).map(Some)
}

/// Whether an entry is of the second version of the log.
fn is_of_second_version(body: &[u8]) -> Result<bool, Error> {
    let body: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| Error::new(format!("the entry of the log cannot be read: {error}")))?;
    Ok(body["kind"] == "hashedrekord" && body["apiVersion"] == "0.0.2")
}

fn not_in_tree() -> Error {
    Error::new("the proof that the signature is in the log is wrong")
}

fn beside(proof: &Proof) -> Vec<Vec<u8>> {
    proof.hashes.iter().map(|hash| hash.0.clone()).collect()
}

fn check_first(entry: &LogEntry, signed: &Signed<'_>, log: &Log) -> Result<(), Error> {
    let body = &entry.canonicalized_body.0;
    let Signed { envelope, signature, certificate } = *signed;
    let content = Content::Envelope(&envelope.payload.0);
    rekor::check_subject(body, &Subject { content, signature, certificate })?;
    let Some(proof) = &entry.inclusion_proof else { return Ok(()) };
    let root = merkle::root(merkle::leaf(body), proof.log_index, proof.tree_size, &beside(proof));
    let root = root.filter(|root| root[..] == proof.root_hash.0[..]).ok_or_else(not_in_tree)?;
    let note = Note::read(&proof.checkpoint.envelope)?;
    if !note.names_a_tree() {
        return Err(Error::new("the log's checkpoint is not one of its version"));
    }
    if note.of_tree(log)?.root == root { Ok(()) } else { Err(not_in_tree()) }
}

/// The proof has to be of an entry as the log would make it of this signature: what comes with it is not looked at.
fn check_second(entry: &LogEntry, signed: &Signed<'_>, log: &Log) -> Result<(), Error> {
    let proof = entry.inclusion_proof.as_ref().ok_or_else(not_in_tree)?;
    let note = Note::read(&proof.checkpoint.envelope)?;
    let checkpoint = note.of_server(log)?;
    let leaf = merkle::leaf(&second_entry(signed)?);
    let root = merkle::root(leaf, entry.log_index, checkpoint.size, &beside(proof));
    if root == Some(checkpoint.root) { Ok(()) } else { Err(not_in_tree()) }
}

/// The entry of a signature, in its canonical form (RFC 8785).
fn second_entry(signed: &Signed<'_>) -> Result<Vec<u8>, Error> {
    let key = signed.certificate.key()?;
    let details = match key.kind() {
        Kind::P256 => "PKIX_ECDSA_P256_SHA_256",
        Kind::P384 => "PKIX_ECDSA_P384_SHA_384",
        Kind::P521 => "PKIX_ECDSA_P521_SHA_512",
        Kind::Ed25519 => "PKIX_ED25519_PH",
        Kind::Rsa { bits: 2048 } => "PKIX_RSA_PKCS1V15_2048_SHA256",
        Kind::Rsa { bits: 3072 } => "PKIX_RSA_PKCS1V15_3072_SHA256",
        Kind::Rsa { bits: 4096 } => "PKIX_RSA_PKCS1V15_4096_SHA256",
        kind @ Kind::Rsa { .. } => {
            return Err(Error::new(format!("the log takes no signatures by a key of {kind}")));
        }
    };
    let hash = key.usual_hash();
    let algorithm = match hash {
        Hash::Sha256 => "SHA2_256",
        Hash::Sha384 => "SHA2_384",
        Hash::Sha512 => "SHA2_512",
    };
    let digest = STANDARD.encode(hash.of(&signed.envelope.signed()));
    let (signature, certificate) =
        (STANDARD.encode(signed.signature), STANDARD.encode(signed.certificate.der()));
    let data = format!(r#"{{"algorithm":"{algorithm}","digest":"{digest}"}}"#);
    let verifier =
        format!(r#"{{"keyDetails":"{details}","x509Certificate":{{"rawBytes":"{certificate}"}}}}"#);
    let signature = format!(r#"{{"content":"{signature}","verifier":{verifier}}}"#);
    let spec = format!(r#"{{"hashedRekordV002":{{"data":{data},"signature":{signature}}}}}"#);
    Ok(format!(r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{spec}}}"#).into_bytes())
}
