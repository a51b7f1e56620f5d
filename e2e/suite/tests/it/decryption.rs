//! Secrets that SOPS encrypted: whole objects, values of generated Secrets, patches; keys of several kinds.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use crate::support::{PATIENCE, World, field, message};

/// Files that the real tools encrypted.
fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/kms/tests/fixtures")
}

/// All files below `objects`, by their path from there.
fn repository() -> Result<Vec<(String, String)>> {
    let root = fixtures().join("objects");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(&root)? {
        for file in std::fs::read_dir(folder?.path())? {
            let path = file?.path();
            let name = path.strip_prefix(&root)?.to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(files)
}

/// A Secret with these keys of the folder `keys`.
fn keys(name: &str, entries: &[&str]) -> Result<Value> {
    let mut data = json!({});
    for entry in entries {
        data[*entry] = std::fs::read_to_string(fixtures().join("keys").join(entry))?.into();
    }
    Ok(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}))
}

async fn world(prefix: &str) -> Result<World> {
    let world = World::start(prefix).await?;
    let git = world.git.repository("app")?;
    let files = repository()?;
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    git.commit("Secrets", &files)?;
    world.create_source("app").await?;
    world.ready(&world.sources(), "app").await?;
    Ok(world)
}

fn spec(secret: &str) -> Value {
    json!({
        "decryption": {"provider": "sops", "secretRef": {"name": secret}},
        "postBuild": {"substitute": {"greeting": "hello"}},
    })
}

/// A value of a Secret.
async fn value(secrets: &Api<DynamicObject>, name: &str, key: &str) -> Result<String> {
    let secret = secrets.get(name).await?;
    let encoded =
        field(&secret, &format!("/data/{}", key.replace('/', "~1"))).as_str().context("no value")?;
    Ok(String::from_utf8(STANDARD.decode(encoded)?)?)
}

#[tokio::test]
async fn secrets_of_all_places_and_keys_are_decrypted() -> Result<()> {
    let world = world("decrypt").await?;
    world.create(keys("all", &["one.agekey", "two.agekey", "cv25519.asc"])?).await?;
    let folders = ["age", "pgp", "shared", "whole", "generated"];
    for folder in folders {
        world.create(world.kustomization(folder, "app", &format!("./{folder}"), &spec("all"))).await?;
    }
    for folder in folders {
        world.ready(&world.kustomizations(), folder).await?;
    }
    let secrets = world.namespace.objects("v1", "Secret");
    for name in ["age", "pgp", "shared", "whole"] {
        ensure!(value(&secrets, name, "token").await? == format!("TokenOf{name}"), "{name}");
        // What was decrypted is substituted into.
        ensure!(value(&secrets, name, "variable").await? == "hello", "{name}");
        ensure!(field(&secrets.get(name).await?, "/sops").is_null(), "{name} holds metadata");
    }
    ensure!(value(&secrets, "env", "PASSWORD").await? == "TokenOfEnv");
    ensure!(
        value(&secrets, "file", "config.yaml").await?
            == "database:\n    # the main one\n    password: TokenOfFile\n"
    );
    let registry: Value = serde_json::from_str(&value(&secrets, "registry", ".dockerconfigjson").await?)?;
    ensure!(registry["auths"]["registry.example"]["auth"] == "TokenOfRegistry", "{registry}");
    let patched = world.config_maps().get("patched").await?;
    ensure!(field(&patched, "/data/key") == "TokenOfPatch", "{patched:?}");

    // A second pass finds nothing to do.
    let before = secrets.get("age").await?.metadata.resource_version;
    let token = world.request(&world.kustomizations(), "age").await?;
    let handled = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| field(object, "/status/lastHandledReconcileAt") == token.as_str())
    };
    wait_for(&world.kustomizations(), "age", PATIENCE, handled).await?;
    ensure!(secrets.get("age").await?.metadata.resource_version == before, "the Secret was written again");
    let log = world.kustomize.log();
    ensure!(!log.contains("TokenOf"), "the log tells a secret");
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_told() -> Result<()> {
    let world = world("undecrypted").await?;
    world.create(keys("other", &["three.agekey"])?).await?;
    world.create(keys("one", &["one.agekey"])?).await?;
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bad"},
                       "stringData": {"x.agekey": "AGE-SECRET-KEY-1BROKEN"}}))
        .await?;
    for (name, folder, secret) in [
        ("none", "age", "absent"),
        ("other", "age", "other"),
        ("file", "generated", "other"),
        ("bad", "age", "bad"),
        ("shared", "shared", "one"),
    ] {
        world.create(world.kustomization(name, "app", &format!("./{folder}"), &spec(secret))).await?;
    }
    let failed = async |name: &str| -> Result<String> {
        let object = world.failed(&world.kustomizations(), name, "BuildFailed").await?;
        Ok(message(&object, "Ready").to_owned())
    };
    ensure!(failed("none").await? == "secrets \"absent\" not found");
    let other = failed("other").await?;
    let start = format!(
        "decryption failed for 'Secret.v1.[noGrp]/age': failed to decrypt and format '{}/age' Secret data: cannot get sops data key: Failed to get the data key required to decrypt the SOPS file.",
        world.name()
    );
    ensure!(other.starts_with(&start), "{other}");
    ensure!(
        other.contains("the file is encrypted for: age1") && other.contains("the keys tried are: age age1"),
        "{other}"
    );
    let file = failed("file").await?;
    ensure!(file.starts_with("error decrypting sources: cannot get sops data key: "), "{file}");
    ensure!(file.contains("in the file generated/"), "{file}");
    let bad = failed("bad").await?;
    ensure!(
        bad.starts_with(&format!(
            "failed to import 'x.agekey' data from sops decryption Secret '{}/bad': ",
            world.name()
        )),
        "{bad}"
    );
    ensure!(!bad.contains("BROKEN"), "{bad}");
    let shared = failed("shared").await?;
    ensure!(shared.contains("Shamir threshold of\n2, but only 1 part(s)"), "{shared}");

    // Without decryption an encrypted Secret is refused before anything is applied.
    world.create(world.kustomization("without", "app", "./age", &json!({}))).await?;
    let object = world.failed(&world.kustomizations(), "without", "ReconciliationFailed").await?;
    ensure!(
        message(&object, "Ready").ends_with(
            "/age is SOPS encrypted, configuring decryption is required for this secret to be reconciled"
        ),
        "{}",
        message(&object, "Ready")
    );

    // The right key comes later.
    let patch = json!({"spec": {"decryption": {"secretRef": {"name": "one"}}}});
    world.patch(&world.kustomizations(), "other", &patch).await?;
    world.ready(&world.kustomizations(), "other").await?;
    Ok(())
}
