//! `sluice helm template` with charts from elsewhere. The charts are of `helm package --sign`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use axum::Router;
use axum::extract::Path as UrlPath;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use sluice_testkit::project_root;

use crate::program::{Run, sluice};

fn fixtures() -> PathBuf {
    project_root().join("crates/chartrepo/tests/fixtures")
}

/// The charts, below `/guarded` for `me:secret`; and values and a schema.
async fn serve() -> Result<SocketAddr> {
    let file = |UrlPath(name): UrlPath<String>| async move {
        fs::read(fixtures().join(name)).map_err(|_| StatusCode::NOT_FOUND)
    };
    let guarded = |headers: HeaderMap, UrlPath(name): UrlPath<String>| async move {
        match headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
            Some("Basic bWU6c2VjcmV0") => fs::read(fixtures().join(name)).map_err(|_| StatusCode::NOT_FOUND),
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    };
    let router = Router::new()
        .route("/charts/{name}", get(file))
        .route("/guarded/{name}", get(guarded))
        .route("/values.yaml", get(|| async { "greeting: fetched\n" }))
        .route("/text.json", get(|| async { r#"{"type": "string", "maxLength": 8}"# }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn template(arguments: &str) -> Result<Run> {
    sluice(Path::new("/nonexistent"), "ns", &format!("helm template rel {arguments}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_of_repositories_and_addresses() -> Result<()> {
    let server = serve().await?;
    let keys = fixtures().join("pubring.gpg");
    let keys = keys.display();
    for (arguments, name) in [
        (format!("db --repo http://{server}/charts"), "rel-db-1.3.0"),
        (
            format!("db --repo http://{server}/charts --version ~1.2 --verify --keyring {keys}"),
            "rel-db-1.2.3",
        ),
        (format!("db --repo http://{server}/charts --devel"), "rel-db-2.0.0-rc.1"),
        (format!("db --repo http://{server}/guarded --username me --password secret"), "rel-db-1.3.0"),
        (format!("http://{server}/charts/db-1.2.3.tgz"), "rel-db-1.2.3"),
        (format!("{} --verify --keyring {keys}", fixtures().join("db-1.3.0.tgz").display()), "rel-db-1.3.0"),
    ] {
        let run = template(&arguments).await?.ok()?;
        ensure!(run.stdout.ends_with(&format!("  name: {name}\n")), "{arguments}: {}", run.stdout);
    }
    for (arguments, why) in [
        (format!("db --repo http://{server}/guarded"), "401 Unauthorized"),
        (format!("db --repo http://{server}/charts --version 9"), "chart \"db\" version \"9\" not found"),
        (format!("db --repo http://{server}/nowhere"), "is not a valid chart repository"),
        (format!("http://{server}/charts/db-1.2.3.tgz --verify --keyring /nonexistent"), "read the keyring"),
        ("no/db".to_owned(), "repo no not found"),
        ("./no".to_owned(), "path \"./no\" not found"),
    ] {
        let run = template(&arguments).await?.failed()?;
        ensure!(run.stderr.contains(why), "{arguments}: {}", run.stderr);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_values_and_schemas_are_fetched() -> Result<()> {
    let server = serve().await?;
    let folder = tempfile::tempdir()?;
    let chart = folder.path().join("app");
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(
        chart.join("Chart.yaml"),
        format!(
            "apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies: [{{name: db, version: 1.2.x, repository: 'http://{server}/charts'}}]\n"
        ),
    )?;
    fs::write(chart.join("templates/a.yaml"), "greeting: {{ .Values.greeting }}\n")?;
    let schema = format!(r#"{{"properties": {{"greeting": {{"$ref": "http://{server}/text.json"}}}}}}"#);
    fs::write(chart.join("values.schema.json"), schema)?;
    let path = chart.display();
    let run = template(&format!("{path}")).await?.failed()?;
    ensure!(run.stderr.contains("missing in charts/ directory: db"), "{}", run.stderr);
    let run = template(&format!("{path} --dependency-update -f http://{server}/values.yaml")).await?.ok()?;
    ensure!(
        run.stdout.contains("name: rel-db-1.2.3\n") && run.stdout.contains("greeting: fetched\n"),
        "{}",
        run.stdout
    );
    ensure!(
        chart.join("charts/db-1.2.3.tgz").is_file() && chart.join("Chart.lock").is_file(),
        "nothing was written"
    );
    let run = template(&format!("{path} --set greeting=much-too-long")).await?;
    ensure!(
        run.code == 1 && run.stderr.contains("at '/greeting': maxLength: got 13, want 8"),
        "{}",
        run.stderr
    );
    Ok(())
}
