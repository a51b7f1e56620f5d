//! Registries.

use std::collections::BTreeMap;

use sluice_chartrepo::download::Basic;
use sluice_chartrepo::{Access, Error, Fetcher, Wanted};
use sluice_testkit::{PushedArtifact, Registry, RegistryOptions};

use crate::support::{access, fetcher, fixture, provide_tls};

/// A chart as `helm push` pushes it, with its provenance.
fn artifact(file: &str) -> PushedArtifact {
    PushedArtifact {
        config: ("application/vnd.cncf.helm.config.v1+json".to_owned(), b"{\"name\":\"db\"}".to_vec()),
        layers: vec![
            ("application/vnd.cncf.helm.chart.content.v1.tar+gzip".to_owned(), fixture(file)),
            (
                "application/vnd.cncf.helm.chart.provenance.v1.prov".to_owned(),
                fixture(&format!("{file}.prov")),
            ),
        ],
        annotations: BTreeMap::new(),
    }
}

async fn push_all(registry: &Registry) {
    for version in ["1.2.3", "1.3.0", "2.0.0-rc.1"] {
        registry.push("charts/db", version, &artifact(&format!("db-{version}.tgz"))).await.unwrap();
    }
}

#[tokio::test]
async fn the_version_that_fits_is_pulled() {
    provide_tls();
    let registry = Registry::start().unwrap();
    push_all(&registry).await;
    let name = format!("oci://{}/charts/db", registry.address());
    let get = |chart: String, version: &'static str| async move {
        fetcher().chart(Wanted { chart: &chart, version, repository: None, provenance: true }).await
    };
    for (version, file) in [("", "db-1.3.0.tgz"), ("1.2.3", "db-1.2.3.tgz"), ("^2-0", "db-2.0.0-rc.1.tgz")] {
        let chart = get(name.clone(), version).await.unwrap();
        assert_eq!((chart.file.as_str(), &chart.archive), (file, &fixture(file)), "{version}");
        assert_eq!(chart.provenance, Some(fixture(&format!("{file}.prov"))));
    }
    assert_eq!(get(format!("{name}:1.2.3"), "").await.unwrap().file, "db-1.2.3.tgz");
    assert_eq!(get(format!("{name}:1.2.3"), "1.2.3").await.unwrap().file, "db-1.2.3.tgz");
    assert!(matches!(get(format!("{name}:1.2.3"), "1.3.0").await, Err(Error::Mismatch { .. })));
    for (chart, why) in
        [(format!("{name}:9.9.9"), "not found"), (format!("oci://{}/charts/x", registry.address()), "")]
    {
        let error = get(chart, "").await.unwrap_err().to_string();
        assert!(error.starts_with("oci://") && error.contains(why), "{error}");
    }
    assert!(get(name, "9.x").await.unwrap_err().to_string().contains("could not locate a version"));
}

#[tokio::test]
async fn guarded_registries_want_credentials_and_trust() {
    provide_tls();
    let registry = Registry::start_with(&RegistryOptions::default().basic("me", "secret").tls()).unwrap();
    push_all(&registry).await;
    let name = format!("oci://{}/charts/db", registry.address());
    let wanted = Wanted { chart: &name, ..Wanted::default() };
    let tls = sluice_http::Tls { ca: Some(registry.ca().unwrap().into_bytes()), ..Default::default() };
    let nobody = Fetcher::new(Access { tls: tls.clone(), ..access() });
    let error = nobody.chart(wanted).await.unwrap_err().to_string();
    assert!(error.contains("authentication required"), "{error}");
    let credentials = Some(Basic { user: "me".to_owned(), password: "secret".to_owned() });
    let known = Fetcher::new(Access { tls: tls.clone(), credentials, ..access() });
    assert_eq!(known.chart(wanted).await.unwrap().file, "db-1.3.0.tgz");
    // By `helm registry login`.
    let mut keychain = sluice_oci::Keychain::default();
    let login = format!("{{\"auths\":{{\"{}\":{{\"auth\":\"bWU6c2VjcmV0\"}}}}}}", registry.address());
    keychain.add_config(login.as_bytes()).unwrap();
    let known = Fetcher::new(Access { tls, keychain, ..access() });
    assert_eq!(known.chart(wanted).await.unwrap().file, "db-1.3.0.tgz");
}
