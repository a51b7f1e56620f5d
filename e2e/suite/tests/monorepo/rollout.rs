//! From nothing to two clusters that are as the repository says.

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;

use crate::fleet::{Cluster, Fleet, PLATFORM};

/// All Kustomizations of the platform, as they depend on each other.
const LAYERS: [&str; 9] = [
    "infrastructure-controllers",
    "infrastructure-configs",
    "apps",
    "tenants",
    "staging-infrastructure-controllers",
    "staging-infrastructure-configs",
    "staging-apps",
    "staging",
    "flux-system",
];

/// The root is healthy when all that it applied is, down to the pods of both clusters.
pub async fn everything_comes_up_in_layers(fleet: &Fleet) -> Result<()> {
    let revision = format!("main@sha1:{}", fleet.platform.head()?);
    fleet.applied(PLATFORM, "flux-system", &revision).await?;
    for name in LAYERS {
        fleet.applied(PLATFORM, name, &revision).await?;
    }
    for (cluster, replicas) in [(&fleet.hub, 3), (&fleet.spoke, 1)] {
        let shop = cluster.deployments("shop").get("shop").await?;
        ensure!(shop.data["status"]["readyReplicas"] == replicas, "{}", shop.data["status"]);
        // The definition's default, which no manifest has.
        let queue = cluster.objects("shop", "example.com/v1", "Queue").get("orders").await?;
        ensure!(queue.data["spec"]["depth"] == 100, "{}", queue.data);
        // Definitions came before what they define, and that before the applications.
        let writes = cluster.writes()?;
        let at = |path: &str| {
            writes.iter().position(|write| write.contains(path)).with_context(|| format!("no {path}"))
        };
        let (definition, queue, shop) =
            (at("/customresourcedefinitions/")?, at("/queues/orders")?, at("/deployments/shop")?);
        ensure!(definition < queue && queue < shop, "{writes:#?}");
    }
    // The spoke has no idea of Kustomizations.
    let known = fleet.spoke.kubectl(&["api-resources", "--api-group=kustomize.toolkit.fluxcd.io"]).await?;
    ensure!(!known.contains("kustomizations"), "{known}");
    Ok(())
}

/// One base, two clusters: what differs comes from a ConfigMap and encrypted Secrets of each.
pub async fn secrets_and_variables_are_those_of_the_cluster(fleet: &Fleet) -> Result<()> {
    for (cluster, name, domain) in
        [(&fleet.hub, "production", "shop.example"), (&fleet.spoke, "staging", "staging.shop.example")]
    {
        let config = generated(cluster).await?;
        ensure!(config["cluster"] == name, "{config}");
        ensure!(config["url"] == format!("https://{domain}/"), "{config}");
        ensure!(config["banner"] == "Welcome", "{config}");
        ensure!(cluster.secret("shop", "shop", "password").await? == format!("PasswordOf-{name}"));
        let address = cluster.secret("shop", "shop", "address").await?;
        ensure!(address == format!("postgres://shop@{domain}/"), "{address}");
        // A variable from a Secret that came encrypted, too.
        let service = cluster.objects("shop", "v1", "Service").get("shop").await?;
        let token = service.annotations().get("example.com/token").map(String::as_str);
        ensure!(token == Some(&*format!("EdgeTokenOf-{name}")), "{token:?}");
    }
    Ok(())
}

/// The values of the ConfigMap that the Deployment names by its hash.
async fn generated(cluster: &Cluster) -> Result<serde_json::Value> {
    let shop = cluster.deployments("shop").get("shop").await?;
    let name =
        shop.data["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"].clone();
    let name = name.as_str().context("no name")?;
    ensure!(name.starts_with("shop-"), "{name} has no hash");
    let map = cluster.objects("shop", "v1", "ConfigMap").get(name).await?;
    Ok(map.data["data"].clone())
}

/// Everything is compared with the clusters again, and nobody touches anything.
pub async fn a_second_look_writes_nothing(fleet: &Fleet) -> Result<()> {
    let before = (fleet.hub.writes()?.len(), fleet.spoke.writes()?.len());
    for name in LAYERS {
        fleet.reconcile(PLATFORM, name, "second-look").await?;
    }
    let hub = fleet.hub.writes()?.split_off(before.0);
    let spoke = fleet.spoke.writes()?.split_off(before.1);
    ensure!(hub.is_empty() && spoke.is_empty(), "written: {hub:#?} {spoke:#?}");
    Ok(())
}
