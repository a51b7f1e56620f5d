//! One request and its answer: scheme, authentication, redirects, attempts.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE, RETRY_AFTER,
};
use reqwest::{Method, Request, Response, StatusCode};
use sluice_http::{Failure, MAX_REDIRECTS, Route, Settings, check_host, classify, follow};
use tokio::time::timeout;
use url::Url;

use crate::challenge::Challenge;
use crate::error::{display_url, read_diagnostics};
use crate::registries::{Entrance, Ping, TokenKey};
use crate::retry::Attempts;
use crate::{Credentials, Error, Registries, Repository, StatusError, token};

/// How much of an error's body is read.
const MAX_ERROR: u64 = 64 << 10;
/// How long HTTPS may take to show that it is spoken, where HTTP would do as well.
const HTTPS_PATIENCE: Duration = Duration::from_secs(5);

/// A request, apart from where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    accept: &'static str,
    /// The first byte that is wanted.
    pub(crate) from: u64,
    /// A form to send.
    pub(crate) form: Option<String>,
}

impl Ask {
    pub(crate) fn new(method: Method, accept: &'static str) -> Self {
        Self { method, accept, from: 0, form: None }
    }

    /// `Get "https://host/path"`, as Go words it.
    pub(crate) fn describe(&self, url: &Url) -> String {
        let method = match self.method {
            Method::HEAD => "Head",
            Method::POST => "Post",
            _ => "Get",
        };
        format!("{method} \"{}\"", display_url(url))
    }
}

/// An answer whose body was not read yet.
pub(crate) struct Answer {
    pub(crate) response: Response,
    ask: Ask,
    url: Url,
    route: Route,
}

impl Answer {
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn request(&self) -> String {
        self.ask.describe(&self.url)
    }

    /// Itself, or the error that its status and body tell of.
    pub(crate) async fn successful(self) -> Result<Self, Error> {
        let status = self.response.status();
        if status.is_success() {
            return Ok(self);
        }
        let retry_after = self.headers().get(RETRY_AFTER).and_then(retry_after);
        let (method, url) = (self.ask.method.clone(), self.url.clone());
        // What cannot be read of an error is no error of its own.
        let body = self.read(MAX_ERROR).await.unwrap_or_default();
        let (diagnostics, body) = read_diagnostics(&body);
        Err(Error::Status(Box::new(StatusError { method, url, status, diagnostics, body, retry_after })))
    }

    /// The whole body, if it is not longer than `limit` bytes.
    pub(crate) async fn read(mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let too_large = |request| Error::TooLarge { request, limit };
        if self.response.content_length().is_some_and(|length| length > limit)
            && self.ask.method != Method::HEAD
        {
            return Err(too_large(self.request()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(too_large(self.request()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next piece of the body.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.response.chunk().await;
        chunk.map_err(|error| unanswered(self.ask.describe(&self.url), error, &self.route))
    }
}

/// `Retry-After`: seconds, or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    http_date(text)?.duration_since(SystemTime::now()).ok()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split([' ', ':']);
    let mut number = || words.next()?.parse::<u64>().ok();
    let day = number()?;
    let month = MONTHS.iter().position(|name| text.contains(name))? as u64 + 1;
    words.next()?;
    let mut number = || words.next()?.parse::<u64>().ok();
    let (year, hour, minute, second) = (number()?, number()?, number()?, number()?);
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970-01-01, counting years from March so that the leap day is the last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The way to one repository.
#[derive(Clone)]
pub(crate) struct Transport {
    registries: Registries,
    entrance: Arc<Entrance>,
    repository: Repository,
    credentials: Credentials,
    settings: Settings,
    scheme: Option<&'static str>,
}

impl Transport {
    pub(crate) fn new(
        registries: &Registries,
        repository: Repository,
        credentials: Credentials,
        settings: Settings,
    ) -> Result<Self, Error> {
        // Fails now rather than at the first request if the settings are bad.
        sluice_http::client(&settings)?;
        let entrance = registries.entrance(&repository, &settings);
        Ok(Self { registries: registries.clone(), entrance, repository, credentials, settings, scheme: None })
    }

    pub(crate) fn registries(&self) -> &Registries {
        &self.registries
    }

    pub(crate) fn repository(&self) -> &Repository {
        &self.repository
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The root of the registry by the scheme that is in use.
    pub(crate) fn base(&self) -> Result<Url, Error> {
        self.url(self.scheme.unwrap_or("https"), "/")
    }

    fn url(&self, scheme: &str, path: &str) -> Result<Url, Error> {
        let text = format!("{scheme}://{}{path}", self.repository.registry());
        Url::parse(&text).map_err(|error| Error::Protocol { request: text, reason: error.to_string() })
    }

    /// Sends a request for a path of the registry, again if something passing is in the way, and gives its
    /// successful answer.
    pub(crate) async fn send(&self, ask: &Ask, path: &str, mut attempts: Attempts) -> Result<Answer, Error> {
        let registry = self.repository.registry();
        if let Some(wait) = self.registries.pause(registry, &self.credentials) {
            return Err(Error::Paused { registry: registry.to_owned(), wait });
        }
        loop {
            let error = match self.send_once(ask, path).await {
                Ok(answer) => match answer.successful().await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let Some(delay) = attempts.after(&error) else {
                if let Error::Status(status) = &error
                    && status.status == StatusCode::TOO_MANY_REQUESTS
                    && let Some(asked) = status.retry_after
                {
                    self.registries.begin_pause(registry, &self.credentials, asked);
                }
                return Err(error);
            };
            tracing::debug!(%error, ?delay, "asking the registry again");
            tokio::time::sleep(delay).await;
        }
    }

    async fn send_once(&self, ask: &Ask, path: &str) -> Result<Answer, Error> {
        let (ping, known) = Box::pin(self.ping()).await?;
        // Boxed: what calls this would else hold all of it several times.
        match Box::pin(self.send_by(&ping, ask, path)).await {
            // The registry may have moved to another scheme meanwhile.
            Err(Error::Connect { .. }) if known => {
                *self.entrance.lock().await = None;
                let (ping, _) = self.ping().await?;
                Box::pin(self.send_by(&ping, ask, path)).await
            }
            result => result,
        }
    }

    async fn send_by(&self, ping: &Ping, ask: &Ask, path: &str) -> Result<Answer, Error> {
        let this = Self { scheme: Some(ping.scheme), ..self.clone() };
        let url = this.url(ping.scheme, path)?;
        if let Credentials::Missing(why) = &this.credentials {
            // A token server would have been asked before the registry.
            return Err(Error::Credentials(match &ping.challenge {
                Some(Challenge::Bearer { .. }) => why.clone(),
                _ => format!("Get \"{}\": {why}", display_url(&url)),
            }));
        }
        let given = this.authorization(ping.challenge.as_ref()).await?;
        let answer = this.execute(ask, url.clone(), given.clone()).await?;
        if answer.response.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        // The token has expired or does not reach, or the registry asks only here.
        let Some(challenge) = Challenge::of(answer.headers()) else { return Ok(answer) };
        for challenge in [Some(&challenge), ping.challenge.as_ref()].into_iter().flatten() {
            if let Some(key) = this.token_key(challenge) {
                this.registries.drop_token(&key);
            }
        }
        let renewed = this.authorization(Some(&challenge)).await?;
        if renewed == given {
            return Ok(answer);
        }
        this.execute(ask, url, renewed).await
    }

    /// What to convince the registry with.
    async fn authorization(&self, challenge: Option<&Challenge>) -> Result<Option<HeaderValue>, Error> {
        match (challenge, &self.credentials) {
            (_, Credentials::RegistryToken(token)) => bearer(token).map(Some),
            (None, _) => Ok(None),
            (Some(Challenge::Basic), Credentials::Basic { user, password }) => {
                basic(user, password).map(Some)
            }
            (Some(Challenge::Basic), _) => Ok(None),
            (Some(challenge @ Challenge::Bearer { .. }), _) => match self.token_key(challenge) {
                Some(key) => Box::pin(token::authorization(self, key)).await.map(Some),
                None => Ok(None),
            },
        }
    }

    fn token_key(&self, challenge: &Challenge) -> Option<TokenKey> {
        let Challenge::Bearer { realm, service, scope } = challenge else { return None };
        Some(TokenKey {
            realm: realm.clone(),
            service: service.clone(),
            // What a registry wants for pulls may be more than the usual.
            scope: scope
                .clone()
                .filter(|scope| scope.contains(self.repository.path()))
                .unwrap_or_else(|| self.repository.scope()),
            credentials: self.credentials.clone(),
        })
    }

    /// How the registry is entered, and whether that was known already.
    async fn ping(&self) -> Result<(Ping, bool), Error> {
        let mut known = self.entrance.lock().await;
        if let Some(ping) = &*known {
            return Ok((ping.clone(), true));
        }
        let ping = if self.repository.allows_http() {
            let https = match timeout(HTTPS_PATIENCE, self.ping_by("https")).await {
                Ok(result) => result,
                Err(_) => Err(Error::Timeout {
                    request: Ask::new(Method::GET, "*/*").describe(&self.url("https", "/v2/")?),
                    after: HTTPS_PATIENCE,
                }),
            };
            match https {
                Ok(ping) => ping,
                Err(https) => self
                    .ping_by("http")
                    .await
                    .map_err(|http| Error::Ping { https: Box::new(https), http: Box::new(http) })?,
            }
        } else {
            self.ping_by("https").await?
        };
        tracing::debug!(registry = self.repository.registry(), ?ping, "entered a registry");
        *known = Some(ping.clone());
        Ok((ping, false))
    }

    async fn ping_by(&self, scheme: &'static str) -> Result<Ping, Error> {
        let answer = self.execute(&Ask::new(Method::GET, "*/*"), self.url(scheme, "/v2/")?, None).await?;
        let challenge = Challenge::of(answer.headers());
        if answer.response.status() != StatusCode::UNAUTHORIZED {
            answer.successful().await?;
        }
        Ok(Ping { scheme, challenge })
    }

    /// Sends a request and follows redirects, to other origins without what proves who we are.
    pub(crate) async fn execute(
        &self,
        ask: &Ask,
        mut url: Url,
        mut authorization: Option<HeaderValue>,
    ) -> Result<Answer, Error> {
        let mut settings = self.settings.clone();
        let mut client = sluice_http::client(&settings)?;
        for _ in 0..=MAX_REDIRECTS {
            let route = Route {
                target: authority(&url),
                proxy: settings.proxy.as_ref().map(|proxy| authority(&proxy.url)),
            };
            if route.proxy.is_none() {
                check_host(&url).map_err(|error| Error::Connect {
                    request: ask.describe(&url),
                    reason: error.to_string(),
                    established: false,
                })?;
            }
            let request = ask.request(url.clone(), authorization.as_ref());
            let sent = client.execute(request).await;
            let response = sent.map_err(|error| unanswered(ask.describe(&url), error, &route))?;
            if !is_redirect(response.status()) {
                return Ok(Answer { response, ask: ask.clone(), url, route });
            }
            let refused = |reason: String| Error::Redirect { request: ask.describe(&url), reason };
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.ok_or_else(|| refused("the answer names no new location".to_owned()))?;
            let step = follow(&url, location).map_err(|error| refused(error.0))?;
            if ask.form.is_some() {
                return Err(refused("a request with a token in it is sent to nobody else".to_owned()));
            }
            if !step.same_origin {
                authorization = None;
                settings.tls.client = None;
                client = sluice_http::client(&settings)?;
            }
            url = step.url;
        }
        Err(Error::Redirect {
            request: ask.describe(&url),
            reason: format!("more than {MAX_REDIRECTS} redirects"),
        })
    }
}

impl Ask {
    fn request(&self, url: Url, authorization: Option<&HeaderValue>) -> Request {
        let mut request = Request::new(self.method.clone(), url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(self.accept));
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if self.from > 0
            && let Ok(range) = HeaderValue::try_from(format!("bytes={}-", self.from))
        {
            headers.insert(RANGE, range);
        }
        if let Some(form) = &self.form {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            *request.body_mut() = Some(form.clone().into());
        }
        request
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn unanswered(request: String, error: reqwest::Error, route: &Route) -> Error {
    let established = !error.is_connect();
    let reason = match classify(&error.without_url(), route) {
        Failure::Tls(reason) if reason.starts_with("http: ") => reason,
        failure => failure.to_string(),
    };
    Error::Connect { request, reason, established }
}

/// `Basic …`
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue, Error> {
    secret(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// `Bearer …`
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, Error> {
    secret(format!("Bearer {token}"))
}

fn secret(text: String) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Error::Token("the credentials contain what HTTP headers cannot hold".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_understood() {
        let seconds = |text| http_date(text).and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok());
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(784_111_777)));
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(seconds("Thu, 29 Feb 2024 23:59:59 GMT"), Some(Duration::from_secs(1_709_251_199)));
        for bad in
            ["", "soon", "Sun, 06 Nov", "Sun, x Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT"]
        {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        let wait = |text: &'static str| retry_after(&HeaderValue::from_static(text));
        assert_eq!(wait("30"), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), None);
        assert!(wait("Sun, 06 Nov 2994 08:49:37 GMT").is_some());
    }
}
