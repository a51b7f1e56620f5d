//! The HTTP endpoints for probes and metrics.

use std::{io, net::SocketAddr};

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Metrics, RuntimeError};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/healthz` and `/readyz`: the process answers.
pub(crate) fn health() -> Router {
    Router::new().route("/healthz", get(async || "ok")).route("/readyz", get(async || "ok"))
}

/// `/metrics`.
pub(crate) fn metrics(metrics: Metrics) -> Router {
    let handler = async move || match metrics.exposition() {
        Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    Router::new().route("/metrics", get(handler))
}

/// Listens, and serves in the background until cancelled.
pub(crate) async fn serve(
    purpose: &'static str,
    addr: SocketAddr,
    router: Router,
    cancel: CancellationToken,
) -> Result<(), RuntimeError> {
    let failed = |source: io::Error| RuntimeError::Listen { purpose, addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(cancel.cancelled_owned()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the endpoint for {purpose} failed");
        }
    });
    Ok(())
}
