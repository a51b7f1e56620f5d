//! Credentials, certificates and redirects over HTTP.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use sluice_git::{Auth, Cause, ClientCertificate, Error, Remote, fetch};

use crate::support::certs::Certs;
use crate::support::http::{Config, Intercept, Server, text};
use crate::support::repo::Repo;
use crate::support::{branch, options, remote};

async fn get(remote: &Remote) -> Result<String, Error> {
    let store = tempfile::tempdir().unwrap();
    fetch(remote, &branch("main"), store.path(), &options()).await.map(|commit| commit.revision)
}

fn basic(user: &str, password: &str) -> Auth {
    Auth::Basic { user: user.to_owned(), password: password.to_owned() }
}

/// `Basic me:secret`
const HEADER: &str = "Basic bWU6c2VjcmV0";

#[tokio::test]
async fn basic_authentication() {
    let repo = Repo::new();
    let server =
        Server::start(Config { authorization: Some(HEADER.to_owned()), ..Config::new(repo.root()) }).await;
    let with = |auth| Remote { auth, ..remote(&server.url()) };
    assert!(get(&with(basic("me", "secret"))).await.is_ok());

    let err = get(&with(basic("me", "hunter2"))).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::Authentication(_))));
    assert_eq!(
        err.to_string(),
        format!(
            "unable to clone '{}': authentication required: Wrong credentials. Try a token.",
            server.url()
        )
    );
    assert!(!format!("{err:?}").contains("hunter2"));
    assert!(get(&with(Auth::None)).await.is_err());

    // From the URL's user information, percent-encoded; messages do not repeat it.
    let userinfo = server.url().replace("http://", "http://me:s%65cret@");
    assert!(get(&remote(&userinfo)).await.is_ok());
    let wrong = get(&remote(&userinfo.replace("s%65cret", "hunter2"))).await.unwrap_err();
    assert!(!wrong.to_string().contains("hunter2") && !format!("{:?}", remote(&userinfo)).contains("secret"));
    assert!(server.seen().iter().all(|seen| seen.user_agent.starts_with("git/")));
}

#[tokio::test]
async fn bearer_authentication() {
    let repo = Repo::new();
    let server =
        Server::start(Config { authorization: Some("Bearer tok".to_owned()), ..Config::new(repo.root()) })
            .await;
    assert!(get(&Remote { auth: Auth::Bearer("tok".to_owned()), ..remote(&server.url()) }).await.is_ok());
    assert!(get(&Remote { auth: Auth::Bearer("other".to_owned()), ..remote(&server.url()) }).await.is_err());
    let newline = Auth::Bearer("a\nb".to_owned());
    assert!(
        get(&Remote { auth: newline, ..remote(&server.url()) })
            .await
            .unwrap_err()
            .to_string()
            .contains("HTTP headers")
    );
}

#[tokio::test]
async fn private_authorities() {
    let repo = Repo::new();
    let certs = Certs::new();
    let server =
        Server::start(Config { tls: Some(certs.server("server", false)), ..Config::new(repo.root()) }).await;
    let with_ca = |ca: Option<Vec<u8>>| {
        let mut remote = remote(&server.url());
        remote.tls.ca = ca;
        remote
    };
    assert!(get(&with_ca(Some(certs.read("ca.crt")))).await.is_ok());
    for wrong in [None, Some(Certs::new().read("ca.crt"))] {
        let err = get(&with_ca(wrong)).await.unwrap_err();
        assert!(matches!(err.cause(), Some(Cause::Tls { .. })), "{err:?}");
        assert!(err.to_string().contains("x509: certificate signed by unknown authority"), "{err}");
    }
    let err = get(&with_ca(Some(b"nonsense".to_vec()))).await.unwrap_err();
    assert!(err.to_string().contains("failed to parse CA certificate"), "{err}");

    let mut other_name = with_ca(Some(certs.read("ca.crt")));
    other_name.url = format!("https://127.0.0.2:{}/app.git", server.address.port()).parse().unwrap();
    assert!(get(&other_name).await.is_err());
}

#[tokio::test]
async fn self_signed_server_as_its_own_authority() {
    let repo = Repo::new();
    let certs = Certs::new();
    let server =
        Server::start(Config { tls: Some(certs.server("self", false)), ..Config::new(repo.root()) }).await;
    let mut remote = remote(&server.url());
    remote.tls.ca = Some(certs.read("self.crt"));
    get(&remote).await.unwrap();
    remote.tls.ca = Some(certs.read("ca.crt"));
    assert!(get(&remote).await.is_err());
    remote.tls.ca = Some(certs.read("self.crt"));
    remote.url = format!("https://localhost:{}/app.git", server.address.port()).parse().unwrap();
    let err = get(&remote).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::Tls { .. })), "{err:?}");
}

#[tokio::test]
async fn client_certificates() {
    let repo = Repo::new();
    let certs = Certs::new();
    let server =
        Server::start(Config { tls: Some(certs.server("server", true)), ..Config::new(repo.root()) }).await;
    let mut remote = remote(&server.url());
    remote.tls.ca = Some(certs.read("ca.crt"));
    let err = get(&remote).await.unwrap_err();
    assert!(matches!(err.cause(), Some(Cause::Tls { .. })), "{err:?}");
    remote.tls.client =
        Some(ClientCertificate { certificate: certs.read("client.crt"), key: certs.read("client.key") });
    get(&remote).await.unwrap();
    remote.tls.client =
        Some(ClientCertificate { certificate: certs.read("client.crt"), key: certs.read("server.key") });
    assert!(get(&remote).await.is_err());
}

fn redirect(to: String) -> Intercept {
    Arc::new(move |_, uri| {
        let location = format!("{to}{}", uri.path_and_query()?);
        Response::builder().status(301).header("location", location).body(axum::body::Body::empty()).ok()
    })
}

#[tokio::test]
async fn redirects_keep_credentials_at_home() {
    let repo = Repo::new();
    let target = Server::plain(repo.root()).await;
    let origin = format!("http://{}", target.address);
    let elsewhere =
        Server::start(Config { intercept: Some(redirect(origin)), ..Config::new(repo.root()) }).await;
    get(&Remote { auth: basic("me", "secret"), ..remote(&elsewhere.url()) }).await.unwrap();
    assert!(elsewhere.seen()[0].authorization.is_some());
    assert!(target.posts() > 0, "the new location serves the pack");
    assert!(target.seen().iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn redirects_on_the_same_origin_keep_credentials() {
    let repo = Repo::new();
    let config = Config {
        authorization: Some(HEADER.to_owned()),
        intercept: Some(Arc::new(|_, uri| {
            let rest = uri.path_and_query()?.as_str().strip_prefix("/old.git")?;
            Response::builder()
                .status(302)
                .header("location", format!("/app.git{rest}"))
                .body(axum::body::Body::empty())
                .ok()
        })),
        ..Config::new(repo.root())
    };
    let server = Server::start(config).await;
    get(&Remote { auth: basic("me", "secret"), ..remote(&server.url().replace("/app.git", "/old.git")) })
        .await
        .unwrap();
    assert_eq!(server.seen().iter().filter(|seen| seen.path.starts_with("/old.git")).count(), 1);
}

#[tokio::test]
async fn dangerous_redirects_are_refused() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let itself = format!("http://{}", server.address);
    let loops = Server::start(Config {
        intercept: Some(Arc::new(|_, uri| {
            Response::builder()
                .status(302)
                .header("location", uri.to_string())
                .body(axum::body::Body::empty())
                .ok()
        })),
        ..Config::new(repo.root())
    })
    .await;
    assert!(matches!(get(&remote(&loops.url())).await.unwrap_err().cause(), Some(Cause::Redirect(_))));
    for to in ["file://".to_owned(), "ssh://127.0.0.1".to_owned(), itself.replace("http://", "http://u:p@")] {
        let from =
            Server::start(Config { intercept: Some(redirect(to.clone())), ..Config::new(repo.root()) }).await;
        let err = get(&remote(&from.url())).await.unwrap_err();
        assert!(matches!(err.cause(), Some(Cause::Redirect(_))), "{to}: {err:?}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let repo = Repo::new();
    let server = Server::plain(repo.root()).await;
    let absent = server.url().replace("app.git", "none.git");
    let err = get(&remote(&absent)).await.unwrap_err();
    let said = err.to_string();
    assert!(said.starts_with(&format!("unable to clone '{absent}': repository not found: ")), "{said}");
    for (status, words) in [(403, "authorization failed: no"), (500, "status code: 500: no")] {
        let intercept: Intercept =
            Arc::new(move |_, _| Some(text(StatusCode::from_u16(status).unwrap(), "no")));
        let server = Server::start(Config { intercept: Some(intercept), ..Config::new(repo.root()) }).await;
        let err = get(&remote(&server.url())).await.unwrap_err();
        assert!(err.to_string().contains(words), "{err}");
    }
    let err = get(&remote("http://127.0.0.1:1/none.git")).await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "unable to clone 'http://127.0.0.1:1/none.git': Get \"http://127.0.0.1:1/none.git/info/refs?service=git-upload-pack\": \
         dial tcp 127.0.0.1:1: connect: connection refused"
    );
    let err = get(&remote("http://no-such-host.invalid/x.git")).await.unwrap_err();
    let text = err.to_string();
    assert!(
        text.contains("dial tcp: lookup no-such-host.invalid") && text.ends_with(": no such host"),
        "{text}"
    );
}
