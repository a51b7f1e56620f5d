//! What `sluice` says of a HelmRelease.

use std::path::Path;

use serde_json::json;

use crate::charts::{Files, tiny};
use crate::program::sluice;
use crate::support::World;

fn write(folder: &Path, files: &Files) {
    let metadata = "apiVersion: v2\nname: app\nversion: 1.0.0\n".to_owned();
    for (path, text) in [("Chart.yaml", metadata)].iter().chain(files) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// A chart on the disk is rendered with the values of the cluster, and compared with what is there. What comes from a
/// Secret is not shown.
#[tokio::test]
async fn a_local_chart_is_built_and_compared() {
    let world = World::new("commands").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "hunter22"}}))
        .await;
    let values =
        json!({"valuesFrom": [{"kind": "Secret", "name": "s", "valuesKey": "k", "targetPath": "second"}]});
    world.create(world.release("app", "app", &values)).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["second"], "hunter22");

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &tiny());
    let kubeconfig = world.namespace.control_plane().kubeconfig();
    let chart = folder.path().display().to_string();
    let run = |command: &'static str| {
        let arguments = format!("{command} helmrelease app --chart {chart}");
        let namespace = world.name();
        async move { sluice(kubeconfig, namespace, &arguments).await.unwrap() }
    };
    let built = run("build").await.ok().unwrap();
    assert!(
        built.stdout.contains("second: '*****'") || built.stdout.contains("second: \"*****\""),
        "{}",
        built.stdout
    );
    assert!(built.stdout.contains("helm.toolkit.fluxcd.io/name: app"), "{}", built.stdout);
    assert!(!built.stdout.contains("hunter22"));
    let same = run("diff").await.ok().unwrap();
    assert_eq!(same.stdout, "");

    let mut files = tiny();
    files[1].1 = files[1].1.replace("{{ .Values.value }}", "changed");
    files.push((
        "templates/more.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n".to_owned(),
    ));
    write(folder.path(), &files);
    let changed = run("diff").await;
    assert_eq!(changed.code, 1, "{}", changed.stderr);
    let namespace = world.name();
    assert!(changed.stdout.contains(&format!("► ConfigMap/{namespace}/more created")), "{}", changed.stdout);
    assert!(changed.stdout.contains("replace /data/value: \"changed\""), "{}", changed.stdout);
    assert!(!changed.stdout.contains("hunter22"));
}
