//! Commands on image objects.

use anyhow::{Context, Result, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use sluice_apis::image::v1::{ImagePolicy, ImageUpdateAutomation, PullRequestSplit, UnmarkedUpdate};
use sluice_testkit::{ControlPlane, Namespace};

use crate::program::{Run, sluice};

async fn run(namespace: &Namespace<'_>, arguments: &str) -> Result<Run> {
    sluice(namespace.control_plane().kubeconfig(), namespace.name(), arguments).await
}

#[tokio::test]
async fn image_objects_are_made_and_listed_as_with_flux() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let namespace = cluster.namespace("images").await?;
    let name = namespace.name();
    let exported = run(&namespace, "create image update flux-system --git-repo-ref=flux-system --checkout-branch=main --author-name=flux --author-email=flux@example.com --export").await?.ok()?.stdout;
    let expected = format!(
        "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata:\n  name: flux-system\n  namespace: {name}\nspec:\n  git:\n    checkout:\n      ref:\n        branch: main\n    commit:\n      author:\n        email: flux@example.com\n        name: flux\n  interval: 1m0s\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n"
    );
    ensure!(exported == expected, "{exported}");
    for arguments in [
        "create image repository podinfo --image=ghcr.io/stefanprodan/podinfo --interval=10m --export",
        "create image policy podinfo --image-ref=podinfo --select-semver=5.0.x --export",
    ] {
        namespace.apply(&run(&namespace, arguments).await?.ok()?.stdout).await?;
    }
    let api: Api<ImagePolicy> = namespace.api();
    let status = json!({"status": {
        "latestRef": {"name": "ghcr.io/stefanprodan/podinfo", "tag": "5.0.0"},
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Succeeded",
            "message": "Latest image tag for ghcr.io/stefanprodan/podinfo resolved to 5.0.0",
            "lastTransitionTime": "2024-01-01T00:00:00Z",
        }],
    }});
    api.patch_status("podinfo", &PatchParams::default(), &Patch::Merge(status)).await?;
    let table = run(&namespace, "get image policy podinfo").await?.ok()?.stdout;
    let expected = "\
NAME   \tIMAGE                       \tTAG  \tREADY\tMESSAGE                                                            \t
podinfo\tghcr.io/stefanprodan/podinfo\t5.0.0\tTrue \tLatest image tag for ghcr.io/stefanprodan/podinfo resolved to 5.0.0\t
";
    ensure!(table == expected, "{table}");
    let all = run(&namespace, "get images all").await?.ok()?.stdout;
    ensure!(all.contains("imagerepository/podinfo") && all.contains("imagepolicy/podinfo"), "{all}");
    run(&namespace, "suspend image policy podinfo").await?.ok()?;
    ensure!(api.get("podinfo").await?.spec.suspend);
    let refused = run(&namespace, "create image policy x --image-ref=x --export").await?;
    refused.failed()?;
    Ok(())
}

/// What Flux does not have is printed as the API server takes it.
#[tokio::test]
async fn fields_of_our_own_have_flags() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let namespace = cluster.namespace("images").await?;
    let policy = "create image policy app --image-ref=app --select-semver=1.x --min-age=72h --export";
    let update = "create image update app --git-repo-ref=app --checkout-branch=main --author-name=flux \
        --author-email=flux@example.com --push-branch=updates --pull-request-provider=github \
        --pull-request-label=images,dependencies --pull-request-secret-ref=api --pull-request-split=Policy \
        --unmarked=HelmValues --values-files=values.yaml,envs/*/images.yaml --export";
    for command in [policy, update] {
        namespace.apply(&run(&namespace, command).await?.ok()?.stdout).await?;
    }
    let policy: ImagePolicy = namespace.api().get("app").await?;
    ensure!(policy.spec.policy.min_age.is_some_and(|age| age.to_string() == "72h0m0s"), "{policy:?}");
    let update: ImageUpdateAutomation = namespace.api().get("app").await?;
    ensure!(update.spec.update.values_files == ["values.yaml", "envs/*/images.yaml"], "{update:?}");
    ensure!(update.spec.update.unmarked == [UnmarkedUpdate::HelmValues], "{update:?}");
    let push = update.spec.git.and_then(|git| git.push).unwrap_or_default();
    let request = push.pull_request.context("no pull request")?;
    ensure!(push.branch.as_deref() == Some("updates") && request.labels.len() == 2, "{request:?}");
    ensure!(request.split == PullRequestSplit::Policy, "{request:?}");
    let script = run(&namespace, "completion bash").await?.ok()?.stdout;
    for word in ["--min-age", "--pull-request-provider", "azuredevops", "--values-files", "KustomizeImages"] {
        ensure!(script.contains(word), "the completion does not know {word}");
    }
    let refused = run(&namespace, &update_to("main")).await?;
    ensure!(refused.stderr.contains("a pull request needs a branch of its own"), "{}", refused.stderr);
    Ok(())
}

/// A command that would push to a branch and propose it.
fn update_to(branch: &str) -> String {
    format!(
        "create image update app --git-repo-ref=app --checkout-branch=main --author-name=flux \
         --author-email=flux@example.com --push-branch={branch} --pull-request-provider=gitlab --export"
    )
}
