//! Phase: whether somebody who is trusted signed the commit, or the tag that led to it.

use std::collections::BTreeMap;

use sluice_apis::conditions::{delete, mark_false, mark_true};
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::{GitRepository, GitVerificationMode};
use sluice_auth::secrets::{self, Data};
use sluice_git::{Commit, Tag};
use sluice_runtime::{EventType, Pass};
use sluice_verify::{AuthorizedKeys, KeyRing, SignatureKind, verify_pgp, verify_ssh};

use crate::conditions::reasons::{
    INVALID_COMMIT_SIGNATURE, INVALID_GIT_OBJECT, INVALID_TAG_SIGNATURE, INVALID_VERIFICATION_MODE,
    VERIFICATION_ERROR,
};
use crate::conditions::types::SOURCE_VERIFIED;
use crate::failure::Failure;
use crate::kind::SourceKind;

/// What the names of SSH keys in a Secret end with; all others are OpenPGP key rings.
const SSH_SUFFIX: &str = ".sshpub";

/// Checks the signatures that the spec asks for, and remembers that they are good.
pub(super) async fn verify(pass: &mut Pass<GitRepository>, commit: &Commit) -> Result<(), Failure> {
    let Some(verification) = pass.object.spec.verify.clone() else {
        forget(&mut pass.object);
        return Ok(());
    };
    let mode = mode(&verification.mode);
    let (namespace, name) = (pass.object.namespace().to_owned(), &verification.secret_ref.name);
    let keys = secrets::read(pass.client(), &namespace, name).await.map_err(|error| {
        Failure::retry(VERIFICATION_ERROR, format!("public keys secret error: {}", error.cause()))
    });
    match keys.map(Keys::of).and_then(|keys| check(&mode, commit, &keys)) {
        Ok(message) => {
            pass.object.status.get_or_insert_default().source_verification_mode = Some(mode);
            mark_true(&mut pass.object, SOURCE_VERIFIED, SUCCEEDED, &message);
            pass.event(EventType::Trace, SUCCEEDED, &message, &BTreeMap::new());
            Ok(())
        }
        Err(failure) => {
            mark_false(&mut pass.object, SOURCE_VERIFIED, failure.reason, &failure.message);
            Err(failure)
        }
    }
}

/// Nothing is to be verified: what an earlier spec asked for says nothing any more.
pub(super) fn forget(object: &mut GitRepository) {
    object.status.get_or_insert_default().source_verification_mode = None;
    delete(object, SOURCE_VERIFIED);
}

/// Whether the spec asks for signatures that were not checked when the artifact was built.
pub(super) fn is_due(object: &GitRepository) -> bool {
    use GitVerificationMode::{Head, Tag, TagAndHead};
    let Some(verification) = &object.spec.verify else { return false };
    let checked = object.status.as_ref().and_then(|status| status.source_verification_mode.as_ref());
    let Some(checked) = checked.map(mode) else { return true };
    match mode(&verification.mode) {
        Tag => checked == Head,
        TagAndHead => checked != TagAndHead,
        _ => checked == Tag,
    }
}

/// The mode without its two spellings of one thing. What is no mode is the default one.
fn mode(mode: &GitVerificationMode) -> GitVerificationMode {
    match mode {
        GitVerificationMode::Tag => GitVerificationMode::Tag,
        GitVerificationMode::TagAndHead => GitVerificationMode::TagAndHead,
        _ => GitVerificationMode::Head,
    }
}

/// Whom to trust.
struct Keys {
    pgp: Option<KeyRing>,
    ssh: Option<AuthorizedKeys>,
}

impl Keys {
    fn of(data: Data) -> Self {
        let texts: Vec<(bool, String)> = data
            .into_iter()
            .map(|(key, value)| (key.ends_with(SSH_SUFFIX), String::from_utf8_lossy(&value).into_owned()))
            .collect();
        let of_kind = |ssh: bool| texts.iter().filter(move |text| text.0 == ssh).map(|text| text.1.as_str());
        Self {
            pgp: of_kind(false).next().is_some().then(|| KeyRing::read(of_kind(false))),
            ssh: of_kind(true).next().is_some().then(|| AuthorizedKeys::read(of_kind(true))),
        }
    }

    /// Which key signed; `what` is a commit or a tag.
    fn verify(&self, what: &str, signature: Option<&str>, payload: &[u8]) -> Result<String, Refusal> {
        let signature = signature.unwrap_or_default();
        match SignatureKind::of(signature) {
            SignatureKind::OpenPgp => {
                let keys = self.pgp.as_ref().ok_or(
                    "PGP signature detected but no PGP public keys found in secret (keys with .asc suffix)",
                )?;
                verify_pgp(signature, payload, keys)
                    .map_err(|error| Refusal::new(&format!("unable to verify Git {what}"), &error))
            }
            SignatureKind::Ssh => {
                let keys = self.ssh.as_ref().ok_or(
                    "SSH signature detected but no SSH public keys found in secret (keys with .sshpub suffix)",
                )?;
                verify_ssh(signature, payload, keys).map_err(|error| {
                    Refusal::new(&format!("unable to verify Git {what} SSH signature"), &error)
                })
            }
            other => Err(format!("unsupported signature type: {}", other.name()).as_str().into()),
        }
    }
}

/// Why a signature does not count: with what is known about who made it, and without, as events have it.
struct Refusal {
    message: String,
    event: String,
}

impl Refusal {
    fn new(context: &str, error: &sluice_verify::Error) -> Self {
        Self { message: format!("{context}: {error}"), event: format!("{context}: {}", error.without_hint()) }
    }

    fn into_failure(self, reason: &'static str, what: &str) -> Failure {
        let told = |error: &str| format!("signature verification of {what} failed: {error}");
        Failure::retry(reason, told(&self.message)).with_event(told(&self.event))
    }
}

impl From<&str> for Refusal {
    fn from(text: &str) -> Self {
        Self { message: text.to_owned(), event: text.to_owned() }
    }
}

/// Says whose signatures were found.
fn check(mode: &GitVerificationMode, commit: &Commit, keys: &Keys) -> Result<String, Failure> {
    let mut lines = Vec::new();
    if matches!(mode, GitVerificationMode::Tag | GitVerificationMode::TagAndHead) {
        let (tag, shown) = tag(commit)?;
        let key = keys
            .verify("tag", tag.signature.as_deref(), &tag.payload)
            .map_err(|refusal| refusal.into_failure(INVALID_TAG_SIGNATURE, &format!("tag '{shown}'")))?;
        lines.push(format!("\n\t- tag '{shown}' with key '{key}'"));
    }
    if matches!(mode, GitVerificationMode::Head | GitVerificationMode::TagAndHead) {
        let sha = &commit.sha;
        let key = keys
            .verify("commit", commit.signature.as_deref(), &commit.payload)
            .map_err(|refusal| refusal.into_failure(INVALID_COMMIT_SIGNATURE, &format!("commit '{sha}'")))?;
        lines.push(format!("\n\t- commit '{sha}' with key '{key}'"));
    }
    Ok(format!("verified signature of{}", lines.concat()))
}

/// The signed tag that led to the commit, and how messages name it.
fn tag(commit: &Commit) -> Result<(&Tag, String), Failure> {
    let reference = commit.reference.as_deref().and_then(|name| name.strip_prefix("refs/tags/"));
    let Some(name) = reference else {
        let message = "cannot verify tag object's signature if a tag reference is not specified";
        return Err(Failure::stall(INVALID_VERIFICATION_MODE, message));
    };
    let shown =
        commit.tag.as_ref().map_or_else(|| name.to_owned(), |tag| format!("{}@{}", tag.name, tag.sha));
    match commit.tag.as_ref().filter(|tag| tag.signature.is_some()) {
        Some(tag) => Ok((tag, shown)),
        None => Err(Failure::retry(
            INVALID_GIT_OBJECT,
            format!("cannot verify signature of tag '{shown}' since it is not signed"),
        )),
    }
}
