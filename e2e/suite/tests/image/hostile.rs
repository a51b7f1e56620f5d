//! Registries that lie, and lists that are long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageRepository};
use tokio::net::TcpListener;

use crate::support::{World, ready_message};

/// Answers requests for pages of tags: `page` of repository `name`.
type Pages = fn(&str, usize) -> (String, Option<String>);

struct Fake {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn registry(pages: Pages) -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = (pages, Arc::new(AtomicUsize::new(0)));
    let router = Router::new().fallback(answer).with_state(state);
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Fake { address, task }
}

async fn answer(State((pages, count)): State<(Pages, Arc<AtomicUsize>)>, uri: Uri) -> Response {
    let path = uri.path();
    let Some(name) = path.strip_prefix("/v2/").and_then(|rest| rest.strip_suffix("/tags/list")) else {
        return "{}".into_response();
    };
    let page = uri.query().and_then(|query| query.split("page=").nth(1)).and_then(|page| page.parse().ok());
    count.fetch_add(1, Ordering::Relaxed);
    let (body, link) = pages(name, page.unwrap_or(0));
    let mut response = body.into_response();
    if let Some(link) = link {
        response.headers_mut().insert("link", link.parse().unwrap());
    }
    response
}

fn list(tags: impl Iterator<Item = String>) -> String {
    json!({"name": "x", "tags": tags.collect::<Vec<_>>()}).to_string()
}

fn pages(name: &str, page: usize) -> (String, Option<String>) {
    let next = |page: usize| Some(format!("</v2/{name}/tags/list?n=1000&page={page}>; rel=\"next\""));
    match name {
        // Forever the same page.
        "same" => (list((0..10).map(|tag| format!("1.0.{tag}"))), next(1)),
        // Two pages that lead to each other.
        "circle" => (list((0..10).map(|tag| format!("1.0.{tag}"))), next(1 - page % 2)),
        // Always more tags.
        "endless" => {
            let tags = "\"a\",".repeat(100_000);
            (format!("{{\"tags\": [{tags}\"b\"]}}"), next(page + 1))
        }
        // As many as are taken, and a tenth of them.
        "million" => {
            let tags = list((0..20_000).map(|tag| format!("1.{page}.{tag}")));
            (tags, (page < 49).then(|| next(page + 1)).flatten())
        }
        "many" => {
            let tags = list((0..20_000).map(|tag| format!("1.{page}.{tag}")));
            (tags, (page < 4).then(|| next(page + 1)).flatten())
        }
        "elsewhere" => (
            list(["1.0.0".to_owned()].into_iter()),
            Some("<https://example.org/v2/x/tags/list>; rel=\"next\"".to_owned()),
        ),
        "garbage" => ("{\"tags\": [1, 2".to_owned(), None),
        "names" => (list(["1.0.0", "../../etc", "a b", "", "x\ny"].map(str::to_owned).into_iter()), None),
        _ => (list(["1.0.0".to_owned()].into_iter()), None),
    }
}

#[tokio::test]
async fn lies_about_pages_are_told_and_delay_nobody() {
    let world = World::new().await;
    let fake = registry(pages).await;
    let controller = world.reflector(&[]).await;
    let image = |name: &str| format!("{}/{name}", fake.address);
    for name in ["same", "circle", "endless", "elsewhere", "garbage"] {
        world.repository(name, &image(name), json!({"timeout": "60s"})).await;
    }
    world.repository("names", &image("names"), json!({})).await;
    world.repository("good", &image("good"), json!({})).await;
    world.ready::<ImageRepository>("good").await;
    let object = world.ready::<ImageRepository>("names").await;
    assert!(
        ready_message(&object).starts_with("successful scan: found 1 tags"),
        "{}",
        ready_message(&object)
    );
    for (name, words) in [
        ("same", "does not end"),
        ("circle", "does not end"),
        ("endless", "more than 1000000 tags"),
        ("elsewhere", "pagination URL host does not match registry host"),
        ("garbage", "invalid list of tags"),
    ] {
        let message = world.failed::<ImageRepository>(name, "ReadOperationFailed").await;
        assert!(message.starts_with("scan failed: ") && message.contains(words), "{name}: {message}");
    }
    let (now, peak) = controller.memory().unwrap();
    println!("{} MiB, {} MiB at the peak", now >> 20, peak >> 20);
}

#[tokio::test]
async fn many_tags() {
    long_list("many", 100_000, "1.4.19999").await;
}

/// Takes minutes where nothing is optimised.
#[tokio::test]
#[ignore = "slow"]
async fn a_million_tags() {
    long_list("million", 1_000_000, "1.49.19999").await;
}

async fn long_list(name: &str, count: usize, latest: &str) {
    let world = World::new().await;
    let fake = registry(pages).await;
    let controller = world.reflector(&[]).await;
    let began = std::time::Instant::now();
    world.repository(name, &format!("{}/{name}", fake.address), json!({})).await;
    world.semver(name, name, "1.x").await;
    let object = world.ready::<ImageRepository>(name).await;
    let message = ready_message(&object);
    assert!(message.starts_with(&format!("successful scan: found {count} tags")), "{message}");
    let policy = world.ready::<ImagePolicy>(name).await;
    assert_eq!(policy.status.unwrap().latest_ref.unwrap().tag, latest);
    let (now, peak) = controller.memory().unwrap();
    println!("{count} tags in {:?}: {} MiB, {} MiB at the peak", began.elapsed(), now >> 20, peak >> 20);
}
