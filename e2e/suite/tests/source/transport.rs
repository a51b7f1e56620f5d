//! Ways to the repository: TLS, client certificates, SSH, tokens, proxies.

use std::process::Command;

use serde_json::json;

use crate::support::{Controller, GitServer, World, message, run, temp_dir};

#[tokio::test]
async fn https_needs_the_authority_and_the_certificate_that_the_server_asks_for() {
    let world = World::new().await;
    let certs = temp_dir();
    let dir = certs.path().to_str().unwrap();
    let program = std::env::var_os("SLUICE_E2E").unwrap();
    run(Command::new(program).args(["certs", "--dir", dir]));
    let file = |name: &str| format!("{dir}/{name}");
    let text = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    let tls = ["--tls-cert", &file("server.crt"), "--tls-key", &file("server.key"), "--https", "127.0.0.1:0"];
    let plain = GitServer::with(&tls);
    let mutual = GitServer::with(&[&tls[..], &["--client-ca", &file("ca.crt")]].concat());
    let _controller = Controller::start(&world, &[]);
    let ca = text("ca.crt");
    world.secret("ca", &[("ca.crt", &ca)]).await;
    world.secret("old-ca", &[("caFile", &ca)]).await;
    let (crt, key) = (text("client.crt"), text("client.key"));
    world.secret("mutual", &[("ca.crt", &ca), ("tls.crt", &crt), ("tls.key", &key)]).await;

    for (server, name, secret, good) in [
        (&plain, "no-ca", None, false),
        (&plain, "ca", Some("ca"), true),
        (&plain, "old-ca", Some("old-ca"), true),
        (&mutual, "no-cert", Some("ca"), false),
        (&mutual, "mutual", Some("mutual"), true),
    ] {
        let repo = server.repo(name);
        repo.commit("a.yaml", "a: 1\n");
        let mut spec = json!({
            "url": format!("{}/{name}.git", server.address("https")), "ref": {"branch": "main"}, "timeout": "10s",
        });
        if let Some(secret) = secret {
            spec["secretRef"] = json!({"name": secret});
        }
        world.create(name, spec).await;
        if good {
            world.ready(name).await;
        } else {
            let object = world.failed(name, "GitOperationFailed").await;
            let text = message(&object, "Ready").to_lowercase();
            assert!(text.contains("certificate"), "{name}: {text}");
        }
    }
}

#[tokio::test]
async fn ssh_takes_encrypted_keys_and_known_hosts_only() {
    let world = World::new().await;
    let keys = temp_dir();
    let path = |name: &str| keys.path().join(name).to_str().unwrap().to_owned();
    let generate = |name: &str, passphrase: &str| {
        let (file, comment) = (path(name), name.to_owned());
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", passphrase, "-C", &comment, "-f", &file]));
        std::fs::read_to_string(&file).unwrap()
    };
    let (_, other) = (generate("host", ""), generate("other-host", ""));
    assert!(!other.is_empty());
    let (open, locked) = (generate("open", ""), generate("locked", "open sesame"));
    let public = |name: &str| std::fs::read_to_string(path(&format!("{name}.pub"))).unwrap();
    std::fs::write(path("authorized"), public("open") + &public("locked")).unwrap();
    let server = GitServer::with(&[
        "--ssh",
        "127.0.0.1:0",
        "--ssh-host-key",
        &path("host"),
        "--ssh-authorized-keys",
        &path("authorized"),
    ]);
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 1\n");
    let address = server.address("ssh");
    let url = format!("{address}/app.git");
    let port = address.rsplit(':').next().unwrap().to_owned();
    let known = |name: &str| format!("[127.0.0.1]:{port} {}", public(name));
    let (right, wrong) = (known("host"), known("other-host"));
    let _controller = Controller::start(&world, &[]);

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
        world
            .create(
                name,
                json!({"url": url, "ref": {"branch": "main"}, "secretRef": {"name": name}, "timeout": "10s"}),
            )
            .await;
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
    let server = GitServer::with(&["--http", "127.0.0.1:0", "--bearer", "t0ken"]);
    let proxy = GitServer::with(&[
        "--http",
        "127.0.0.1:0",
        "--proxy",
        "127.0.0.1:0",
        "--proxy-user",
        "p",
        "--proxy-password",
        "pr0xy",
    ]);
    let repo = server.repo("app");
    repo.commit("a.yaml", "a: 1\n");
    let _controller = Controller::start(&world, &[]);
    world.secret("token", &[("bearerToken", "t0ken"), ("username", "ignored")]).await;
    let address = proxy.address("proxy");
    world.secret("proxy", &[("address", &address), ("username", "p"), ("password", "pr0xy")]).await;
    world.secret("bad-proxy", &[("address", "ftp://proxy")]).await;
    let spec = |extra: serde_json::Value| {
        let mut spec =
            json!({"url": server.url(&repo), "ref": {"branch": "main"}, "secretRef": {"name": "token"}});
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        spec
    };
    world.create("direct", spec(json!({}))).await;
    world.ready("direct").await;
    assert!(proxy.requests().is_empty());
    world.create("through", spec(json!({"proxySecretRef": {"name": "proxy"}}))).await;
    world.ready("through").await;
    assert!(!proxy.requests().is_empty());
    world.create("bad", spec(json!({"proxySecretRef": {"name": "bad-proxy"}}))).await;
    let object = world.failed("bad", "AuthenticationFailed").await;
    let text = message(&object, "Ready");
    assert!(text.starts_with("failed to configure proxy options: "), "{text}");
}
