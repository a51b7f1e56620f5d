//! What can go wrong, in the words that Flux users search for, followed by our own detail.

use std::time::Duration;

use crate::Remote;

/// The error of every operation of this crate.
///
/// The text is fit for a status condition: it names the remote without credentials and never
/// contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL, the credentials, the certificates or the proxy cannot be used as given.
    #[error("{0}")]
    InvalidConfig(String),
    /// The server has no such repository, or hides it from these credentials.
    #[error("unable to clone '{url}': repository not found: {detail}")]
    RepositoryNotFound {
        /// The remote, without user information.
        url: String,
        /// What the server says.
        detail: String,
    },
    /// The SSH identity is no private key.
    #[error("unable to construct auth method with options: ssh: no key found{}", suffix(.0))]
    NoKey(&'static str),
    /// The repository has no commits.
    #[error("git repository is empty")]
    EmptyRepository,
    /// The remote failed while a branch, tag or commit was being fetched.
    #[error("unable to clone '{url}': {cause}")]
    Clone {
        /// The remote, without user information.
        url: String,
        /// Why.
        cause: Cause,
    },
    /// The remote failed while its references were being listed.
    #[error("unable to list remote for '{url}': {cause}")]
    List {
        /// The remote, without user information.
        url: String,
        /// Why.
        cause: Cause,
    },
    /// The remote failed while it was pushed to.
    #[error("failed to push to remote: {cause}")]
    Push {
        /// The remote, without user information.
        url: String,
        /// Why.
        cause: Cause,
    },
    /// The remote took the objects but refused to move a reference.
    #[error("failed to push to remote: command error on {name}: {reason}{}", suffix(.said))]
    Rejected {
        /// Full name of the reference.
        name: String,
        /// What the server reports.
        reason: String,
        /// What the server and its hooks say besides, on one line.
        said: String,
    },
    /// The reference has moved to what is not part of the history that is pushed.
    #[error("failed to push to remote: non-fast-forward update: {name} is at {found} now")]
    NonFastForward {
        /// Full name of the reference.
        name: String,
        /// Where it is.
        found: String,
    },
    /// A commit could not be made.
    #[error("unable to create the commit: {0}")]
    Commit(String),
    /// `ref.name` names a reference that the remote does not have.
    #[error("unable to resolve ref '{0}' to a specific commit")]
    UnresolvableName(String),
    /// `ref.name` or another reference is not a valid reference name.
    #[error("ref {name} is invalid; {reason}")]
    InvalidName {
        /// The name as given.
        name: String,
        /// The rule of git-check-ref-format(1) that it breaks.
        reason: &'static str,
    },
    /// `ref.commit` is not in the repository, or not a full hash.
    #[error("unable to resolve commit object for '{commit}': object not found{}", suffix(.hint))]
    UnresolvableCommit {
        /// The hash as given.
        commit: String,
        /// What helps, or nothing.
        hint: &'static str,
    },
    /// `ref.semver` is not a constraint.
    #[error("semver parse error: {0}")]
    InvalidConstraint(String),
    /// No tag satisfies `ref.semver`.
    #[error("no match found for semver: {0}")]
    NoSemverMatch(String),
    /// A submodule could not be fetched.
    #[error("unable to clone submodule '{path}': {reason}")]
    Submodule {
        /// Where it belongs in the tree.
        path: String,
        /// Why.
        reason: String,
    },
    /// A large file that is kept beside Git could not be fetched.
    #[error("unable to fetch LFS file{}: {reason}", named(.path))]
    Lfs {
        /// Where its pointer stands in the tree; empty if it is about several.
        path: String,
        /// Why.
        reason: String,
    },
    /// A tree holds an entry that no honest client writes, such as `..` or `.git`.
    #[error("commit {commit} holds the unsafe path '{path}': {reason}")]
    UnsafePath {
        /// Hash of the commit.
        commit: String,
        /// The path, with bytes that are not UTF-8 replaced.
        path: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The fetched objects cannot be read back.
    #[error("unable to read object {id}: {reason}")]
    Object {
        /// Hash of the object.
        id: String,
        /// Why.
        reason: String,
    },
    /// The bare repository on disk cannot be created or read.
    #[error("unable to use the object store: {0}")]
    Store(String),
}

/// Why talking to a remote failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The remote lacks the branch or tag.
    #[error("couldn't find remote ref \"{0}\"")]
    RefNotFound(String),
    /// The remote has no such repository (HTTP 404, or the SSH server says so).
    #[error("repository not found: {0}")]
    RepositoryNotFound(String),
    /// No or wrong credentials, or credentials that do not permit reading (HTTP 401 or 403, SSH user
    /// authentication failed).
    #[error("{0}")]
    Authentication(String),
    /// The SSH identity is no private key; what helps.
    #[error("ssh: no key found: {0}")]
    NoKey(&'static str),
    /// The private key needs a passphrase and none was given.
    #[error("SSH identity key is encrypted but no 'password' field was provided")]
    EncryptedIdentity,
    /// Another HTTP status than 200.
    #[error("unexpected client error: unexpected requesting {request} status code: {status}{}", suffix(.body))]
    Status {
        /// Method and URL.
        request: String,
        /// HTTP status code.
        status: u16,
        /// The start of the response, when it is text.
        body: String,
    },
    /// The SSH host is not in `known_hosts`.
    #[error(
        "ssh: handshake failed: knownhosts: key is unknown: host '{host}' presented the {algorithm} key {fingerprint}, and known_hosts has no entry for that host"
    )]
    HostKeyUnknown {
        /// Host and port.
        host: String,
        /// For example `ssh-ed25519`.
        algorithm: String,
        /// `SHA256:…`
        fingerprint: String,
    },
    /// The SSH host presented another key than `known_hosts` has.
    #[error(
        "ssh: handshake failed: knownhosts: key mismatch: host '{host}' presented the {algorithm} key {fingerprint}, which differs from known_hosts"
    )]
    HostKeyMismatch {
        /// Host and port.
        host: String,
        /// For example `ssh-ed25519`.
        algorithm: String,
        /// `SHA256:…`
        fingerprint: String,
    },
    /// The SSH host presented a key that `known_hosts` marks `@revoked`.
    #[error("ssh: handshake failed: knownhosts: key is revoked: host '{host}' presented {fingerprint}")]
    HostKeyRevoked {
        /// Host and port.
        host: String,
        /// `SHA256:…`
        fingerprint: String,
    },
    /// Another failure of SSH.
    #[error("ssh: {0}")]
    Ssh(String),
    /// The deadline passed.
    #[error("context deadline exceeded: no answer within {}", seconds(*.0))]
    Timeout(Duration),
    /// The certificate of the remote, or ours, was not accepted.
    #[error("{request}: tls: {reason}")]
    Tls {
        /// What was being asked.
        request: String,
        /// Why.
        reason: String,
    },
    /// The proxy refused or failed.
    #[error("{request}: proxyconnect tcp: {reason}")]
    Proxy {
        /// What was being asked.
        request: String,
        /// Why.
        reason: String,
    },
    /// No connection, or it broke.
    #[error("{request}: {reason}")]
    Connect {
        /// What was being asked.
        request: String,
        /// Why.
        reason: String,
    },
    /// A redirect that must not be followed.
    #[error("redirect refused: {0}")]
    Redirect(String),
    /// The remote sent more than the limits allow.
    #[error("response too large: {0}")]
    TooLarge(String),
    /// The remote does not speak the Git protocol, or broke off.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The remote reported an error of its own.
    #[error("remote error: {0}")]
    Remote(String),
    /// The received objects could not be stored.
    #[error("unable to store objects: {0}")]
    Store(String),
}

impl Error {
    /// Names the remote that could not be cloned.
    pub(crate) fn clone_failed(remote: &Remote, cause: Cause) -> Self {
        let url = remote.display_url();
        match cause {
            Cause::RepositoryNotFound(detail) => Self::RepositoryNotFound { url, detail },
            Cause::NoKey(hint) => Self::NoKey(hint),
            cause => Self::Clone { url, cause },
        }
    }

    /// Names the remote whose references could not be listed.
    pub(crate) fn list_failed(remote: &Remote, cause: Cause) -> Self {
        match cause {
            Cause::NoKey(hint) => Self::NoKey(hint),
            cause => Self::List { url: remote.display_url(), cause },
        }
    }

    /// Names the remote that could not be pushed to.
    pub(crate) fn push_failed(remote: &Remote, cause: Cause) -> Self {
        Self::Push { url: remote.display_url(), cause }
    }

    /// The text as Flux has it: without what helps.
    pub fn without_hint(&self) -> String {
        match self {
            Self::UnresolvableCommit { commit, .. } => {
                Self::UnresolvableCommit { commit: commit.clone(), hint: "" }.to_string()
            }
            Self::NoKey(_) => Self::NoKey("").to_string(),
            other => other.to_string(),
        }
    }

    /// The cause, when a remote was involved.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Clone { cause, .. } | Self::List { cause, .. } | Self::Push { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

/// `": text"`, or nothing when there is no text.
fn suffix(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// `" 'path'"`, or the plural's letter when there is no path.
fn named(path: &str) -> String {
    if path.is_empty() { "s".to_owned() } else { format!(" '{path}'") }
}

fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64().round())
}
