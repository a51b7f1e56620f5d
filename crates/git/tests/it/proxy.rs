//! Through forward proxies.

use std::net::SocketAddr;

use sluice_git::{Auth, Cause, Error, Remote, fetch};

use crate::support::certs::Certs;
use crate::support::http::{Config, Server};
use crate::support::proxy::Proxy;
use crate::support::repo::Repo;
use crate::support::ssh::{self, KeyPair};
use crate::support::{branch, options, remote};

/// `Basic pu:pw`
const HEADER: &str = "Basic cHU6cHc=";

fn via(remote: Remote, scheme: &str, address: SocketAddr, password: Option<&str>) -> Remote {
    let proxy = sluice_git::Proxy {
        url: format!("{scheme}://{address}").parse().unwrap(),
        credentials: password.map(|password| ("pu".to_owned(), password.to_owned())),
    };
    Remote { proxy: Some(proxy), ..remote }
}

async fn get(remote: &Remote) -> Result<String, Error> {
    let store = tempfile::tempdir().unwrap();
    fetch(remote, &branch("main"), store.path(), &options()).await.map(|commit| commit.revision)
}

#[tokio::test]
async fn http_https_and_ssh_through_each_kind() {
    let repo = Repo::new();
    let certs = Certs::new();
    let (host, key) = (KeyPair::generate("-t ed25519", ""), KeyPair::generate("-t ed25519", ""));
    let plain = Server::plain(repo.root()).await;
    let tls =
        Server::start(Config { tls: Some(certs.server("server", false)), ..Config::new(repo.root()) }).await;
    let shell = ssh::Server::start(repo.root(), &[&host], &key.public).await;
    let mut secure = remote(&tls.url());
    secure.tls.ca = Some(certs.read("ca.crt"));
    let auth = Auth::Ssh {
        identity: key.private.clone(),
        password: None,
        known_hosts: shell.known_hosts(&host).into_bytes(),
    };
    let targets = [remote(&plain.url()), secure, Remote { auth, ..remote(&shell.url()) }];
    for target in targets {
        let proxies =
            [("http", Proxy::http(Some(HEADER)).await), ("socks5", Proxy::socks5(Some(("pu", "pw"))).await)];
        for (scheme, proxy) in &proxies {
            let result = get(&via(target.clone(), scheme, proxy.address, Some("pw"))).await;
            assert!(result.is_ok(), "{} via {scheme}: {result:?}", target.url);
            assert!(proxy.used() > 0, "{} via {scheme}", target.url);
            let used = proxy.used();
            let err = get(&via(target.clone(), scheme, proxy.address, Some("bad-word"))).await.unwrap_err();
            assert!(matches!(err.cause(), Some(Cause::Proxy { .. })), "{} via {scheme}: {err:?}", target.url);
            assert!(!format!("{err:?} {err}").contains("bad-word"));
            assert_eq!(proxy.used(), used);
        }
        let open = Proxy::socks5(None).await;
        get(&via(target.clone(), "socks5", open.address, None)).await.unwrap();
        let dead = get(&via(target.clone(), "http", "127.0.0.1:1".parse().unwrap(), None)).await.unwrap_err();
        assert!(dead.to_string().contains("connection refused"), "{dead}");
    }
}
