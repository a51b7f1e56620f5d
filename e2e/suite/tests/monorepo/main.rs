//! A fleet in one repository, as teams run it, told as a story.
//!
//! The folder `repository` is the repository; its README says what is where. Two control planes play two clusters:
//!
//! - *production* is the hub. source-controller and kustomize-controller run there, and watch all namespaces. A root
//!   Kustomization applies Kustomizations, which apply infrastructure and then applications.
//! - *staging* is a spoke. Nothing runs there: Kustomizations of the hub reach it by a kubeconfig in a Secret.
//!
//! The controllers are locked down as for many tenants: no reference leads to another namespace, no base is fetched from
//! elsewhere, and who names no service account gets one without rights. Secrets are encrypted with `sops` for an age key
//! of each cluster (the script `secrets` made them), and decrypted values are substituted too.
//!
//! The chapters build on each other, so they are one test.

mod changes;
mod fleet;
mod rollout;
mod tenant;

use anyhow::{Context, Result};

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_in_one_repository() -> Result<()> {
    let fleet = fleet::Fleet::start().await?;
    rollout::everything_comes_up_in_layers(&fleet).await.context("roll-out")?;
    rollout::secrets_and_variables_are_those_of_the_cluster(&fleet).await.context("secrets")?;
    rollout::a_second_look_writes_nothing(&fleet).await.context("second look")?;
    changes::a_change_for_staging_stays_there(&fleet).await.context("change for staging")?;
    changes::what_people_change_on_the_spoke_is_put_right(&fleet).await.context("drift on the spoke")?;
    changes::a_new_kustomization_brings_its_objects_and_takes_them_along(&fleet)
        .await
        .context("new Kustomization")?;
    changes::an_account_that_only_the_spoke_knows_leaves_its_objects(&fleet)
        .await
        .context("other account")?;
    tenant::a_team_deploys_into_its_namespace(&fleet).await.context("tenant")?;
    tenant::a_team_gets_no_further(&fleet).await.context("tenant's tricks")?;
    changes::a_cluster_that_leaves_the_repository_is_emptied(&fleet).await.context("end of staging")?;
    fleet.nothing_was_told().context("secrets in logs")
}
