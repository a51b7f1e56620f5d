//! Hosts that refuse, redirect or say something else.

use serde_json::json;
use sluice_forge::{Error, Kind};

use crate::support::{Exchange, Server, ensure, token};

async fn refused(status: u16, answer: serde_json::Value) -> String {
    let request = "GET /repos/org/app/pulls?state=all&head=org%3Aupdates&base=main&sort=created&direction=desc&per_page=30";
    let script = vec![Exchange { request: request.to_owned(), body: None, status, answer }];
    let server = Server::start(("authorization", "Bearer secret"), script).await;
    let api = Some(server.address.as_str());
    let error = ensure(Kind::GitHub, "https://github.com/org/app", api, token(), &[]).await.unwrap_err();
    server.done();
    assert!(matches!(error, Error::Call { .. }), "{error}");
    let text = error.to_string();
    assert!(!text.contains("secret"), "{text}");
    text.replace(&server.address, "HOST")
}

#[tokio::test]
async fn what_hosts_say_is_told() {
    let text = refused(401, json!({ "message": "Bad credentials", "documentation_url": "https://x" })).await;
    assert_eq!(text, "GET HOST/repos/org/app/pulls: 401 Bad credentials");
    let text = refused(301, json!({ "message": "Moved Permanently" })).await;
    assert!(text.ends_with("301 redirects to '': give the repository's present address"), "{text}");
    let text = refused(200, json!({ "not": "a list" })).await;
    assert!(text.contains("unexpected answer"), "{text}");
}

#[tokio::test]
async fn what_can_not_work_is_told_before() {
    for (kind, address) in [
        (Kind::GitHub, "https://github.com/app"),
        (Kind::GitLab, "https://gitlab.com/app"),
        (Kind::Gitea, "https://gitea.example/a/b/c"),
        (Kind::Bitbucket, "https://bitbucket.org/app"),
        (Kind::BitbucketServer, "https://bitbucket.example/scm/app"),
        (Kind::AzureDevOps, "https://dev.azure.com/app"),
    ] {
        let error = ensure(kind, address, None, token(), &[]).await.unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{kind:?}: {error}");
    }
    let error = ensure(Kind::Gitea, "https://a/b/c", Some("file:///etc"), token(), &[]).await.unwrap_err();
    assert_eq!(error.to_string(), "'file:///etc' is no address of an API");
    // Metadata of clouds is out of reach.
    let error = ensure(Kind::Gitea, "http://169.254.169.254/a/b", None, token(), &[]).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}
