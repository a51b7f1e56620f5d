//! The file server that consumers download artifacts from.

use std::fmt::Write;
use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse};
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

/// How long running downloads may go on after the server was asked to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Serves the files below `root` until `shutdown` is done, then lets downloads finish for five seconds.
///
/// GET and HEAD, ranges, `If-Modified-Since`; a directory is listed, `/` too, since readiness probes ask for
/// it. Hidden files and locks are neither listed nor served.
pub async fn serve(
    listener: TcpListener,
    root: PathBuf,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let server = axum::serve(listener, router(root)).with_graceful_shutdown(async move {
        shutdown.await;
        // The receiver is gone only when the server has ended already.
        let _ = stopping.send(true);
    });
    let grace = async {
        // An error means that the sender is gone, so that the server is about to end by itself.
        if stopped.wait_for(|stop| *stop).await.is_ok() {
            tokio::time::sleep(GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = server => result,
        () = grace => Ok(()),
    }
}

fn router(root: PathBuf) -> Router {
    let files = ServeDir::new(&root).append_index_html_on_directories(false);
    let check = move |request: Request<Body>, next: Next| {
        let root = root.clone();
        async move { list_or_pass(&root, request, next).await }
    };
    Router::new().fallback_service(files).layer(middleware::from_fn(check))
}

async fn list_or_pass(root: &Path, request: Request<Body>, next: Next) -> Response<Body> {
    // Directory names are Kubernetes names: a path that needs decoding is no directory.
    let path = request.uri().path().to_owned();
    if path.split('/').any(is_private) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let dir = root.join(path.trim_matches('/'));
    let is_dir = tokio::fs::symlink_metadata(&dir).await.is_ok_and(|metadata| metadata.is_dir());
    match (is_dir, path.ends_with('/')) {
        (false, _) => next.run(request).await,
        (true, false) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, format!("{name}/"))]).into_response()
        }
        (true, true) => match tokio::task::spawn_blocking(move || listing(&dir)).await {
            Ok(Ok(html)) => Html(html).into_response(),
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
    }
}

/// Temporary files and locks, and anything that could lead out of the root.
fn is_private(part: &str) -> bool {
    part.starts_with('.') || Path::new(part).extension().is_some_and(|e| e == "lock")
}

fn listing(dir: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_private(&name) {
            let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
            names.push(format!("{name}{slash}"));
        }
    }
    names.sort_unstable();
    let mut html = String::from("<!doctype html>\n<pre>\n");
    for name in &names {
        let name = escape(name);
        // Writing to a String cannot fail.
        let _ = writeln!(html, "<a href=\"./{name}\">{name}</a>");
    }
    html.push_str("</pre>\n");
    Ok(html)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
