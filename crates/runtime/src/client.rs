//! The client for the cluster, with a rate limit where the API server has none, and counted requests.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
};
use tokio::{sync::Mutex, time::Instant};
use tower::{Service, layer::layer_fn};

use crate::{Metrics, RuntimeError, flags::CommonArgs, no_proxy};

/// Set on answers of API servers that limit their clients by priority and fairness.
const FAIRNESS_HEADER: &str = "x-kubernetes-pf-flowschema-uid";

/// Connects by the kubeconfig (`KUBECONFIG`, then `~/.kube/config`) or by the pod's service account.
pub(crate) async fn connect(args: &CommonArgs, metrics: &Metrics) -> Result<Client, RuntimeError> {
    let mut config = Config::infer().await.map_err(|error| RuntimeError::Config(Box::new(error)))?;
    no_proxy::apply(&mut config);
    let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
    let builder =
        |config| ClientBuilder::try_from(config).map_err(|error| RuntimeError::Client(Box::new(error)));
    let limits_itself = has_fairness(&builder(config.clone())?.build()).await;
    let limiter = (!limits_itself && args.kube_api_qps > 0.0)
        .then(|| Arc::new(Limiter::new(args.kube_api_qps, args.kube_api_burst)));
    let layer = layer_fn(|inner| Instrumented {
        inner,
        host: Arc::from(host.as_str()),
        metrics: metrics.clone(),
        limiter: limiter.clone(),
    });
    Ok(builder(config)?.with_layer(&layer).build())
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

struct Instrumented<S> {
    inner: S,
    host: Arc<str>,
    metrics: Metrics,
    limiter: Option<Arc<Limiter>>,
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
        let (host, metrics, limiter) = (Arc::clone(&self.host), self.metrics.clone(), self.limiter.clone());
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
