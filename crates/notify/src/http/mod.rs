//! HTTP as all services are spoken to: one deadline, few attempts, bounded answers, guarded targets.

pub(crate) mod guard;
mod pool;
mod request;
pub(crate) mod tls;

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use self::guard::Refused;
pub(crate) use self::{
    pool::Pool,
    request::{Request, Response},
};
use crate::error::PostError;

/// Attempts after the first, and the waits between them: as long as Flux's.
const RETRIES: u32 = 4;
const WAIT_MIN: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Requests that redirects lead to, with the first: as many as Go's client sends.
const REDIRECTS: usize = 10;
/// Bytes of an answer that are read; comments of a long pull request are the longest that is needed.
const ANSWER_LIMIT: usize = 4 << 20;

/// The connections and the time that sending one event has.
pub(crate) struct Net {
    client: reqwest::Client,
    deadline: Instant,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("context deadline exceeded")]
    Deadline,
    #[error("unsupported URL: {0}")]
    Address(String),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("stopped after {REDIRECTS} redirects")]
    Redirects,
    #[error("redirected to '{0}', which is no URL")]
    Location(String),
    #[error("invalid header: {0}")]
    Header(String),
    #[error("{0}")]
    Connection(String),
}

impl Failure {
    /// Whether another attempt may succeed.
    fn is_transient(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::Deadline)
    }

    fn describe(self, request: &Request) -> PostError {
        let text = format!("{} {:?}: {self}", request.method, origin(&request.url));
        if self.is_transient() { PostError::transient(text) } else { PostError::permanent(text) }
    }
}

impl Net {
    pub(crate) fn new(client: reqwest::Client, timeout: Duration) -> Self {
        Self { client, deadline: Instant::now() + timeout }
    }

    /// When the time is up.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sends a notification and expects one of the 200s: what most services need.
    pub(crate) async fn deliver(&self, request: &Request) -> Result<(), PostError> {
        self.deliver_if(request, Response::success).await
    }

    /// Sends a notification and lets `accept` judge the answer.
    pub(crate) async fn deliver_if(
        &self,
        request: &Request,
        accept: impl Fn(&Response) -> Result<(), PostError>,
    ) -> Result<(), PostError> {
        let answer = self.persist(request).await.map_err(|e| e.context("failed to execute request"))?;
        accept(&answer).map_err(|e| e.context("request failed"))
    }

    /// One attempt that expects one of the 200s.
    pub(crate) async fn call(&self, request: &Request) -> Result<Response, PostError> {
        let answer = self.send(request).await?;
        answer
            .checked()
            .map_err(|error| error.context(&format!("{} {:?}", request.method, origin(&request.url))))
    }

    /// One attempt.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, PostError> {
        self.attempt(request).await.map_err(|failure| failure.describe(request))
    }

    /// Attempts until there is an answer that says more than "later", or the time is up.
    pub(crate) async fn persist(&self, request: &Request) -> Result<Response, PostError> {
        let mut attempt = 0;
        loop {
            let (outcome, asked) = match self.attempt(request).await {
                Ok(answer) if !answer.asks_for_another_attempt() => return Ok(answer),
                Ok(answer) => {
                    (format!("status code {}: {}", answer.status.as_u16(), answer.text()), answer.retry_after)
                }
                Err(failure @ Failure::Connection(_)) => (failure.to_string(), None),
                Err(failure) => return Err(failure.describe(request)),
            };
            let wait = asked.unwrap_or_else(|| WAIT_MAX.min(WAIT_MIN * 2_u32.pow(attempt)));
            if attempt == RETRIES || Instant::now() + wait >= self.deadline {
                let attempts = attempt + 1;
                return Err(PostError::transient(format!(
                    "{} {:?} giving up after {attempts} attempt(s): {outcome}",
                    request.method,
                    origin(&request.url)
                )));
            }
            tracing::debug!(attempt, wait = ?wait, outcome, "sending again later");
            sleep(wait).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Response, Failure> {
        timeout_at(self.deadline, self.follow(request)).await.unwrap_or(Err(Failure::Deadline))
    }

    /// Sends and follows redirects: 301, 302 and 303 become a GET without body, 307 and 308 repeat the request.
    /// What the headers hold goes to no other origin.
    async fn follow(&self, request: &Request) -> Result<Response, Failure> {
        let mut request = std::borrow::Cow::Borrowed(request);
        for _ in 0..REDIRECTS {
            let url = Url::parse(&request.url).map_err(|error| Failure::Address(error.to_string()))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(Failure::Address(format!("unsupported protocol scheme {:?}", url.scheme())));
            }
            guard::check(&url)?;
            let answer = self.client.execute(request.build(&url)?).await.map_err(connection)?;
            let Some(target) = redirect(&url, &answer)? else {
                return Response::read(answer, ANSWER_LIMIT).await;
            };
            request = std::borrow::Cow::Owned(request.redirected(answer.status(), &url, &target));
        }
        Err(Failure::Redirects)
    }
}

fn redirect(from: &Url, answer: &reqwest::Response) -> Result<Option<Url>, Failure> {
    let follows = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = answer.headers().get("location").filter(|_| follows) else { return Ok(None) };
    let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
    from.join(&location).map(Some).map_err(|_| Failure::Location(location))
}

/// What can be said of a failed connection without the URL, whose path often is a secret.
fn connection(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return Failure::Refused(refused.clone());
        }
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Failure::Connection(text)
}

/// Scheme, host and port: as much of an address as errors may show.
fn origin(url: &str) -> String {
    Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

impl Response {
    fn asks_for_another_attempt(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
            || (self.status.is_server_error() && self.status != StatusCode::NOT_IMPLEMENTED)
    }
}
