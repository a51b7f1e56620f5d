//! No secret leaves the cluster's Secrets: not by logs, events or conditions, whatever goes wrong.

use anyhow::{Result, ensure};
use serde_json::json;
use sluice_testkit::GitOptions;

use crate::support::{World, config_map, git_repository, message};

/// Where secrets come from; each is looked for everywhere. Letters only, so that every encoding of text keeps them.
const GIT_PASSWORD: &str = "PasswordOfTheGitServer";
const WRONG_PASSWORD: &str = "PasswordThatIsRefused";
const URL_PASSWORD: &str = "PasswordInTheAddress";
const IN_MANIFEST: &str = "SecretInAManifest";
const NAMELESS: &str = "SecretWithoutAName";
const MALFORMED: &str = "SecretInBrokenText";
const VARIABLE: &str = "SecretAsAVariable";
const KUBECONFIG: &str = "SecretInAKubeconfig";
const ALL: [&str; 8] =
    [GIT_PASSWORD, WRONG_PASSWORD, URL_PASSWORD, IN_MANIFEST, NAMELESS, MALFORMED, VARIABLE, KUBECONFIG];

/// Folder, content of its only file, and the reason for which it fails (nothing if it doesn't).
fn folders() -> Vec<(&'static str, String, &'static str)> {
    let secret = |name: &str, data: &str| format!("apiVersion: v1\nkind: Secret\nmetadata:\n{name}{data}");
    let named = "  name: example\n";
    vec![
        ("valid", secret("  name: valid\n", &format!("stringData:\n  a: {IN_MANIFEST}\n")), ""),
        ("type", secret(named, &format!("data:\n  a: {{b: {IN_MANIFEST}}}\n")), "ReconciliationFailed"),
        ("base64", secret(named, &format!("data:\n  a: '{IN_MANIFEST}!'\n")), "ReconciliationFailed"),
        (
            "key",
            secret(named, &format!("stringData:\n  'not a key': {IN_MANIFEST}\n")),
            "ReconciliationFailed",
        ),
        ("nameless", secret("  labels: {}\n", &format!("stringData:\n  a: {NAMELESS}\n")), "BuildFailed"),
        (
            "malformed",
            secret(named, &format!("stringData:\n  a: [{MALFORMED}\n  b: {MALFORMED}: c\n")),
            "BuildFailed",
        ),
        ("variable", config_map("variable", "x").replace("\"x\"", "'a: ${token}'"), ""),
        ("broken", config_map("broken", "x").replace("\"x\"", "${token}: ${broken}"), "BuildFailed"),
        (
            "port",
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: port\nspec:\n  ports:\n  - port: ${token}\n"
                .to_owned(),
            "ReconciliationFailed",
        ),
        (
            "label",
            config_map("label", "x")
                .replace("  name: label\n", "  name: label\n  labels: {a: '${token} of two words'}\n"),
            "ReconciliationFailed",
        ),
    ]
}

#[tokio::test]
async fn no_secret_is_told_to_anybody() -> Result<()> {
    let world = World::with_git("secrecy", &GitOptions::default().basic("flux", GIT_PASSWORD)).await?;
    let repository = world.git.repository("app")?;
    let files: Vec<_> =
        folders().into_iter().map(|(folder, text, _)| (format!("{folder}/file.yaml"), text)).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    repository.commit("Secrets", &files)?;

    // Sources: the right password, a wrong one, and one in the URL.
    let url = world.git.http_url("app")?;
    for (name, password) in [("app", GIT_PASSWORD), ("wrong", WRONG_PASSWORD)] {
        world
            .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                           "stringData": {"username": "flux", "password": password}}))
            .await?;
        let mut source = git_repository(name, &url);
        source["spec"]["secretRef"] = json!({"name": name});
        world.create(source).await?;
    }
    let with_password = url.replace("http://", &format!("http://flux:{URL_PASSWORD}@"));
    world.create(git_repository("url", &with_password)).await?;
    world.ready(&world.sources(), "app").await?;
    for name in ["wrong", "url"] {
        world.failed(&world.sources(), name, "GitOperationFailed").await?;
    }

    // Kustomizations.
    let kubeconfig = format!("clusters: [{{name: a\n  cluster: {KUBECONFIG}");
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kubeconfig"},
                       "stringData": {"value": kubeconfig}}))
        .await?;
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "variables"},
                       "stringData": {"token": VARIABLE, "broken": format!("[{VARIABLE}")}}))
        .await?;
    for (folder, _, wanted) in folders() {
        let spec = json!({
            "timeout": "30s",
            "postBuild": {"substituteFrom": [{"kind": "Secret", "name": "variables"}]},
        });
        world.create(world.kustomization(folder, "app", &format!("./{folder}"), &spec)).await?;
        if wanted.is_empty() {
            world.ready(&world.kustomizations(), folder).await?;
        } else {
            let object = world.failed(&world.kustomizations(), folder, wanted).await?;
            println!("{folder}: {}", message(&object, "Ready"));
        }
    }
    let remote = json!({"kubeConfig": {"secretRef": {"name": "kubeconfig"}}});
    world.create(world.kustomization("remote", "app", "./valid", &remote)).await?;
    let object = world.failed(&world.kustomizations(), "remote", "ReconciliationFailed").await?;
    println!("remote: {}", message(&object, "Ready"));

    let found = leaks(&world).await?;
    ensure!(found.is_empty(), "told to everybody:\n{}", found.join("\n"));
    Ok(())
}

/// The lines of all outputs that hold a secret.
async fn leaks(world: &World) -> Result<Vec<String>> {
    let posted = world.sink.received().len();
    ensure!(posted > ALL.len(), "only {posted} events were posted");
    let mut found = Vec::new();
    for (what, text) in world.told().await? {
        let lines = text.lines().filter(|line| ALL.iter().any(|secret| line.contains(secret)));
        found.extend(lines.map(|line| format!("{what}: {line}")));
    }
    Ok(found)
}
