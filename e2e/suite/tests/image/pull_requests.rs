//! Pull requests in place of pushes.

use serde_json::{Value, json};
use sluice_apis::image::v1::{ImagePolicy, ImageUpdateAutomation, PullRequestStatus};
use sluice_testkit::Controller;

use crate::gitea::Host;
use crate::story::manifest;
use crate::support::{World, ready_message};

const IMAGE: &str = "ghcr.io/org/app";
const BRANCH: &str = "refs/heads/updates";

async fn select(world: &World, policy: &str, tag: &str) {
    let status = json!({"status": {"latestRef": {"name": IMAGE, "tag": tag}}});
    let api: kube::Api<ImagePolicy> = world.namespace.api();
    let patch = kube::api::Patch::Merge(status);
    api.patch_status(policy, &kube::api::PatchParams::default(), &patch).await.unwrap();
}

fn open(object: &ImageUpdateAutomation) -> Vec<PullRequestStatus> {
    object.status.as_ref().map(|status| status.pull_requests.clone()).unwrap_or_default()
}

/// Waits until the automation has observed a tag of the policy `app`, without a failure.
async fn observed(world: &World, tag: &str) -> ImageUpdateAutomation {
    let is = |object: &ImageUpdateAutomation| {
        let status = object.status.as_ref();
        let seen = status.and_then(|status| status.observed_policies.get("app"));
        seen.is_some_and(|seen| seen.tag == tag) && ready_message(object) == "repository up-to-date"
    };
    world.until("all", is).await
}

async fn start(world: &World, host: &Host) -> Controller {
    host.commit("first", &[("shop/web.yaml", &manifest(world, IMAGE))]);
    let controller = world.automation(&[]).await;
    world.semver("app", "none", "1.x").await;
    select(world, "app", "1.1.0").await;
    world.secret("git", "Opaque", &[("username", &host.user), ("password", &host.token)]).await;
    world.secret("api", "Opaque", &[("token", &host.token), ("address", &host.api)]).await;
    world.git(&host.git, json!({"secretRef": {"name": "git"}})).await;
    controller
}

/// The life of a pull request, at any host.
async fn life(world: &World, host: &Host, request: Value) {
    let _controller = start(world, host).await;
    let commit =
        json!({"messageTemplate": "Update {{ range .Changed.Changes }}{{ .NewValue }}{{ end }}\n\nby hand"});
    let push = json!({"branch": "updates", "pullRequest": request});
    world.automate("all", json!({"git": {"commit": commit, "push": push}})).await;
    // It is opened, and the branch that it is for stays as it was.
    let object = observed(world, "1.1.0").await;
    let [first] = open(&object).try_into().unwrap();
    assert_eq!((first.policy, first.branch.as_str()), (None, "updates"));
    let found = host.pulls("open").await;
    assert_eq!(found.len(), 1, "{found:?}");
    let pull = &found[0];
    assert_eq!(pull["html_url"], first.url.as_str());
    assert_eq!((&pull["head"]["ref"], &pull["base"]["ref"]), (&"updates".into(), &"main".into()));
    assert_eq!(pull["title"], format!("Update {IMAGE}:1.1.0"));
    let body = pull["body"].as_str().unwrap();
    assert!(body.contains(&format!("| `shop/web.yaml` | `{IMAGE}:1.0.0` | `{IMAGE}:1.1.0` |")), "{body}");
    let labels: Vec<&str> =
        pull["labels"].as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap()).collect();
    assert_eq!(labels, ["dependencies", "images"]);
    assert_eq!(host.ask(&["rev-list", "--count", "refs/heads/main"]), "1");
    assert_eq!(host.ask(&["rev-list", "--count", &format!("refs/heads/main..{BRANCH}")]), "1");
    let sha = host.ask(&["rev-parse", BRANCH]);
    let told = format!(
        "pushed commit '{}' to branch 'updates'\nUpdate {IMAGE}:1.1.0\n\nby hand\nopened pull request #{}: {}",
        &sha[..7],
        pull["number"],
        first.url
    );
    world.sink.wait_for(crate::support::PATIENCE, |event| event["message"] == told.as_str()).await.unwrap();

    // The same again changes nothing.
    let writes = host.writes();
    world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!((host.writes(), host.ask(&["rev-parse", BRANCH])), (writes, sha));
    // Another image: the same pull request says so.
    select(world, "app", "1.2.0").await;
    observed(world, "1.2.0").await;
    let again = host.pulls("open").await;
    assert_eq!(again.len(), 1);
    assert_eq!(
        (&again[0]["number"], &again[0]["title"]),
        (&pull["number"], &format!("Update {IMAGE}:1.2.0").into())
    );
    assert_eq!(host.ask(&["rev-list", "--count", &format!("refs/heads/main..{BRANCH}")]), "1");

    // Merged, nothing more is to be done.
    host.merge(pull["number"].as_u64().unwrap()).await;
    let object = world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!(open(&object), []);
    assert_eq!(host.pulls("open").await, Vec::<Value>::new());
    assert!(host.ask(&["show", "refs/heads/main:shop/web.yaml"]).contains(":1.2.0"));

    // Declined, it stays closed, even when others push; what is new is proposed.
    select(world, "app", "1.3.0").await;
    observed(world, "1.3.0").await;
    let [declined] = host.pulls("open").await.try_into().unwrap();
    host.close(declined["number"].as_u64().unwrap()).await;
    host.commit("other", &[("other.yaml", "a: 1\n")]);
    let object = world.request::<ImageUpdateAutomation>("all").await;
    assert_eq!((open(&object), host.pulls("open").await), (vec![], vec![]));
    select(world, "app", "1.4.0").await;
    observed(world, "1.4.0").await;
    let [next] = host.pulls("open").await.try_into().unwrap();
    assert_ne!(next["number"], declined["number"]);
    assert_eq!(host.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn a_pull_request_lives() {
    let world = World::new().await;
    let host = Host::scripted().await;
    let request =
        json!({"provider": "gitea", "labels": ["dependencies", "images"], "secretRef": {"name": "api"}});
    life(&world, &host, request).await;
}

#[tokio::test]
async fn a_pull_request_lives_at_a_real_gitea() {
    let world = World::new().await;
    let Some(host) = Host::real(world.temporary()).await else {
        println!("skipped: SLUICE_GITEA names no program");
        return;
    };
    // With the credentials of the repository.
    life(&world, &host, json!({"provider": "gitea", "labels": ["dependencies", "images"]})).await;
}

#[tokio::test]
async fn one_for_each_policy() {
    let world = World::new().await;
    let host = Host::scripted().await;
    let _controller = start(&world, &host).await;
    let second = format!("image: {IMAGE}:1.0.0 # {{\"$imagepolicy\": \"{}:second\"}}\n", world.name());
    host.commit("second", &[("second.yaml", &second)]);
    world.semver("second", "none", "1.x").await;
    select(&world, "second", "1.5.0").await;
    let request = json!({
        "provider": "gitea", "split": "Policy", "secretRef": {"name": "api"},
        "title": "{{ range .Changed.Changes }}{{ .Setter }}{{ end }} for {{ .AutomationObject.Name }}", "body": "See {{ .Values.guide }}.",
    });
    let commit = json!({"messageTemplateValues": {"guide": "the guide"}});
    world.automate("all", json!({"git": {"commit": commit, "push": {"pullRequest": request}}})).await;
    let both = world.until("all", |object: &ImageUpdateAutomation| open(object).len() == 2).await;
    let branches: Vec<(String, String)> =
        open(&both).into_iter().map(|status| (status.policy.unwrap(), status.branch)).collect();
    let branch = |policy: &str| (policy.to_owned(), format!("image-updates/{}/all-{policy}", world.name()));
    assert_eq!(branches, [branch("app"), branch("second")]);
    let pulls = host.pulls("open").await;
    let titles: Vec<&str> = pulls.iter().rev().map(|pull| pull["title"].as_str().unwrap()).collect();
    assert_eq!(titles, [format!("{}:app for all", world.name()), format!("{}:second for all", world.name())]);
    assert!(
        pulls.iter().all(|pull| pull["body"].as_str().unwrap().ends_with("\n\nSee the guide.")),
        "{pulls:?}"
    );
    for (policy, file) in [("app", "shop/web.yaml"), ("second", "second.yaml")] {
        let range = format!("refs/heads/main...refs/heads/{}", branch(policy).1);
        assert_eq!(host.ask(&["diff", "--name-only", &range]), file);
    }
    assert_eq!(host.refused(), Vec::<String>::new());
}

#[tokio::test]
async fn what_can_not_work_is_told() {
    let world = World::new().await;
    let host = Host::scripted().await;
    let _controller = start(&world, &host).await;
    let stalled = async |name: &str, push: Value, text: &str| {
        world.automate(name, json!({"git": {"push": push}})).await;
        let message = world.stalled::<ImageUpdateAutomation>(name, "InvalidSourceConfiguration").await;
        assert!(message.contains(text), "{name}: {message}");
    };
    let gitea = json!({"provider": "gitea", "secretRef": {"name": "api"}});
    stalled("same", json!({"branch": "main", "pullRequest": gitea}), "needs one of its own").await;
    stalled("refspec", json!({"refspec": "a:b", "pullRequest": gitea}), "use one of them").await;
    let labels = json!({"provider": "bitbucket", "labels": ["a"], "secretRef": {"name": "api"}});
    stalled("labels", json!({"pullRequest": labels}), "have no labels").await;
    let azure = json!({"provider": "azuredevops", "secretRef": {"name": "api"}});
    stalled("azure", json!({"pullRequest": azure}), "is no repository of Azure DevOps").await;
    // A token that is refused is told of, and tried again.
    world.secret("wrong", "Opaque", &[("token", "wrong"), ("address", &host.api)]).await;
    let wrong = json!({"provider": "gitea", "secretRef": {"name": "wrong"}});
    world.automate("wrong", json!({"git": {"push": {"pullRequest": wrong}}})).await;
    let message = world.failed::<ImageUpdateAutomation>("wrong", "PullRequestFailed").await;
    assert!(
        message.starts_with("failed to propose the changes: GET ")
            && message.ends_with("401 token is required"),
        "{message}"
    );
}
