//! Secrets that keys in Azure's, Google's and Amazon's services encrypted. The services are the test's own: they check
//! what they are shown, tokens of the real API server among it, and decrypt with keys that they have made.

use anyhow::{Context, Result, ensure};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use sluice_testkit::{Fault, KeyServices, SopsKey};

use crate::support::{World, field, message};

/// Named by who shows what: `azure-account` is decrypted at Azure's service, for a service account.
const CLOUDS: [&str; 3] = ["azure", "google", "amazon"];

/// The service account that the clouds know.
const ACCOUNT: &str = "decryptor";

fn key(cloud: &str) -> SopsKey {
    match cloud {
        "azure" => SopsKey::KeyVault,
        "google" => SopsKey::GoogleKms,
        _ => SopsKey::amazon(),
    }
}

fn plain(name: &str) -> String {
    format!("PlainTextOf-{name}")
}

/// The services, and controllers that ask them.
async fn start(prefix: &str) -> Result<(KeyServices, World)> {
    let services = KeyServices::start().await?;
    let environment = services.environment();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let flags = ["--feature-gates=ObjectLevelWorkloadIdentity=true"];
    let world = World::with_environment(prefix, &flags, &environment).await?;
    Ok((services, world))
}

/// Commits an encrypted Secret for each cloud and each kind of credentials.
async fn commit(services: &KeyServices, world: &World, kinds: &[&str]) -> Result<()> {
    let mut files = Vec::new();
    for cloud in CLOUDS {
        for kind in kinds {
            let name = format!("{cloud}-{kind}");
            let text = services.encrypt_secret(&key(cloud), &name, &plain(&name))?;
            ensure!(!text.contains(&plain(&name)), "{name} is not encrypted");
            files.push((format!("{name}/secret.yaml"), text));
        }
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    world.git.repository("app")?.commit("Secrets", &files)?;
    world.create_source("app").await
}

/// Creates the Kustomizations of one kind of credentials.
async fn decrypt(world: &World, kind: &str, more: &Value) -> Result<()> {
    for cloud in CLOUDS {
        let name = format!("{cloud}-{kind}");
        let mut decryption = json!({"provider": "sops"});
        for (key, value) in more.as_object().into_iter().flatten() {
            decryption[key] = value.clone();
        }
        let spec = json!({"decryption": decryption});
        world.create(world.kustomization(&name, "app", &format!("./{name}"), &spec)).await?;
    }
    Ok(())
}

/// A Secret with credentials for each cloud, after `change`.
fn credentials(services: &KeyServices, name: &str, change: impl Fn(String) -> String) -> Result<Value> {
    Ok(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {
        "sops.azure-kv": change(services.azure_client()),
        "sops.gcp-kms": change(services.google_account()?),
        "sops.aws-kms": change(services.amazon_keys()),
    }}))
}

/// Checks that nobody is told tokens, credentials or what was encrypted.
async fn silent(services: &KeyServices, world: &World) -> Result<()> {
    let account: Value = serde_json::from_str(&services.google_account()?)?;
    let key = account["private_key"].as_str().and_then(|pem| pem.lines().nth(1)).context("no key")?;
    let mut secrets =
        vec![key.to_owned(), services.azure_secret().to_owned(), services.amazon_pair().1.to_owned()];
    secrets.push("PlainTextOf".to_owned());
    // Also those of the cluster: no text holds the beginning of a token.
    secrets.push("eyJhbGciOi".to_owned());
    secrets.extend(services.tokens());
    for (what, text) in world.told().await? {
        for secret in &secrets {
            let line = text.lines().find(|line| line.contains(secret));
            ensure!(line.is_none(), "{what} tells a secret: {}", line.unwrap_or_default());
        }
    }
    Ok(())
}

#[tokio::test]
async fn clouds_decrypt_for_secrets_service_accounts_and_the_controller() -> Result<()> {
    let (services, world) = start("cloud-keys").await?;
    let kinds = ["secret", "account", "own"];
    commit(&services, &world, &kinds).await?;
    let (tenant, client) = services.azure_workload();
    world
        .create_all([
            credentials(&services, "credentials", |text| text)?,
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "annotations": {
                "azure.workload.identity/tenant-id": tenant,
                "azure.workload.identity/client-id": client,
                "gcp.auth.fluxcd.io/workload-identity-provider":
                    "projects/1/locations/global/workloadIdentityPools/p/providers/cluster",
                "iam.gke.io/gcp-service-account": services.google_email(),
                "eks.amazonaws.com/role-arn": services.amazon_role(),
            }}}),
        ])
        .await?;
    decrypt(&world, "secret", &json!({"secretRef": {"name": "credentials"}})).await?;
    // Whose machine the controller runs on, it is told by the machine.
    decrypt(&world, "own", &json!({})).await?;
    for kind in ["secret", "own"] {
        applied(&world, kind).await?;
    }
    for path in ["/metadata/identity/", "/computeMetadata/", "/latest/meta-data/"] {
        ensure!(!services.asked_at(path).is_empty(), "nobody asked {path}");
    }

    // Tokens of the account come from the API server, each for the cloud that it is shown.
    decrypt(&world, "account", &json!({"serviceAccountName": ACCOUNT})).await?;
    applied(&world, "account").await?;
    let subject = format!("system:serviceaccount:{}:{ACCOUNT}", world.name());
    for (path, parameter, audience) in [
        ("/oauth2/v2.0/token", "client_assertion", "api://AzureADTokenExchange"),
        (
            "/v1/token",
            "subject_token",
            "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/cluster",
        ),
        ("/sts", "WebIdentityToken", "sts.amazonaws.com"),
    ] {
        let asked = services.asked_at(path);
        let claims = asked.iter().filter_map(|request| claims(&request.field(parameter)));
        let own: Vec<_> = claims.filter(|claims| claims["sub"] == subject).collect();
        ensure!(own.len() == 1, "{path} was shown {} tokens of {subject}", own.len());
        ensure!(own[0]["aud"] == json!([audience]), "{path}: {}", own[0]);
    }
    silent(&services, &world).await
}

/// What a token says.
fn claims(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

async fn applied(world: &World, kind: &str) -> Result<()> {
    for cloud in CLOUDS {
        let name = format!("{cloud}-{kind}");
        world.ready(&world.kustomizations(), &name).await?;
        let secret = world.namespace.objects("v1", "Secret").get(&name).await?;
        let value = STANDARD.decode(field(&secret, "/data/token").as_str().context("no token")?)?;
        ensure!(value == plain(&name).as_bytes(), "{name} holds something else");
        ensure!(field(&secret, "/sops").is_null(), "{name} holds metadata");
    }
    Ok(())
}

/// The message of a Kustomization that can't be built, in one line and without the box that `sops` draws.
async fn refusal(world: &World, name: &str) -> Result<String> {
    let object = world.failed(&world.kustomizations(), name, "BuildFailed").await?;
    let words = message(&object, "Ready").split_whitespace().filter(|word| *word != "|");
    Ok(words.collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn what_clouds_refuse_is_told_without_secrets() -> Result<()> {
    let (services, world) = start("cloud-refusals").await?;
    commit(&services, &world, &["wrong", "stranger", "echo"]).await?;
    let spoil = |text: String| {
        text.replace("clientSecret: Secret", "clientSecret: Another")
            .replace("decryptor@", "stranger@")
            .replace("aws_secret_access_key: Secret", "aws_secret_access_key: Another")
    };
    world
        .create_all([
            credentials(&services, "wrong", spoil)?,
            credentials(&services, "right", |text| text)?,
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "stranger", "annotations": {
                "azure.workload.identity/tenant-id": services.azure_workload().0,
                "azure.workload.identity/client-id": "00000000-0000-0000-0000-000000000000",
                "gcp.auth.fluxcd.io/workload-identity-provider":
                    "projects/1/locations/global/workloadIdentityPools/p/providers/cluster",
                "iam.gke.io/gcp-service-account": "stranger@example.iam.gserviceaccount.com",
                "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/stranger",
            }}}),
        ])
        .await?;
    let expect = async |kind: &str, causes: [&str; 3]| -> Result<()> {
        for (cloud, cause) in CLOUDS.into_iter().zip(causes) {
            let text = refusal(&world, &format!("{cloud}-{kind}")).await?;
            ensure!(
                text.contains(&format!("{cloud}-{kind}")) && text.contains(cause),
                "{cloud}-{kind}: {text}"
            );
            // The key that was asked for, and that it did not open the file.
            let key = key(cloud).name(&services);
            ensure!(text.contains(&format!("{key}: FAILED")), "{cloud}-{kind}: {text}");
        }
        Ok(())
    };

    decrypt(&world, "wrong", &json!({"secretRef": {"name": "wrong"}})).await?;
    expect(
        "wrong",
        [
            "401 Unauthorized: AADSTS7000215: Invalid client secret provided.",
            "400 Bad Request: Invalid JWT: the claims are not those of the account.",
            "400 Bad Request: InvalidSignatureException",
        ],
    )
    .await?;
    decrypt(&world, "stranger", &json!({"serviceAccountName": "stranger"})).await?;
    expect(
        "stranger",
        [
            "401 Unauthorized: AADSTS700016: Application was not found in the directory.",
            "403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied.",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ],
    )
    .await?;
    // Services, or proxies before them, that repeat what they were shown.
    let body =
        json!({"error": {"message": "you may not: {shown}"}, "message": "you may not: {shown}"}).to_string();
    for path in ["/keys/", ":decrypt", "/kms"] {
        services.refuse(path, Fault::Status(403, "", body.clone()));
    }
    decrypt(&world, "echo", &json!({"secretRef": {"name": "right"}})).await?;
    let (bearer, signature) =
        ("403 Forbidden: you may not: Bearer <redacted>", "403 Forbidden: you may not: ");
    expect("echo", [bearer, bearer, signature]).await?;
    silent(&services, &world).await
}
