//! Ways to the repository: TLS, client certificates, SSH, tokens, proxies.

use std::process::Command;

use serde_json::json;
use sluice_testkit::{GitOptions, GitServer};

use crate::support::{World, commit, main_of, message, run};

#[tokio::test]
async fn https_needs_the_authority_and_the_certificate_that_the_server_asks_for() {
    let world = World::new().await;
    let plain = GitServer::start(&GitOptions::default().tls()).unwrap();
    let mutual = GitServer::start(&GitOptions::default().mutual_tls()).unwrap();
    let _controller = world.controller(&[]).await;
    let (certificate, key) = mutual.client_certificate().unwrap();
    let (ca, mutual_ca) = (plain.ca().unwrap(), mutual.ca().unwrap());
    world.secret("ca", &[("ca.crt", &ca)]).await;
    world.secret("old-ca", &[("caFile", &ca)]).await;
    world.secret("mutual-ca", &[("ca.crt", &mutual_ca)]).await;
    let identity = [("ca.crt", mutual_ca.as_str()), ("tls.crt", &certificate), ("tls.key", &key)];
    world.secret("mutual", &identity).await;

    for (server, name, secret, good) in [
        (&plain, "no-ca", None, false),
        (&plain, "ca", Some("ca"), true),
        (&plain, "old-ca", Some("old-ca"), true),
        (&plain, "other-ca", Some("mutual-ca"), false),
        (&mutual, "no-cert", Some("mutual-ca"), false),
        (&mutual, "mutual", Some("mutual"), true),
    ] {
        commit(&server.repository(name).unwrap(), "a.yaml", "a: 1\n");
        let mut spec =
            json!({"url": server.https_url(name).unwrap(), "ref": {"branch": "main"}, "timeout": "10s"});
        if let Some(secret) = secret {
            spec["secretRef"] = json!({"name": secret});
        }
        world.create(name, spec).await;
        if good {
            world.ready(name).await;
        } else {
            world.failed(name, "GitOperationFailed").await;
            // A server that ends the connection may be faster than the alert that says why: the next attempt tells.
            world.until(name, |object| message(object, "Ready").to_lowercase().contains("certificate")).await;
        }
    }
}

#[tokio::test]
async fn ssh_takes_encrypted_keys_and_known_hosts_only() {
    let world = World::new().await;
    let server = GitServer::start(&GitOptions::default().ssh()).unwrap();
    let other = GitServer::start(&GitOptions::default().ssh()).unwrap();
    commit(&server.repository("app").unwrap(), "a.yaml", "a: 1\n");
    let url = server.ssh_url("app").unwrap();
    let open = server.ssh_identity().unwrap();
    // The same key behind a passphrase.
    let file = world.temporary().join("locked");
    std::fs::write(&file, &open).unwrap();
    run(Command::new("chmod").arg("600").arg(&file));
    run(Command::new("ssh-keygen").args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"]).arg(&file));
    let locked = std::fs::read_to_string(file).unwrap();
    let right = server.known_hosts().unwrap();
    // The host of this server with the key of the other.
    let host = right.split(' ').next().unwrap();
    let other_key = other.known_hosts().unwrap();
    let wrong = format!("{host} {}", other_key.split_once(' ').unwrap().1);
    let _controller = world.controller(&[]).await;

    for (name, data, failure) in [
        ("open", vec![("identity", open.as_str()), ("known_hosts", &right)], None),
        ("locked", vec![("identity", &locked), ("known_hosts", &right), ("password", "open sesame")], None),
        (
            "no-password",
            vec![("identity", locked.as_str()), ("known_hosts", &right)],
            Some((
                "AuthenticationFailed",
                "SSH identity key is encrypted but no 'password' field was provided",
            )),
        ),
        (
            "no-hosts",
            vec![("identity", open.as_str())],
            Some(("AuthenticationFailed", "invalid 'ssh' auth option: 'known_hosts' is required")),
        ),
        (
            "wrong-host",
            vec![("identity", open.as_str()), ("known_hosts", &wrong)],
            Some(("GitOperationFailed", "knownhosts: key mismatch")),
        ),
    ] {
        world.secret(name, &data).await;
        let spec = json!({
            "url": url, "ref": {"branch": "main"}, "secretRef": {"name": name}, "timeout": "10s",
        });
        world.create(name, spec).await;
        match failure {
            None => drop(world.ready(name).await),
            Some((reason, text)) => {
                let object = world.failed(name, reason).await;
                assert!(message(&object, "Ready").contains(text), "{name}: {}", message(&object, "Ready"));
            }
        }
    }
}

#[tokio::test]
async fn tokens_and_proxies_are_used() {
    let world = World::new().await;
    let server = GitServer::start(&GitOptions::default().bearer("t0ken")).unwrap();
    let proxy = GitServer::start(&GitOptions::default().proxy_with("p", "pr0xy")).unwrap();
    commit(&server.repository("app").unwrap(), "a.yaml", "a: 1\n");
    let _controller = world.controller(&[]).await;
    world.secret("token", &[("bearerToken", "t0ken"), ("username", "ignored")]).await;
    let address = proxy.proxy_url().unwrap();
    world.secret("proxy", &[("address", address), ("username", "p"), ("password", "pr0xy")]).await;
    world.secret("bad-proxy", &[("address", "ftp://proxy")]).await;
    let spec = |proxy: Option<&str>| {
        let mut spec = main_of(&server, "app");
        spec["secretRef"] = json!({"name": "token"});
        if let Some(proxy) = proxy {
            spec["proxySecretRef"] = json!({"name": proxy});
        }
        spec
    };
    world.create("direct", spec(None)).await;
    world.ready("direct").await;
    world.create("through", spec(Some("proxy"))).await;
    world.ready("through").await;
    assert!(proxy.requests().unwrap().iter().any(|request| request.via == "proxy"));
    world.create("bad", spec(Some("bad-proxy"))).await;
    let object = world.failed("bad", "AuthenticationFailed").await;
    let text = message(&object, "Ready");
    assert!(text.starts_with("failed to configure proxy options: "), "{text}");
}
