//! The client for the cluster, with a rate limit where the API server has none, and counted requests.
//!
//! All requests go over one connection, by HTTP/2 (RFC 9113), where the API server speaks it: a connection of its own
//! for each request that goes on costs both sides a handshake and some hundred KiB.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder, ConfigExt, retry::RetryPolicy},
};
use rustls::pki_types::ServerName;
use tokio::{sync::Mutex, time::Instant};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, retry::RetryLayer, util::BoxService};

use crate::{Metrics, RuntimeError, flags::CommonArgs, no_proxy};

/// Set on answers of API servers that limit their clients by priority and fairness.
const FAIRNESS_HEADER: &str = "x-kubernetes-pf-flowschema-uid";

/// How long a connection may be silent before it is asked whether it is alive, and how long it may take to answer: as in
/// client-go.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));

/// How many bytes of one answer, and of all together, may wait to be read: a burst of events of a watch must not take the
/// memory, and answers that nobody reads at the moment must not hold up the others.
const WINDOWS: (u32, u32) = (256 << 10, 8 << 20);

/// Connects by the kubeconfig (`KUBECONFIG`, then `~/.kube/config`) or by the pod's service account. `name` is the
/// controller's, by which the API server's audit log and metrics know who asks.
pub(crate) async fn connect(
    name: &str,
    args: &CommonArgs,
    metrics: &Metrics,
) -> Result<Client, RuntimeError> {
    let mut config = Config::infer().await.map_err(|error| RuntimeError::Config(Box::new(error)))?;
    no_proxy::apply(&mut config);
    if let Ok(agent) = HeaderValue::from_str(&user_agent(name)) {
        config.headers.push((header::USER_AGENT, agent));
    }
    let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
    let build = |layer: &Instrument| {
        client(config.clone(), layer).map_err(|error| RuntimeError::Client(Box::new(error)))
    };
    let mut layer = Instrument { host: Arc::from(host.as_str()), metrics: metrics.clone(), limiter: None };
    let first = build(&layer)?;
    if args.kube_api_qps <= 0.0 || has_fairness(&first).await {
        return Ok(first);
    }
    layer.limiter = Some(Arc::new(Limiter::new(args.kube_api_qps, args.kube_api_burst)));
    build(&layer)
}

/// Who asks, in the form of client-go: program, version and platform.
fn user_agent(name: &str) -> String {
    use std::env::consts::{ARCH, OS};
    format!("{name}/v{} ({OS}/{ARCH}) sluice", env!("CARGO_PKG_VERSION"))
}

fn client(config: Config, layer: &Instrument) -> Result<Client, kube::Error> {
    // Proxies are left to the library, which speaks HTTP/1.1 through them.
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config)?.with_layer(layer).build());
    }
    Ok(transport(&config)?.with_layer(layer).build())
}

type Transport = BoxService<Request<Body>, Response<hyper::body::Incoming>, BoxError>;

/// What sends requests as the configuration says.
fn transport(config: &Config) -> Result<ClientBuilder<Transport>, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(config.connect_timeout);
    let (idle, answer) = KEEP_ALIVE;
    tcp.set_keepalive(Some(idle));
    tcp.set_keepalive_interval(Some(answer));
    let mut tls =
        HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone()).map_err(|error| kube::Error::Service(error.into()))?;
        tls = tls.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let (one, all) = WINDOWS;
    let client = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http2_initial_stream_window_size(one)
        .http2_initial_connection_window_size(all)
        .http2_keep_alive_interval(idle)
        .http2_keep_alive_timeout(answer)
        .build(tls.enable_all_versions().wrap_connector(tcp));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry())))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(ClientBuilder::new(service.boxed(), config.default_namespace.clone()))
}

/// Whether the API server limits its clients. One that cannot be asked may not.
async fn has_fairness(client: &Client) -> bool {
    let Ok(request) = Request::get("/livez/ping").body(Body::empty()) else { return false };
    match tokio::time::timeout(Duration::from_secs(5), client.send(request)).await {
        Ok(Ok(answer)) => answer.headers().contains_key(FAIRNESS_HEADER),
        _ => false,
    }
}

/// A token bucket. Waiters are served in order.
struct Limiter {
    per_second: f64,
    burst: f64,
    bucket: Mutex<(f64, Instant)>,
}

impl Limiter {
    fn new(per_second: f32, burst: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_second: f64::from(per_second), burst, bucket: Mutex::new((burst, Instant::now())) }
    }

    async fn pass(&self) {
        // Tokio's mutex is fair: holding it while asleep keeps the order of arrival.
        let mut bucket = self.bucket.lock().await;
        let (tokens, at) = *bucket;
        let now = Instant::now();
        let mut tokens = (tokens + (now - at).as_secs_f64() * self.per_second).min(self.burst);
        if tokens < 1.0 {
            tokio::time::sleep(Duration::from_secs_f64((1.0 - tokens) / self.per_second)).await;
            tokens = 1.0;
        }
        *bucket = (tokens - 1.0, Instant::now());
    }
}

/// Counts requests, and holds them back by the limit if there is one.
#[derive(Clone)]
struct Instrument {
    host: Arc<str>,
    metrics: Metrics,
    limiter: Option<Arc<Limiter>>,
}

impl<S> Layer<S> for Instrument {
    type Service = Instrumented<S>;

    fn layer(&self, inner: S) -> Instrumented<S> {
        Instrumented { inner, by: self.clone() }
    }
}

struct Instrumented<S> {
    inner: S,
    by: Instrument,
}

impl<S, B> Service<Request<Body>> for Instrumented<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = request.method().clone();
        let Instrument { host, metrics, limiter } = self.by.clone();
        // Nothing is sent before the first poll.
        let answer = self.inner.call(request);
        Box::pin(async move {
            if let Some(limiter) = limiter {
                limiter.pass().await;
            }
            let answer = answer.await;
            let status = answer.as_ref().ok().map(Response::status);
            let code = status.as_ref().map_or("<error>", |status| status.as_str());
            metrics.count_request(&host, method.as_str(), code);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_limit_allows_a_burst_and_then_the_rate() {
        let limiter = Limiter::new(10.0, 5);
        let start = Instant::now();
        for _ in 0..5 {
            limiter.pass().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..20 {
            limiter.pass().await;
        }
        let elapsed = start.elapsed().as_secs_f64();
        assert!((1.9..2.2).contains(&elapsed), "{elapsed}");
    }
}
