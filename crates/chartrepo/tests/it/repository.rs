//! Repositories with an index.

use std::fs;

use axum::Router;
use axum::routing::get;
use sluice_chartrepo::download::{Basic, Limit};
use sluice_chartrepo::{Access, Error, Fetcher, Repositories, Wanted};

use crate::support::{access, charts, fetcher, fixture, serve};

#[tokio::test]
async fn the_version_that_fits_is_fetched() {
    let server = charts(false).await;
    let repository = format!("http://{server}/charts/");
    for (version, file) in [
        ("", "db-1.3.0.tgz"),
        ("1.2.3", "db-1.2.3.tgz"),
        ("~1.2", "db-1.2.3.tgz"),
        (">0.0.0-0", "db-2.0.0-rc.1.tgz"),
    ] {
        let wanted = Wanted { chart: "db", repository: Some(&repository), version, provenance: true };
        let chart = fetcher().chart(wanted).await.unwrap();
        assert_eq!((chart.file.as_str(), &chart.archive), (file, &fixture(file)), "{version}");
        assert_eq!(chart.provenance, Some(fixture(&format!("{file}.prov"))));
    }
    let wanted = |chart, version| Wanted { chart, version, repository: Some(&repository), provenance: false };
    let error = fetcher().chart(wanted("db", "9.x")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("chart \"db\" version \"9.x\" not found in http://{server}/charts/ repository")
    );
    assert!(matches!(fetcher().chart(wanted("other", "")).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn an_address_is_fetched_as_it_is() {
    let server = charts(false).await;
    let url = format!("http://{server}/charts/db-1.2.3.tgz");
    let chart = fetcher().chart(Wanted { chart: &url, ..Wanted::default() }).await.unwrap();
    assert_eq!(chart.archive, fixture("db-1.2.3.tgz"));
    let missing = format!("http://{server}/charts/db-0.0.1.tgz");
    let error = fetcher().chart(Wanted { chart: &missing, ..Wanted::default() }).await.unwrap_err();
    assert!(error.to_string().contains("404 Not Found"), "{error}");
    for nonsense in ["db", "ftp://example.com/db.tgz"] {
        let error = fetcher().chart(Wanted { chart: nonsense, ..Wanted::default() }).await.unwrap_err();
        assert!(matches!(error, Error::Address(_)), "{error}");
    }
}

#[tokio::test]
async fn credentials_and_names_of_repositories() {
    let server = charts(true).await;
    let repository = format!("http://{server}/charts");
    let wanted = Wanted { chart: "db", repository: Some(&repository), ..Wanted::default() };
    let error = fetcher().chart(wanted).await.unwrap_err().to_string();
    assert!(error.contains("401 Unauthorized"), "{error}");
    let credentials = Some(Basic { user: "me".to_owned(), password: "secret".to_owned() });
    let knowing = Fetcher::new(Access { credentials, ..access() });
    assert_eq!(knowing.chart(wanted).await.unwrap().file, "db-1.3.0.tgz");

    let list = tempfile::NamedTempFile::new().unwrap();
    let text =
        format!("repositories:\n- name: mine\n  url: {repository}\n  username: me\n  password: secret\n");
    fs::write(list.path(), text).unwrap();
    let repositories = Repositories::read(list.path()).unwrap();
    let knowing = Fetcher::new(Access { repositories, ..access() });
    for wanted in [Wanted { chart: "mine/db", ..Wanted::default() }, wanted] {
        assert_eq!(knowing.chart(wanted).await.unwrap().file, "db-1.3.0.tgz");
    }
    let error = knowing.chart(Wanted { chart: "other/db", ..Wanted::default() }).await.unwrap_err();
    assert!(error.to_string().starts_with("repo other not found"), "{error}");
}

#[tokio::test]
async fn what_is_too_large_or_no_index_is_refused() {
    let router = Router::new()
        .route("/page/index.yaml", get(|| async { "<html>" }))
        .route("/large", get(|| async { "x".repeat(1 << 16) }));
    let server = serve(router).await;
    let repository = format!("http://{server}/page");
    let wanted = Wanted { chart: "db", repository: Some(&repository), ..Wanted::default() };
    let error = fetcher().chart(wanted).await.unwrap_err().to_string();
    assert!(
        error.starts_with("looks like \"http://") && error.contains("not a valid chart repository"),
        "{error}"
    );
    let limit = Limit { bytes: 1 << 10, what: "the file is larger than the limit" };
    let error = fetcher().file(&format!("http://{server}/large"), limit).await.unwrap_err().to_string();
    assert!(error.contains("larger than the limit of 1024 bytes"), "{error}");
    let metadata = "http://169.254.169.254/latest/chart.tgz";
    assert!(fetcher().chart(Wanted { chart: metadata, ..Wanted::default() }).await.is_err());
}
