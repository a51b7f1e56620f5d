//! What can go wrong, in the words of the Go library that Flux uses, followed by our own detail.

use std::fmt;
use std::io;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::{InvalidDigest, NameError, gofmt};

/// The error of every operation of this crate. Its text holds no secret.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The repository has no valid name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A digest is malformed.
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
    /// A tag is malformed.
    #[error("invalid tag {0:?}: use up to 128 letters, digits, '_', '.' and '-'")]
    Tag(String),
    /// There are no credentials where there should be some: the request that wanted them, and why.
    #[error("{0}")]
    Credentials(String),
    /// The CA, the client certificate or the proxy cannot be used.
    #[error("{0}")]
    Config(#[from] sluice_http::ConfigError),
    /// The server answered with an error.
    #[error(transparent)]
    Status(#[from] Box<StatusError>),
    /// The registry asked for a pause that is not over.
    #[error("{registry} answered 429 Too Many Requests and asks to wait {}s: not asked again yet", .wait.as_secs())]
    Paused {
        /// Host and port.
        registry: String,
        /// How long the pause was to be.
        wait: Duration,
    },
    /// There was no answer.
    #[error("{request}: {reason}")]
    Connect {
        /// What was asked, such as `Get "https://…"`.
        request: String,
        /// Why there is no answer.
        reason: String,
        /// Whether there was a connection, which then broke.
        established: bool,
    },
    /// Neither HTTPS nor HTTP worked.
    #[error("{https}; {http}")]
    Ping {
        /// What happened over HTTPS.
        https: Box<Error>,
        /// What happened over HTTP.
        http: Box<Error>,
    },
    /// The answer took too long.
    #[error("{request}: context deadline exceeded: no answer within {}s", .after.as_secs())]
    Timeout {
        /// What was asked.
        request: String,
        /// The bound.
        after: Duration,
    },
    /// The content trickles.
    #[error("{request}: the transfer is too slow: {bytes} bytes in {}s", .window.as_secs())]
    TooSlow {
        /// What was asked.
        request: String,
        /// What came.
        bytes: u64,
        /// In which time.
        window: Duration,
    },
    /// The answer is longer than it may be.
    #[error("{request}: the answer is longer than {limit} bytes")]
    TooLarge {
        /// What was asked.
        request: String,
        /// The bound.
        limit: u64,
    },
    /// The content ended early.
    #[error("{request}: unexpected EOF: got {received} of {expected} bytes")]
    Truncated {
        /// What was asked.
        request: String,
        /// Bytes that came.
        received: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// The content is not what its digest says.
    #[error("error verifying {algorithm} checksum; got {actual:?}, want {expected:?}")]
    Mismatch {
        /// Name of the hash.
        algorithm: String,
        /// Hash of what came.
        actual: String,
        /// Hash of what was asked for.
        expected: String,
    },
    /// The way to a token cannot be trusted or understood.
    #[error("{0}")]
    Token(String),
    /// A redirect that must not be followed.
    #[error("{request}: redirect refused: {reason}")]
    Redirect {
        /// What was asked.
        request: String,
        /// Why not.
        reason: String,
    },
    /// The registry does not follow the specification.
    #[error("{request}: {reason}")]
    Protocol {
        /// What was asked.
        request: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// What was received could not be written.
    #[error("failed to store what was received: {0}")]
    Store(String),
}

impl Error {
    /// What was received could not be written.
    #[allow(clippy::needless_pass_by_value, reason = "as map_err calls it")]
    pub fn store(error: io::Error) -> Self {
        Self::Store(error.to_string())
    }

    /// The status that the server answered with.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status(error) => Some(error.status),
            Self::Paused { .. } => Some(StatusCode::TOO_MANY_REQUESTS),
            _ => None,
        }
    }

    /// Whether the registry has no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(StatusCode::NOT_FOUND)
    }

    /// Whether the connection was lost in a way that another attempt may mend at once.
    pub(crate) fn is_interruption(&self) -> bool {
        matches!(self, Self::Connect { established: true, .. } | Self::Truncated { .. })
    }
}

/// An answer with an error status.
#[derive(Clone, Debug)]
pub struct StatusError {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The status.
    pub status: StatusCode,
    /// What the registry says about it.
    pub diagnostics: Vec<Diagnostic>,
    /// The start of the answer, where it has no diagnostics.
    pub body: String,
    /// How long the registry asks to wait.
    pub retry_after: Option<Duration>,
}

/// An error as the distribution specification describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Diagnostic {
    /// A word such as `MANIFEST_UNKNOWN`.
    #[serde(default)]
    pub code: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// Anything.
    #[serde(default)]
    pub detail: Option<Value>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.detail {
            Some(detail) => write!(f, "; {}", gofmt::value(detail)),
            None => Ok(()),
        }
    }
}

impl StatusError {
    /// The error in the words of oras, which Helm asks registries with.
    pub fn told_by_oras(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        let told: Vec<_> = self.diagnostics.iter().map(Diagnostic::told_by_oras).collect();
        let told = match told.as_slice() {
            [] => self.status.canonical_reason().unwrap_or_default().to_owned(),
            told => told.join("; "),
        };
        let (url, status) = (display_url(&url), self.status.as_u16());
        format!("{} {url:?}: response status code {status}: {told}", self.method)
    }
}

impl Diagnostic {
    fn told_by_oras(&self) -> String {
        let code = self.code.replace('_', " ").to_lowercase();
        match (self.message.as_str(), &self.detail) {
            ("", _) => code,
            (message, None) => format!("{code}: {message}"),
            (message, Some(detail)) => format!("{code}: {message}: {}", gofmt::value(detail)),
        }
    }
}

impl std::error::Error for StatusError {}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.method, display_url(&self.url))?;
        match self.diagnostics.as_slice() {
            [] => {
                let reason = self.status.canonical_reason().unwrap_or_default();
                write!(f, "unexpected status code {} {reason}", self.status.as_u16())?;
                if self.method == Method::HEAD {
                    f.write_str(" (HEAD responses have no body, use GET for details)")?;
                } else if !self.body.is_empty() {
                    write!(f, ": {}", self.body)?;
                }
            }
            [one] => write!(f, "{one}")?,
            several => {
                let texts: Vec<String> = several.iter().map(ToString::to_string).collect();
                write!(f, "multiple errors returned: {}", texts.join("; "))?;
            }
        }
        match self.retry_after {
            Some(wait) => write!(f, " (the registry asks to wait {}s)", wait.as_secs()),
            None => Ok(()),
        }
    }
}

/// Query parameters of the registry protocol; others may hold signatures and are not shown.
const SHOWN: [&str; 6] = ["scope", "service", "digest", "n", "last", "artifactType"];

/// A URL without user information and without what signed URLs carry.
pub(crate) fn display_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Fails only for URLs that cannot have any.
    let _ = (shown.set_username(""), shown.set_password(None));
    shown.set_fragment(None);
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let value = if SHOWN.contains(&&*key) { value.into_owned() } else { "REDACTED".to_owned() };
                (key.into_owned(), value)
            })
            .collect();
        shown.query_pairs_mut().clear().extend_pairs(pairs);
    }
    shown.into()
}

/// The diagnostics in the body of an error, or the start of the body as one line.
pub(crate) fn read_diagnostics(body: &[u8]) -> (Vec<Diagnostic>, String) {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Diagnostic>,
    }
    const SHOWN_BYTES: usize = 1024;
    match serde_json::from_slice::<Errors>(body) {
        Ok(found) if !found.errors.is_empty() => (found.errors, String::new()),
        _ => {
            let start = body.get(..SHOWN_BYTES).unwrap_or(body);
            let text = String::from_utf8_lossy(start);
            let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            (Vec::new(), line.trim().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(method: Method, status: u16, body: &str) -> String {
        let (diagnostics, body) = read_diagnostics(body.as_bytes());
        let url = Url::parse("https://u:hunter2@host/v2/app/manifests/x?X-Amz-Signature=s3cret&n=5").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        StatusError { method, url, status, diagnostics, body, retry_after: None }.to_string()
    }

    #[test]
    fn tells_what_the_registry_says() {
        let at = "https://host/v2/app/manifests/x?X-Amz-Signature=REDACTED&n=5";
        let body =
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#;
        assert_eq!(
            error(Method::GET, 404, body),
            format!("GET {at}: MANIFEST_UNKNOWN: manifest unknown; map[Tag:x]")
        );
        let two = r#"{"errors":[{"code":"A","message":"b"},{"code":"C","message":"d"}]}"#;
        assert_eq!(error(Method::GET, 400, two), format!("GET {at}: multiple errors returned: A: b; C: d"));
        assert_eq!(
            error(Method::GET, 500, "oh\nno"),
            format!("GET {at}: unexpected status code 500 Internal Server Error: oh no")
        );
        assert_eq!(error(Method::GET, 502, ""), format!("GET {at}: unexpected status code 502 Bad Gateway"));
        assert_eq!(
            error(Method::HEAD, 404, ""),
            format!(
                "HEAD {at}: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)"
            )
        );
    }

    #[test]
    fn an_endless_page_of_text_is_cut() {
        let (diagnostics, body) = read_diagnostics(&vec![b'x'; 100_000]);
        assert!(diagnostics.is_empty());
        assert_eq!(body.len(), 1024);
    }
}
