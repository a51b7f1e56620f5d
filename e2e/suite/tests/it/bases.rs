//! Bases from elsewhere, as the controller takes them.

use anyhow::{Result, ensure};
use serde_json::json;
use sluice_testkit::GitOptions;

use crate::support::{World, config_map, message};

/// A controller has no key to show to servers, and a source must not read its disk. Both are told with what helps.
#[tokio::test]
async fn bases_are_fetched_unless_they_need_a_key_or_the_disk() -> Result<()> {
    let world = World::with_git("bases", &GitOptions::default().ssh()).await?;
    let base = world.git.repository("base")?;
    let list = |resource: &str| {
        json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [resource]})
            .to_string()
    };
    let files =
        [("app/kustomization.yaml", &*list("map.yaml")), ("app/map.yaml", &*config_map("based", "x"))];
    base.commit("Base", &files.map(|(path, text)| (path, Some(text))))?;
    let key = "there is no SSH key for bases: use an https address, or make a source of the repository";
    let disk = "repositories on this machine's disk are not read: name the directory itself, or use https";
    let cases = [
        ("http", format!("{}//app?ref=main", world.git.http_url("base")?), None),
        ("ssh", format!("{}//app?ref=main", world.git.ssh_url("base")?), Some(key)),
        ("scp", "git@127.0.0.1:base.git//app?ref=main".to_owned(), Some(key)),
        ("disk", format!("file://{}//app?ref=main", base.bare_path().display()), Some(disk)),
    ];
    let repository = world.git.repository("app")?;
    let files: Vec<_> =
        cases.iter().map(|(name, url, _)| (format!("{name}/kustomization.yaml"), list(url))).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    repository.commit("Bases", &files)?;
    world.create_source("app").await?;
    for (name, ..) in &cases {
        world.create(world.kustomization(name, "app", &format!("./{name}"), &json!({}))).await?;
    }
    let api = world.kustomizations();
    for (name, url, told) in &cases {
        let Some(told) = told else {
            world.ready(&api, name).await?;
            world.value("based", "x").await?;
            continue;
        };
        let object = world.failed(&api, name, "BuildFailed").await?;
        let text = message(&object, "Ready");
        ensure!(text.contains(told), "{name}: {text}");
        // Which base it was, without what follows the repository.
        let repository = url.split("//app").next().unwrap_or_default();
        ensure!(text.contains(repository), "{name}: {text}");
    }
    Ok(())
}
