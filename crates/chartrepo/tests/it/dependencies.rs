//! What charts need.

use std::fs;
use std::path::Path;

use sluice_chart::{LoadOptions, load};
use sluice_chartrepo::Error;
use sluice_chartrepo::dependencies::update;
use sluice_testkit::{PushedArtifact, Registry};
use sluice_verify::KeyRing;

use crate::support::{charts, fetcher, fixture, provide_tls};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.join("charts"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn dependencies_of_all_kinds_are_fetched_and_locked() {
    let server = charts(false).await;
    provide_tls();
    let registry = Registry::start().unwrap();
    let pushed = PushedArtifact {
        config: ("application/vnd.cncf.helm.config.v1+json".to_owned(), b"{}".to_vec()),
        layers: vec![(
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip".to_owned(),
            fixture("db-1.3.0.tgz"),
        )],
        annotations: std::collections::BTreeMap::new(),
    };
    registry.push("charts/db", "1.3.0", &pushed).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    let yaml = format!(
        "apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies:\n- {{name: db, version: '>=1.2.0 <1.3.0', repository: 'http://{server}/charts', alias: store}}\n- {{name: db, version: 1.x, repository: 'oci://{}/charts'}}\n- {{name: local, version: ~0, repository: 'file://../local'}}\n- {{name: own, version: '*'}}\n",
        registry.address()
    );
    write(
        folder.path(),
        &[
            ("app/Chart.yaml", &yaml),
            ("app/charts/own/Chart.yaml", "apiVersion: v2\nname: own\nversion: 1.0.0\n"),
            ("app/charts/_notes.txt", "stays"),
            ("local/Chart.yaml", "apiVersion: v2\nname: local\nversion: 0.3.0\n"),
            ("local/templates/a.yaml", "a: b\n"),
        ],
    );
    fs::write(app.join("charts/db-1.0.0.tgz"), fixture("db-2.0.0-rc.1.tgz")).unwrap();
    let lock = update(&fetcher(), &app, None).await.unwrap();
    let versions: Vec<&str> = lock.dependencies.iter().map(|found| found.version.as_str()).collect();
    assert_eq!(versions, ["1.2.3", "1.3.0", "0.3.0", "*"]);
    // The archive of another version of db is gone.
    assert_eq!(names(&app), ["_notes.txt", "db-1.2.3.tgz", "db-1.3.0.tgz", "local-0.3.0.tgz", "own"]);
    let loaded = load(&app, &LoadOptions::default()).unwrap().chart;
    assert!(loaded.check_installable().is_ok());
    assert_eq!(loaded.lock, Some(lock));
}

#[tokio::test]
async fn what_cannot_be_had_changes_nothing() {
    let server = charts(false).await;
    let folder = tempfile::tempdir().unwrap();
    for (dependency, why) in [
        (
            format!("{{name: db, version: 9.x, repository: 'http://{server}/charts'}}"),
            "can't get a valid version for 1 subchart(s): \"db\"",
        ),
        (
            format!("{{name: db, version: one, repository: 'http://{server}/charts'}}"),
            "invalid version/constraint format",
        ),
        ("{name: db, version: 1.x, repository: 'file://../nowhere'}".to_owned(), "nowhere not found"),
        ("{name: db, version: 1.x}".to_owned(), "it has no repository"),
        ("{name: db, version: 1.x, repository: '@mine'}".to_owned(), "repo mine not found"),
        ("{name: db, version: 1.x, repository: 'ftp://example.com'}".to_owned(), "invalid chart URL"),
    ] {
        let yaml = format!("apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies: [{dependency}]\n");
        write(folder.path(), &[("Chart.yaml", &yaml)]);
        let error = update(&fetcher(), folder.path(), None).await.unwrap_err().to_string();
        assert!(error.contains(why), "{dependency}: {error}");
    }
    assert!(!folder.path().join("charts").exists() && !folder.path().join("Chart.lock").exists());
}

#[tokio::test]
async fn nothing_is_written_through_links_and_nothing_unsigned_is_taken() {
    let server = charts(false).await;
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    let yaml = format!(
        "apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies: [{{name: db, version: 1.2.3, repository: 'http://{server}/charts'}}]\n"
    );
    let victim = folder.path().join("bashrc");
    write(folder.path(), &[("app/Chart.yaml", &yaml), ("bashrc", "digest: mine\n")]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(&victim, app.join("Chart.lock")).unwrap();
    let error = update(&fetcher(), &app, None).await.unwrap_err();
    assert!(matches!(error, Error::Link(_)), "{error}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "digest: mine\n");
    fs::remove_file(app.join("Chart.lock")).unwrap();

    let error = update(&fetcher(), &app, Some(&KeyRing::default())).await.unwrap_err();
    assert!(matches!(error, Error::Provenance(_)), "{error}");
    let keys = KeyRing::read_bytes(&fixture("pubring.gpg")).unwrap();
    update(&fetcher(), &app, Some(&keys)).await.unwrap();
    assert_eq!(names(&app), ["db-1.2.3.tgz"]);
    let error = update(&fetcher(), &app.join("charts/db-1.2.3.tgz"), None).await.unwrap_err();
    assert!(matches!(error, Error::Archive(_)), "{error}");
}
