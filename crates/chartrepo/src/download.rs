//! Requests to chart repositories.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Method, Request, Response, StatusCode};
use sluice_http::{MAX_REDIRECTS, Route, Settings, Tls, check_host, classify, follow, redact};
use tokio::time::timeout;
use url::Url;

/// Some servers answer only what begins with the name of Helm.
const USER_AGENT: &str = "Helm/4.2 flux/v2";

/// How to get at a repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Its address.
    pub url: Url,
    /// Who we are.
    pub credentials: Option<Basic>,
    /// Whether the credentials go to other hosts that the index names, too.
    pub pass_credentials: bool,
    /// Trust and client identity, of which all hosts may know.
    pub tls: Tls,
    /// How long one request may take.
    pub timeout: Duration,
}

/// A user and his password. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Basic {
    /// The name.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Basic(***)")
    }
}

/// What a server said about the state of a file, to ask whether it has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        Self { etag: headers.get(ETAG).cloned(), modified: headers.get(LAST_MODIFIED).cloned() }
    }

    fn add_to(&self, headers: &mut HeaderMap) {
        if let Some(etag) = &self.etag {
            headers.insert(IF_NONE_MATCH, etag.clone());
        }
        if let Some(modified) = &self.modified {
            headers.insert(IF_MODIFIED_SINCE, modified.clone());
        }
    }
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The content is with the sink.
    Content(Validators),
    /// It is as it was.
    Unchanged,
}

/// Takes content piece by piece.
pub trait Sink: Send {
    /// Takes the next piece.
    fn take(&mut self, piece: &[u8]) -> Result<(), String>;
}

impl Sink for Vec<u8> {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

impl Repository {
    /// Fetches a file of at most `limit` bytes, unless it is what `known` says.
    pub async fn get(
        &self,
        url: Url,
        known: &Validators,
        limit: Limit,
        sink: &mut dyn Sink,
    ) -> Result<Fetched, String> {
        let request = describe(&url);
        let work = async {
            let mut response = match self.send(url, known).await? {
                Answer::Unchanged => return Ok(Fetched::Unchanged),
                Answer::Content(response) => response,
            };
            let validators = Validators::of(response.headers());
            let mut received = 0_u64;
            while let Some(piece) = response.chunk().await.map_err(|error| interrupted(&request, &error))? {
                received += piece.len() as u64;
                if received > limit.bytes {
                    return Err(limit.to_string());
                }
                sink.take(&piece)?;
            }
            Ok(Fetched::Content(validators))
        };
        timeout(self.timeout, work).await.unwrap_or_else(|_| {
            let after = self.timeout.as_secs();
            Err(format!("{request}: context deadline exceeded: not complete within {after}s"))
        })
    }

    async fn send(&self, mut url: Url, known: &Validators) -> Result<Answer, String> {
        let asked = redact(url.as_str());
        // As with Helm, every server may see the client's certificate: whoever sees it cannot use it.
        let settings = Settings { tls: self.tls.clone(), proxy: None, user_agent: USER_AGENT };
        let mut credentials = self.may_have_credentials(&url);
        for _ in 0..=MAX_REDIRECTS {
            let route = Route { target: authority(&url), proxy: None };
            check_host(&url).map_err(|error| format!("{}: {error}", describe(&url)))?;
            let client = sluice_http::client(&settings).map_err(|error| error.to_string())?;
            let sent = client.execute(self.request(&url, credentials, known)?).await;
            let response = sent
                .map_err(|error| format!("{}: {}", describe(&url), classify(&error.without_url(), &route)))?;
            let status = response.status();
            match status.as_u16() {
                200..=299 => return Ok(Answer::Content(response)),
                304 => return Ok(Answer::Unchanged),
                301 | 302 | 303 | 307 | 308 => {}
                _ => return Err(format!("failed to fetch {asked} : {}", status_line(status))),
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location =
                location.ok_or_else(|| format!("{}: redirect without a new location", describe(&url)))?;
            let step = follow(&url, location)
                .map_err(|error| format!("{}: redirect refused: {}", describe(&url), error.0))?;
            // Where charts are is for the index to say, and not for whoever redirects.
            credentials = credentials && step.same_origin;
            url = step.url;
        }
        Err(format!("failed to fetch {asked} : more than {MAX_REDIRECTS} redirects"))
    }

    /// Whether an address is in the repository, or credentials go everywhere.
    fn may_have_credentials(&self, url: &Url) -> bool {
        self.pass_credentials || url.origin() == self.url.origin()
    }

    fn request(&self, url: &Url, credentials: bool, known: &Validators) -> Result<Request, String> {
        let mut bare = url.clone();
        // Fails only for addresses that cannot have any.
        let _ = (bare.set_username(""), bare.set_password(None));
        let mut request = Request::new(Method::GET, bare);
        known.add_to(request.headers_mut());
        let in_url = (!url.username().is_empty() || url.password().is_some()).then(|| Basic {
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
        });
        let given = self.credentials.clone().filter(|_| credentials).or(in_url);
        if let Some(Basic { user, password }) = given {
            let text = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            let mut value = HeaderValue::try_from(text).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// How much may come, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// How much.
    pub bytes: u64,
    /// What has more, for the message.
    pub what: &'static str,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} bytes", self.what, self.bytes)
    }
}

enum Answer {
    Content(Response),
    Unchanged,
}

/// `Get "https://…"`, as Go words it.
fn describe(url: &Url) -> String {
    format!("Get \"{}\"", redact(url.as_str()))
}

fn interrupted(request: &str, error: &reqwest::Error) -> String {
    let what = if error.is_timeout() { "timeout" } else { "unexpected EOF" };
    format!("{request}: {what}: the connection broke before all was transferred")
}

fn status_line(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
