//! Key services that run for real: the transit engine of OpenBao, shown a token or a service account, and one that
//! speaks as Amazon's does. Files are encrypted by `sops`.
//!
//! The programs come of `scripts/build-key-services`; without the environment variable `SLUICE_KEY_SERVICES`, which names
//! their folder, these tests do nothing: building them takes longer than all other tests.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sluice_testkit::free_address;
use tempfile::TempDir;

use crate::support::{PATIENCE, World, field, message};

/// A program that ends with this handle.
struct Server(Child);

impl Server {
    fn start(command: &mut Command) -> Result<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(quiet.spawn().context("start the service")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn programs() -> Option<PathBuf> {
    let folder = std::env::var_os("SLUICE_KEY_SERVICES").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: SLUICE_KEY_SERVICES is not set");
    }
    folder
}

/// Waits until somebody listens there.
async fn listening(address: &str) -> Result<()> {
    let began = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        ensure!(began.elapsed() < PATIENCE, "nobody listens at {address}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

fn secret(name: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\nstringData:\n  token: TokenOf{name}\n")
}

/// The manifest as `sops` encrypts it with these arguments and variables.
fn encrypted(programs: &Path, text: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let folder = TempDir::new()?;
    let file = folder.path().join("secret.yaml");
    std::fs::write(&file, text)?;
    let output = Command::new(programs.join("sops"))
        .args(["--encrypt", "--encrypted-regex", "^(data|stringData)$"])
        .args(arguments)
        .arg(&file)
        .env("HOME", folder.path())
        .envs(variables.iter().copied())
        .output()?;
    ensure!(output.status.success(), "sops: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

async fn check(world: &World, name: &str) -> Result<()> {
    world.ready(&world.kustomizations(), name).await?;
    let secret = world.namespace.objects("v1", "Secret").get(name).await?;
    let value = STANDARD.decode(field(&secret, "/data/token").as_str().context("no token")?)?;
    ensure!(value == format!("TokenOf{name}").as_bytes(), "{name}: {value:?}");
    Ok(())
}

const ROOT: &str = "RootTokenOfTheTest";

/// OpenBao in memory, with a transit key `sops`.
struct Bao {
    _server: Server,
    _home: TempDir,
    url: String,
}

impl Bao {
    async fn start(programs: &Path) -> Result<Self> {
        let (address, home) = (free_address()?, TempDir::new()?);
        let arguments =
            ["server", "-dev", "-dev-no-store-token", "-dev-root-token-id", ROOT, "-dev-listen-address"];
        let mut command = Command::new(programs.join("bao"));
        let server = Server::start(command.args(arguments).arg(&address).env("HOME", home.path()))?;
        listening(&address).await?;
        let bao = Self { _server: server, _home: home, url: format!("http://{address}") };
        bao.write("sys/mounts/transit", &json!({"type": "transit"})).await?;
        bao.write("transit/keys/sops", &json!({})).await?;
        let policy = "path \"transit/decrypt/sops\" { capabilities = [\"update\"] }";
        bao.write("sys/policies/acl/sops", &json!({"policy": policy})).await?;
        Ok(bao)
    }

    async fn write(&self, path: &str, body: &Value) -> Result<()> {
        let request =
            reqwest::Client::new().post(format!("{}/v1/{path}", self.url)).header("X-Vault-Token", ROOT);
        let answer = request.json(body).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "{path}: {status}: {}", answer.text().await?);
        Ok(())
    }

    /// Trusts service accounts of the cluster: this one may decrypt.
    async fn trust(&self, world: &World, account: &str) -> Result<()> {
        let namespace = world.name();
        let cluster = world.namespace.control_plane();
        world.namespace.kubectl(&["create", "serviceaccount", "reviewer"]).await?;
        let name = format!("reviewer-{namespace}");
        let subject = format!("--serviceaccount={namespace}:reviewer");
        cluster
            .kubectl(&[
                "create",
                "clusterrolebinding",
                &name,
                "--clusterrole=system:auth-delegator",
                &subject,
            ])
            .await?;
        let reviewer = world.namespace.kubectl(&["create", "token", "reviewer"]).await?;
        let text = std::fs::read_to_string(world.kubeconfig())?;
        let config = serde_json::to_value(kube::config::Kubeconfig::from_yaml(&text)?)?;
        let of = &config["clusters"][0]["cluster"];
        let ca = STANDARD.decode(of["certificate-authority-data"].as_str().context("no authority")?)?;
        self.write("sys/auth/kubernetes", &json!({"type": "kubernetes"})).await?;
        self.write(
            "auth/kubernetes/config",
            &json!({"kubernetes_host": of["server"], "kubernetes_ca_cert": String::from_utf8(ca)?,
                    "token_reviewer_jwt": reviewer.trim()}),
        )
        .await?;
        let role = json!({"bound_service_account_names": [account], "bound_service_account_namespaces": [namespace],
                          "audience": self.url, "token_policies": ["sops"]});
        self.write(&format!("auth/kubernetes/role/{namespace}_{account}"), &role).await
    }
}

#[tokio::test]
async fn key_services_openbao() -> Result<()> {
    let Some(programs) = programs() else { return Ok(()) };
    let flags = ["--feature-gates=ObjectLevelWorkloadIdentity=true", "--sops-vault-configmap=vault"];
    let world = World::with_flags("openbao", &flags).await?;
    let bao = Bao::start(&programs).await?;
    bao.trust(&world, "decryptor").await?;
    let repository = world.git.repository("app")?;
    let key = format!("{}/v1/transit/keys/sops", bao.url);
    let names = ["token", "account", "stranger", "refused"];
    let mut files = Vec::new();
    for name in names {
        let text = encrypted(
            &programs,
            &secret(name),
            &["--hc-vault-transit", &key],
            &[("VAULT_TOKEN", ROOT), ("VAULT_ADDR", &bao.url)],
        )?;
        files.push((format!("{name}/secret.yaml"), text));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    repository.commit("Secrets", &files)?;
    world.create_source("app").await?;
    let config = format!("instances:\n- address: {}\n  loginPath: auth/kubernetes/login\n", bao.url);
    world
        .create_all([
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vault"}, "data": {"config.yaml": config}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "root"}, "stringData": {"sops.vault-token": ROOT}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong"}, "stringData": {"sops.vault-token": "s.WrongToken"}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "decryptor"}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "stranger"}}),
        ])
        .await?;
    for (name, decryption) in [
        ("token", json!({"provider": "sops", "secretRef": {"name": "root"}})),
        ("account", json!({"provider": "sops", "serviceAccountName": "decryptor"})),
        ("stranger", json!({"provider": "sops", "serviceAccountName": "stranger"})),
        ("refused", json!({"provider": "sops", "secretRef": {"name": "wrong"}})),
    ] {
        let spec = json!({"decryption": decryption});
        world.create(world.kustomization(name, "app", &format!("./{name}"), &spec)).await?;
    }
    check(&world, "token").await?;
    check(&world, "account").await?;
    for (name, told) in [
        ("stranger", format!("failed to authenticate with Vault '{}' at login path 'auth/kubernetes/login' as role '{}_stranger'", bao.url, world.name())),
        ("refused", "failed to decrypt sops data key from Vault transit backend 'transit/decrypt/sops': 403 Forbidden".to_owned()),
    ] {
        let object = world.failed(&world.kustomizations(), name, "BuildFailed").await?;
        // As `sops` tells it: in lines of a box.
        let words = message(&object, "Ready").split_whitespace().filter(|word| *word != "|");
        let text = words.collect::<Vec<_>>().join(" ");
        ensure!(text.contains(&told) && !text.contains("WrongToken"), "{name}: {text}");
    }
    ensure!(!world.kustomize.log().contains(ROOT), "the log tells the token");
    Ok(())
}

/// A key of a service that speaks as Amazon's does: its ARN.
async fn create_key(url: &str) -> Result<String> {
    // Which service is meant stands in the signature's scope; nobody checks the signature.
    let scope = "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/eu-west-2/kms/aws4_request, SignedHeaders=host, Signature=0";
    let request = reqwest::Client::new().post(url).header("authorization", scope);
    let request = request.header("x-amz-target", "TrentService.CreateKey");
    let answer = request.header("content-type", "application/x-amz-json-1.1").body("{}").send().await?;
    let answer: Value = serde_json::from_str(&answer.error_for_status()?.text().await?)?;
    Ok(answer["KeyMetadata"]["Arn"].as_str().context("no ARN")?.to_owned())
}

#[tokio::test]
async fn key_services_amazon() -> Result<()> {
    let Some(programs) = programs() else { return Ok(()) };
    let address = free_address()?;
    let port = address.rsplit(':').next().unwrap_or_default();
    let mut command = Command::new(programs.join("venv/bin/moto_server"));
    let _server = Server::start(command.args(["-H", "127.0.0.1", "-p", port]))?;
    listening(&address).await?;
    let url = format!("http://{address}");
    // Its controllers bring what clients of the test need, too.
    let world = World::with_environment("amazon", &[], &[("AWS_ENDPOINT_URL_KMS", &url)]).await?;
    let arn = create_key(&url).await?;
    let repository = world.git.repository("app")?;
    let variables = [
        ("AWS_ENDPOINT_URL_KMS", &*url),
        ("AWS_ACCESS_KEY_ID", "AKIDTEST"),
        ("AWS_SECRET_ACCESS_KEY", "SecretOfTheTest"),
    ];
    let plain = encrypted(&programs, &secret("plain"), &["--kms", &arn], &variables)?;
    let arguments = ["--kms", &arn, "--encryption-context", "team:a,stage:test"];
    let context = encrypted(&programs, &secret("context"), &arguments, &variables)?;
    ensure!(context.contains("stage: test"), "no context: {context}");
    // Another context than the one that it was encrypted with.
    let other = context.replace("stage: test", "stage: live").replace("name: context", "name: other");
    let files = [("plain/a.yaml", &*plain), ("context/a.yaml", &*context), ("other/a.yaml", &*other)];
    repository.commit("Secrets", &files.map(|(path, text)| (path, Some(text))))?;
    world.create_source("app").await?;
    let credentials = "aws_access_key_id: AKIDTEST\naws_secret_access_key: SecretOfTheTest\n";
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kms"}, "stringData": {"sops.aws-kms": credentials}}))
        .await?;
    let spec = json!({"decryption": {"provider": "sops", "secretRef": {"name": "kms"}}});
    for name in ["plain", "context", "other"] {
        world.create(world.kustomization(name, "app", &format!("./{name}"), &spec)).await?;
    }
    check(&world, "plain").await?;
    check(&world, "context").await?;
    let object = world.failed(&world.kustomizations(), "other", "BuildFailed").await?;
    let text = message(&object, "Ready");
    println!("other: {text}");
    ensure!(text.contains("failed to decrypt sops data key with AWS KMS"), "{text}");
    Ok(())
}
