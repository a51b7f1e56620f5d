//! Ways to charts over HTTPS: certificates of both sides, and to whom the password goes.

use serde_json::{Value, json};
use sluice_apis::source::v1::{HelmChart, HelmRepository};
use sluice_testkit::{Authority, FileServer};

use crate::charts::{chart, from};
use crate::objects::{Objects, content};
use crate::support::World;

/// The user and the password of the tests.
const BASIC: (&str, &str) = ("u", "p4ss-word");

/// What Flux says where a chart's server does not know who asks, in place of the reason that it means to give.
const REFUSED: &str = "Unknown";

/// A repository, and another server where some of its charts are.
struct Servers {
    authority: Authority,
    repository: FileServer,
    other: FileServer,
}

impl Servers {
    async fn start() -> Self {
        let authority = Authority::create().unwrap();
        let repository = FileServer::start(&authority, BASIC.0, BASIC.1).await.unwrap();
        let other = FileServer::start(&authority, BASIC.0, BASIC.1).await.unwrap();
        let entries = [
            ("near", "near-1.0.0.tgz".to_owned()),
            ("far", format!("{}/far-1.0.0.tgz", other.address())),
            ("moved", "moved-1.0.0.tgz".to_owned()),
        ]
        .map(|(name, location)| {
            format!("  {name}: [{{apiVersion: v2, name: {name}, version: 1.0.0, urls: ['{location}']}}]\n")
        });
        let index = format!("apiVersion: v1\nentries:\n{}", entries.concat());
        repository.put("/index.yaml", index.into_bytes());
        repository.put("/near-1.0.0.tgz", chart("near", "1.0.0"));
        other.put("/far-1.0.0.tgz", chart("far", "1.0.0"));
        repository.redirect("/moved-1.0.0.tgz", &format!("{}/moved-1.0.0.tgz", other.address()));
        other.put("/moved-1.0.0.tgz", chart("moved", "1.0.0"));
        Self { authority, repository, other }
    }

    fn spec(&self) -> Value {
        json!({
            "url": self.repository.address(),
            "certSecretRef": {"name": "certs"}, "secretRef": {"name": "auth"},
        })
    }

    /// The Secret with the certificates.
    fn certificates(&self) -> [(&'static str, String); 3] {
        let (certificate, key) = self.authority.client().unwrap();
        [("ca.crt", self.authority.certificate().unwrap()), ("tls.crt", certificate), ("tls.key", key)]
    }

    /// Which requests for a path the other server got: whether they had the password, and the answer.
    fn asked_elsewhere(&self, path: &str) -> Vec<(bool, u16)> {
        let requests = self.other.requests().into_iter().filter(|request| request.path == path);
        requests.map(|request| (request.has_credentials, request.status)).collect()
    }
}

async fn secret(world: &World, name: &str, data: &[(&str, String)]) {
    let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
    world.secret(name, &data).await;
}

#[tokio::test]
async fn both_sides_show_certificates() {
    let world = World::new().await;
    let servers = Servers::start().await;
    let controller = world.controller(&[]).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    repositories.create("charts", servers.spec()).await;
    let text = repositories.failed("charts", "AuthenticationFailed").await;
    let wanted = format!("failed to get TLS authentication secret '{}/certs': ", world.name());
    assert!(text.starts_with(&wanted), "{text}");
    world.secret("auth", &[("username", BASIC.0), ("password", BASIC.1)]).await;

    // A certificate without its key.
    let all = servers.certificates();
    secret(&world, "certs", &all[..2]).await;
    repositories
        .until("charts", |object| {
            let text = sluice_apis::conditions::message(object, "Ready").unwrap_or_default();
            text.starts_with("failed to construct Helm client's TLS config: ") && text.contains("tls.key")
        })
        .await;
    // The authority alone: the server wants to know who asks.
    secret(&world, "certs", &all[..1]).await;
    let text = repositories.failed("charts", "Failed").await;
    assert!(text.contains("/index.yaml"), "{text}");
    // Certificates that another authority made.
    let stranger = Authority::create().unwrap();
    let (certificate, key) = stranger.client().unwrap();
    let authority = servers.authority.certificate().unwrap();
    secret(&world, "certs", &[("ca.crt", authority), ("tls.crt", certificate), ("tls.key", key)]).await;
    repositories.request("charts").await;
    repositories.failed("charts", "Failed").await;
    let own = [all[1].clone(), all[2].clone(), ("ca.crt", stranger.certificate().unwrap())];
    secret(&world, "certs", &own).await;
    repositories.request("charts").await;
    let text = repositories.failed("charts", "Failed").await;
    assert!(text.contains("certificate"), "{text}");
    assert_eq!(servers.repository.requests(), [], "nobody was let in");

    secret(&world, "certs", &all).await;
    repositories.ready("charts").await;
    let objects = Objects::<HelmChart>::of(&world);
    objects.create("near", from("HelmRepository", "charts", "near", "1.0.0")).await;
    assert_eq!(content(&objects.ready("near").await).await, chart("near", "1.0.0"));
    let log = controller.log();
    assert!(!log.contains(BASIC.1) && !log.contains("PRIVATE KEY"), "a secret was told");
}

#[tokio::test]
async fn the_password_goes_to_other_hosts_only_where_the_spec_says_so() {
    let world = World::new().await;
    let servers = Servers::start().await;
    secret(&world, "certs", &servers.certificates()).await;
    world.secret("auth", &[("username", BASIC.0), ("password", BASIC.1)]).await;
    let _controller = world.controller(&[]).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    repositories.create("charts", servers.spec()).await;
    repositories.ready("charts").await;
    let objects = Objects::<HelmChart>::of(&world);
    objects.create("far", from("HelmRepository", "charts", "far", "1.0.0")).await;
    objects.create("moved", from("HelmRepository", "charts", "moved", "1.0.0")).await;
    // The other server lets nobody in without the client's certificate, which all servers may see.
    for name in ["far", "moved"] {
        let text = objects.failed(name, REFUSED).await;
        assert!(text.ends_with(&format!("/{name}-1.0.0.tgz : 401 Unauthorized")), "{text}");
        let asked = servers.asked_elsewhere(&format!("/{name}-1.0.0.tgz"));
        assert!(!asked.is_empty() && asked.iter().all(|request| *request == (false, 401)), "{asked:?}");
    }

    repositories.patch("charts", json!({"spec": {"passCredentials": true}})).await;
    repositories.ready("charts").await;
    objects.request("far").await;
    assert_eq!(content(&objects.ready("far").await).await, chart("far", "1.0.0"));
    assert_eq!(servers.asked_elsewhere("/far-1.0.0.tgz").last(), Some(&(true, 200)));
    // That is about what the index says, and not about whoever redirects.
    objects.request("moved").await;
    objects.failed("moved", REFUSED).await;
    let asked = servers.asked_elsewhere("/moved-1.0.0.tgz");
    assert!(asked.len() > 1 && asked.iter().all(|request| *request == (false, 401)), "{asked:?}");
    // Charts of the repository itself are fetched as before.
    objects.create("near", from("HelmRepository", "charts", "near", "1.0.0")).await;
    objects.ready("near").await;
}
