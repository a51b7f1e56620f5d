//! Smart HTTP (gitprotocol-http(5)) over one reqwest client per TLS identity and proxy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::TryStreamExt as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Client, Method, Request, Response, StatusCode};
use sluice_http::{
    ConfigError, MAX_REDIRECTS, Route, Settings, check_host, classify, follow, is_private,
    is_private_address, redact,
};
use tokio_util::io::StreamReader;
use url::Url;

use super::{Body, Service};
use crate::protocol::{AGENT, clean};
use crate::{Auth, Cause, Proxy, Remote, Tls};

/// The media type of an answer or a request of a service.
fn media_type(service: Service, what: &str) -> String {
    format!("application/x-{}-{what}", service.name())
}

/// Where a service is found, relative to the repository.
fn discovery(service: Service) -> String {
    format!("info/refs?service={}", service.name())
}

/// Where requests go, once redirects are resolved.
pub struct Endpoint {
    service: Service,
    client: Client,
    base: Url,
    authorization: Option<HeaderValue>,
    proxy: Option<String>,
}

/// Asks for the advertisement, following redirects.
pub async fn open(remote: &Remote, service: Service) -> Result<(Endpoint, Body), Cause> {
    let mut base = remote.url.clone();
    // Credentials travel in a header that we control; clearing them cannot fail for http(s).
    let _ = base.set_username("");
    let _ = base.set_password(None);
    base.set_fragment(None);
    base.set_query(None);
    // Without TLS its settings mean nothing, bad ones too.
    let plain = Tls::default();
    let is_plain = base.scheme() == "http" && remote.proxy.is_none();
    let tls = if is_plain { &plain } else { &remote.tls };
    let mut endpoint = Endpoint {
        service,
        client: client(tls, remote.proxy.as_ref())?,
        base,
        authorization: authorization(remote)?,
        proxy: remote.proxy.as_ref().map(|proxy| authority(&proxy.url)),
    };
    let mut url = endpoint.url(&discovery(service))?;
    for _ in 0..=MAX_REDIRECTS {
        let response = endpoint.send(Method::GET, url.clone(), None).await?;
        if !is_redirect(response.status()) {
            let body = endpoint.accept(response, "advertisement", &url, &describe("Get", &url)).await?;
            return Ok((endpoint, body));
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location =
            location.ok_or_else(|| Cause::Redirect("the answer names no new location".to_owned()))?;
        let step = follow(&url, location).map_err(|err| Cause::Redirect(err.0))?;
        if !step.same_origin {
            tracing::debug!(from = %url, to = %step.url, "redirected to another origin: credentials stay behind");
            endpoint.authorization = None;
            endpoint.client = client(&Tls { client: None, ..remote.tls.clone() }, remote.proxy.as_ref())?;
            if remote.proxy.is_none() {
                check_address(&remote.url, &step.url).await?;
            }
        }
        endpoint.base = repository_of(&step.url, service)?;
        url = step.url;
    }
    Err(Cause::Redirect(format!("more than {MAX_REDIRECTS} redirects")))
}

impl Endpoint {
    /// Sends a request to the service and gives its answer.
    pub async fn post(&self, body: Bytes) -> Result<Body, Cause> {
        let url = self.url(self.service.name())?;
        let request = describe("Post", &url);
        let response = self.send(Method::POST, url.clone(), Some(body)).await?;
        if is_redirect(response.status()) {
            // Git itself follows redirects of the first request only, as a request body may hold secrets.
            return Err(Cause::Redirect(format!("{request} was redirected")));
        }
        self.accept(response, "result", &url, &request).await
    }

    fn url(&self, suffix: &str) -> Result<Url, Cause> {
        let base = self.base.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/{suffix}")).map_err(|err| Cause::Protocol(format!("invalid URL: {err}")))
    }

    async fn send(&self, method: Method, url: Url, body: Option<Bytes>) -> Result<Response, Cause> {
        let verb = if method == Method::GET { "Get" } else { "Post" };
        let text = describe(verb, &url);
        let route = self.route(&url);
        if route.proxy.is_none() {
            check_host(&url)
                .map_err(|err| Cause::Connect { request: text.clone(), reason: err.to_string() })?;
        }
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        if self.service.has_version_2() {
            headers.insert("git-protocol", HeaderValue::from_static("version=2"));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if body.is_some() {
            for (name, what) in [(CONTENT_TYPE, "request"), (ACCEPT, "result")] {
                let value = HeaderValue::try_from(media_type(self.service, what));
                headers.insert(name, value.map_err(|error| Cause::Protocol(error.to_string()))?);
            }
        } else {
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        }
        *request.body_mut() = body.map(Into::into);
        self.client
            .execute(request)
            .await
            .map_err(|err| Cause::unanswered(&text, classify(&err.without_url(), &route)))
    }

    fn route(&self, url: &Url) -> Route {
        Route { target: authority(url), proxy: self.proxy.clone() }
    }

    /// Turns an answer into its body, or into the cause that its status means.
    async fn accept(&self, response: Response, what: &str, url: &Url, request: &str) -> Result<Body, Cause> {
        let expected = media_type(self.service, what);
        let status = response.status();
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        if status != StatusCode::OK {
            let body = if content_type == "text/plain" { start_of(response).await } else { String::new() };
            let with_body =
                |text: &str| if body.is_empty() { text.to_owned() } else { format!("{text}: {body}") };
            return Err(match status.as_u16() {
                401 => Cause::Authentication(with_body("authentication required")),
                403 => Cause::Authentication(with_body("authorization failed")),
                404 => Cause::RepositoryNotFound(body),
                407 => Cause::Proxy {
                    request: request.to_owned(),
                    reason: "the proxy requires authentication".to_owned(),
                },
                code => Cause::Status { request: request.to_owned(), status: code, body },
            });
        }
        if content_type != expected {
            return Err(Cause::Protocol(format!(
                "{request} was answered with content type '{}' instead of '{expected}': no Git repository is served there",
                clean(content_type.as_bytes())
            )));
        }
        let (request, route) = (request.to_owned(), self.route(url));
        let stream = response.bytes_stream().map_err(move |err| {
            std::io::Error::other(Cause::unanswered(&request, classify(&err.without_url(), &route)))
        });
        Ok(Box::new(StreamReader::new(Box::pin(stream))))
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// `Get "https://host/path"`, as Go's HTTP client words it.
fn describe(verb: &str, url: &Url) -> String {
    format!("{verb} \"{url}\"")
}

/// Host and port.
pub fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// The repository whose discovery URL this is.
fn repository_of(url: &Url, service: Service) -> Result<Url, Cause> {
    let discovery = discovery(service);
    let base = url.as_str().strip_suffix(discovery.as_str()).map(|base| base.trim_end_matches('/'));
    base.and_then(|base| Url::parse(base).ok())
        .ok_or_else(|| Cause::Redirect(format!("{} does not end with /{discovery}", redact(url.as_str()))))
}

/// Refuses to be led from a public name to a private address.
pub async fn check_address(original: &Url, url: &Url) -> Result<(), Cause> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Ok(()) };
    if is_private(original.host()) || original.host() == url.host() {
        return Ok(());
    }
    // A name that cannot be resolved fails at the request with a proper message.
    let Ok(mut addresses) = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await else {
        return Ok(());
    };
    if addresses.any(|address| is_private_address(address.ip())) {
        return Err(Cause::Redirect(format!("{host} resolves to a loopback or link-local address")));
    }
    Ok(())
}

/// At most the first chunk of a response, as one line.
async fn start_of(mut response: Response) -> String {
    match response.chunk().await {
        Ok(Some(chunk)) => clean(&chunk[..chunk.len().min(1024)]),
        _ => String::new(),
    }
}

/// What the server is shown.
pub fn authorization(remote: &Remote) -> Result<Option<HeaderValue>, Cause> {
    let basic =
        |user: &str, password: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let text = match &remote.auth {
        Auth::Bearer(token) => format!("Bearer {token}"),
        Auth::Basic { user, password } => {
            let (user, password) = remote.basic(user.clone(), password.clone());
            basic(&user, &password)
        }
        Auth::None | Auth::Ssh { .. } => match remote.basic(String::new(), String::new()) {
            (user, password) if user.is_empty() && password.is_empty() => return Ok(None),
            (user, password) => basic(&user, &password),
        },
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        Cause::Authentication("the credentials contain characters that HTTP headers cannot hold".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The client for these settings; equal settings share one.
pub fn client(tls: &Tls, proxy: Option<&Proxy>) -> Result<Client, Cause> {
    let settings = Settings { tls: tls.clone(), proxy: proxy.cloned(), user_agent: AGENT };
    let request = "configuration".to_owned();
    sluice_http::client(&settings).map_err(|err| match err {
        ConfigError::Tls(reason) => Cause::Tls { request, reason },
        ConfigError::Proxy(reason) => Cause::Proxy { request, reason },
        ConfigError::Client(reason) => Cause::Connect { request, reason },
    })
}
