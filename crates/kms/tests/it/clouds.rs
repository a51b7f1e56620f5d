//! The key services of Azure, Google and Amazon: files that their keys encrypted are opened with credentials of every
//! kind, by services that check what they are shown and decrypt for real.
//!
//! Endpoints are moved by variables of the environment, so files are opened by a process of their own: this test binary,
//! called with the name of [`opener`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use serde_json::{Value, json};
use sluice_kms::{Identity, Keyring, ServiceAccount};
use sluice_sops::{Encrypted, Format};
use sluice_testkit::{Fault, KeyServices, SopsKey};
use tempfile::TempDir;

/// Names the folder of what to open.
const FOLDER: &str = "SLUICE_TEST_FOLDER";

const PLAIN: &str = "PlainTextOfTheTest";

/// Opens the files of a folder with the secret in it, or with the service account, and notes what came of it.
#[tokio::test]
#[ignore = "run by the tests below, as a process of its own"]
async fn opener() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let mut keyring = Keyring::default();
    for entry in std::fs::read_dir(folder.join("secret")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        keyring.import(name, &std::fs::read(&path).unwrap()).unwrap();
    }
    if let Ok(annotations) = std::fs::read(folder.join("annotations")) {
        let account = Arc::new(Account(serde_json::from_slice(&annotations).unwrap()));
        keyring.aws = Identity::ServiceAccount(account.clone());
        keyring.azure = Identity::ServiceAccount(account.clone());
        keyring.gcp = Identity::ServiceAccount(account);
    }
    let mut outcomes = Vec::new();
    for index in 0.. {
        let Ok(text) = std::fs::read(folder.join(format!("{index}.yaml"))) else { break };
        outcomes.push(match open(&text, &keyring).await {
            Ok(plain) => json!({"plain": plain}),
            Err(error) => json!({"error": error.to_string()}),
        });
    }
    std::fs::write(folder.join("outcomes"), Value::from(outcomes).to_string()).unwrap();
}

async fn open(text: &[u8], keyring: &Keyring) -> Result<String, sluice_sops::Error> {
    let encrypted = Encrypted::parse(text, Format::Yaml)?;
    let key = encrypted.metadata().data_key(keyring).await?;
    Ok(String::from_utf8(encrypted.decrypt(&key, Format::Yaml)?).unwrap())
}

/// A service account of a cluster that the clouds trust.
struct Account(BTreeMap<String, String>);

impl ServiceAccount for Account {
    fn name(&self) -> String {
        "apps/decryptor".to_owned()
    }

    fn annotation(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn token(&self, audiences: &[String]) -> futures::future::BoxFuture<'_, Result<String, String>> {
        let token = token(&audiences[0]);
        Box::pin(async move { Ok(token) })
    }
}

/// A token of the cluster for an audience. The services don't check its signature: that is the API server's business.
fn token(audience: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"aud": [audience], "sub": "system:serviceaccount:apps:decryptor"});
    format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(claims))
}

/// What there is to open, and to open it with.
struct Task {
    folder: TempDir,
    variables: BTreeMap<String, String>,
    files: usize,
}

impl Task {
    fn new(services: &KeyServices) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("secret")).unwrap();
        let variables =
            services.environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { folder, variables, files: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn secret(self, entry: &str, value: &str) -> Self {
        std::fs::write(self.path("secret").join(entry), value).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A token of the cluster in a file, as kubelet projects it.
    fn projected(self, variable: &str, audience: &str) -> Self {
        let path = self.path("token");
        std::fs::write(&path, token(audience)).unwrap();
        self.variable(variable, path.to_str().unwrap())
    }

    fn account(self, annotations: &Value) -> Self {
        std::fs::write(self.path("annotations"), annotations.to_string()).unwrap();
        self
    }

    fn file(mut self, text: &str) -> Self {
        std::fs::write(self.path(&format!("{}.yaml", self.files)), text).unwrap();
        self.files += 1;
        self
    }

    async fn open(self) -> Vec<Result<String, String>> {
        let output = tokio::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "clouds::opener", "--ignored"])
            .env_clear()
            .envs(&self.variables)
            .env(FOLDER, self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let outcomes: Vec<Value> =
            serde_json::from_slice(&std::fs::read(self.path("outcomes")).unwrap()).unwrap();
        assert_eq!(outcomes.len(), self.files);
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let outcome = |value: Value| text(&value["plain"]).ok_or_else(|| text(&value["error"]).unwrap());
        outcomes.into_iter().map(outcome).collect()
    }

    /// Opens its one file, which can't be opened; returns why, in one line.
    async fn fail(self) -> String {
        let error = self.open().await.remove(0).unwrap_err();
        // As `sops` tells it: in lines of a box.
        error.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ")
    }
}

fn sealed(services: &KeyServices, key: &SopsKey) -> String {
    services.encrypt_secret(key, "app", PLAIN).unwrap()
}

fn opened(outcome: &Result<String, String>) {
    let text = outcome.as_ref().unwrap();
    let plain =
        format!("apiVersion: v1\nkind: Secret\nmetadata:\n    name: app\nstringData:\n    token: {PLAIN}\n");
    assert_eq!(*text, plain);
}

/// A task for each cloud, with credentials of a Secret and one file.
fn with_secrets(services: &KeyServices) -> [(SopsKey, Task, &'static str); 3] {
    let task = |entry: &str, value: &str, key: &SopsKey| {
        Task::new(services).secret(entry, value).file(&sealed(services, key))
    };
    let account = services.google_account().unwrap();
    let amazon = SopsKey::amazon();
    [
        (SopsKey::KeyVault, task("sops.azure-kv", &services.azure_client(), &SopsKey::KeyVault), "/keys/"),
        (SopsKey::GoogleKms, task("sops.gcp-kms", &account, &SopsKey::GoogleKms), ":decrypt"),
        (amazon.clone(), task("sops.aws-kms", &services.amazon_keys(), &amazon), "/kms"),
    ]
}

#[tokio::test]
async fn key_vault_opens_files_of_a_client_with_a_secret() {
    let services = KeyServices::start().await.unwrap();
    let text = sealed(&services, &SopsKey::KeyVault);
    let mut task = Task::new(&services).secret("sops.azure-kv", &services.azure_client());
    for _ in 0..3 {
        task = task.file(&text);
    }
    task.open().await.iter().for_each(opened);
    // Who it is for is told by the vault; the token is asked for once.
    assert_eq!(services.asked_at("/oauth2/v2.0/token").len(), 1);
    let asked = services.asked_at("/keys/");
    assert!(asked[0].secure && asked[0].header("authorization").is_empty() && asked[0].body.is_empty());
    let tokens = services.tokens();
    let shown = asked.iter().filter(|asked| {
        asked.header("authorization").strip_prefix("Bearer ").is_some_and(|shown| tokens[0] == shown)
    });
    assert_eq!((shown.count(), tokens.len()), (3, 1));
}

#[tokio::test]
async fn key_vault_opens_files_of_workloads_and_machines() {
    let services = KeyServices::start().await.unwrap();
    let text = sealed(&services, &SopsKey::KeyVault);
    let (tenant, client) = services.azure_workload();
    let audience = "api://AzureADTokenExchange";
    let task = Task::new(&services).variable("AZURE_TENANT_ID", tenant).variable("AZURE_CLIENT_ID", client);
    opened(&task.projected("AZURE_FEDERATED_TOKEN_FILE", audience).file(&text).open().await[0]);
    let annotations =
        json!({"azure.workload.identity/tenant-id": tenant, "azure.workload.identity/client-id": client});
    opened(&Task::new(&services).account(&annotations).file(&text).open().await[0]);
    assert!(services.asked_at("/metadata/").is_empty());
    opened(&Task::new(&services).file(&text).open().await[0]);
    assert_eq!(services.asked_at("/metadata/identity/oauth2/token").len(), 1);
}

#[tokio::test]
async fn google_s_kms_opens_files_of_accounts_workloads_and_machines() {
    let services = KeyServices::start().await.unwrap();
    let text = sealed(&services, &SopsKey::GoogleKms);
    let account = services.google_account().unwrap();
    let task = Task::new(&services).secret("sops.gcp-kms", &account);
    task.file(&text).file(&text).open().await.iter().for_each(opened);
    assert_eq!(services.asked_at("/token").len(), 1, "the token is asked for once");
    let provider = "projects/1/locations/global/workloadIdentityPools/p/providers/cluster";
    let annotations = json!({
        "gcp.auth.fluxcd.io/workload-identity-provider": provider,
        "iam.gke.io/gcp-service-account": services.google_email(),
    });
    opened(&Task::new(&services).account(&annotations).file(&text).open().await[0]);
    assert_eq!(services.asked_at(":generateAccessToken").len(), 1);
    opened(&Task::new(&services).file(&text).open().await[0]);
    assert_eq!(services.asked_at("/computeMetadata/").len(), 1);
    // The same key in a file that a variable names.
    let task = Task::new(&services);
    let path = task.path("key.json");
    std::fs::write(&path, &account).unwrap();
    let task = task.variable("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().unwrap());
    opened(&task.file(&text).open().await[0]);
}

#[tokio::test]
async fn amazon_s_kms_opens_files_of_users_roles_workloads_and_machines() {
    let services = KeyServices::start().await.unwrap();
    let context =
        BTreeMap::from([("team".to_owned(), "a".to_owned()), ("stage".to_owned(), "test".to_owned())]);
    let role = Some(services.amazon_role().to_owned());
    let plain = sealed(&services, &SopsKey::amazon());
    let bound = sealed(&services, &SopsKey::AmazonKms { context: context.clone(), role: None });
    let assumed = sealed(&services, &SopsKey::AmazonKms { context, role });
    let (id, secret) = services.amazon_pair();
    let task = Task::new(&services).secret("sops.aws-kms", &services.amazon_keys());
    let files = task.file(&plain).file(&bound).file(&assumed).file(&assumed);
    files.open().await.iter().for_each(opened);
    assert_eq!(services.asked_at("/sts").len(), 1, "the role is assumed once");
    let task =
        Task::new(&services).variable("AWS_ACCESS_KEY_ID", id).variable("AWS_SECRET_ACCESS_KEY", secret);
    opened(&task.file(&plain).open().await[0]);
    let task = Task::new(&services).variable("AWS_ROLE_ARN", services.amazon_role());
    let task = task.projected("AWS_WEB_IDENTITY_TOKEN_FILE", "sts.amazonaws.com");
    opened(&task.file(&plain).open().await[0]);
    let annotations = json!({"eks.amazonaws.com/role-arn": services.amazon_role()});
    opened(&Task::new(&services).account(&annotations).file(&plain).open().await[0]);
    opened(&Task::new(&services).file(&plain).open().await[0]);
    assert_eq!(services.asked_at("/latest/api/token").len(), 1);
    // Another context than the one that the data key is bound to.
    let other = bound.replace("stage: test", "stage: live");
    let task = Task::new(&services).secret("sops.aws-kms", &services.amazon_keys());
    let error = task.file(&other).fail().await;
    assert!(error.contains("400 Bad Request: InvalidCiphertextException"), "{error}");
}

#[tokio::test]
async fn refusals_name_the_key_and_the_cause_and_tell_no_secret() {
    let services = KeyServices::start().await.unwrap();
    for (status, echo) in
        [(401, "who are you? {shown}"), (403, "you may not: {shown}"), (404, "no such key: {shown}")]
    {
        for (key, task, path) in with_secrets(&services) {
            let body = json!({"error": {"message": echo}, "message": echo}).to_string();
            services.refuse(path, Fault::Status(status, "", body));
            let error = task.fail().await;
            services.heal();
            assert!(error.contains(&format!("{}: FAILED", key.name(&services))), "{error}");
            let (cause, _) = echo.split_once('{').unwrap();
            assert!(error.contains(&format!("{status} ")) && error.contains(cause.trim()), "{error}");
            assert!(error.contains("<redacted>"), "{error}");
            silent(&services, &error);
        }
    }
}

/// Checks that a message tells neither tokens nor credentials nor what was encrypted.
fn silent(services: &KeyServices, text: &str) {
    for token in services.tokens() {
        assert!(!text.contains(&token), "{text}");
    }
    let key = services.google_account().unwrap();
    let key: Value = serde_json::from_str(&key).unwrap();
    let key = key["private_key"].as_str().unwrap().lines().nth(1).unwrap();
    for secret in [services.azure_secret(), services.amazon_pair().1, key, PLAIN] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn refusals_of_token_services_are_told() {
    let services = KeyServices::start().await.unwrap();
    let text = sealed(&services, &SopsKey::KeyVault);
    let client = services.azure_client().replace(services.azure_secret(), "AnotherSecretThanThat");
    let error = Task::new(&services).secret("sops.azure-kv", &client).file(&text).fail().await;
    assert!(
        error.contains("failed to get Azure token credential to decrypt: 401 Unauthorized: AADSTS7000215: Invalid client secret provided."),
        "{error}"
    );
    assert!(!error.contains("AnotherSecret") && !error.contains("Trace ID"), "{error}");
    // A token service behind something that repeats what it was sent.
    services.fail("/oauth2/v2.0/token", usize::MAX, Fault::Status(400, "", "bad: {shown}".to_owned()));
    let error =
        Task::new(&services).secret("sops.azure-kv", &services.azure_client()).file(&text).fail().await;
    assert!(error.contains("400 Bad Request: bad:"), "{error}");
    silent(&services, &error);
    services.heal();
    // A key that nobody knows signs the assertion.
    let other = services.google_account().unwrap().replace("decryptor@", "stranger@");
    let text = sealed(&services, &SopsKey::GoogleKms);
    let error = Task::new(&services).secret("sops.gcp-kms", &other).file(&text).fail().await;
    assert!(error.contains("cannot create GCP KMS service: 400 Bad Request: Invalid JWT"), "{error}");
    // Wrong keys of Amazon.
    let wrong = services.amazon_keys().replace("SecretAccessKey", "AnotherAccessKey");
    let text = sealed(&services, &SopsKey::amazon());
    let error = Task::new(&services).secret("sops.aws-kms", &wrong).file(&text).fail().await;
    assert!(error.contains("400 Bad Request: InvalidSignatureException"), "{error}");
}

#[tokio::test]
async fn without_credentials_the_places_are_named_that_were_looked_at() {
    let services = KeyServices::start().await.unwrap();
    let nobody = "127.0.0.1:1";
    let refused = "dial tcp 127.0.0.1:1: connect: connection refused";
    let url = format!("http://{nobody}");
    for (key, variable, value, told) in [
        (SopsKey::KeyVault, "AZURE_POD_IDENTITY_AUTHORITY_HOST", &*url, "no Azure credentials: neither"),
        (SopsKey::GoogleKms, "GCE_METADATA_HOST", nobody, "no Google credentials: neither"),
        (SopsKey::amazon(), "AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url, "no AWS credentials: neither"),
    ] {
        let task = Task::new(&services).variable(variable, value).file(&sealed(&services, &key));
        let error = task.fail().await;
        assert!(error.contains(told) && error.contains(refused), "{error}");
        assert!(error.contains(&format!("{}: FAILED", key.name(&services))), "{error}");
    }
}

#[tokio::test]
async fn a_service_without_time_is_asked_again() {
    let services = KeyServices::start().await.unwrap();
    for (fault, told) in [
        (Fault::Status(429, "0", "slow down".to_owned()), "429 Too Many Requests: slow down"),
        (Fault::Status(503, "", "not now".to_owned()), "503 Service Unavailable: not now"),
    ] {
        join_all(with_secrets(&services).map(async |(_, task, path)| {
            services.fail(path, 2, fault.clone());
            opened(&task.open().await[0]);
        }))
        .await;
        // Not for ever.
        join_all(with_secrets(&services).map(async |(key, task, path)| {
            services.fail(path, usize::MAX, fault.clone());
            let asked = services.asked_at(path).len();
            let error = task.fail().await;
            assert!(error.contains(told) && error.contains(&key.name(&services)), "{error}");
            assert_eq!(services.asked_at(path).len() - asked, 4);
        }))
        .await;
        services.heal();
    }
    // Amazon says it otherwise; and a token service may have no time either.
    let throttled = json!({"__type": "ThrottlingException", "message": "Rate exceeded"}).to_string();
    services.fail("/kms", 1, Fault::Status(400, "", throttled));
    services.fail("/token", 1, Fault::Status(503, "", String::new()));
    for (_, task, _) in with_secrets(&services) {
        opened(&task.open().await[0]);
    }
    // Whoever wants to be left alone for long is left alone; the next pass asks again.
    let [(_, task, path), ..] = with_secrets(&services);
    services.fail(path, usize::MAX, Fault::Status(429, "3600", "come back later".to_owned()));
    let began = Instant::now();
    let error = task.fail().await;
    assert!(error.contains("429 Too Many Requests: come back later"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_service_that_hangs_is_not_waited_for_long() {
    let services = KeyServices::start().await.unwrap();
    services.fail("/decrypt", usize::MAX, Fault::Hang);
    services.fail(":decrypt", usize::MAX, Fault::Hang);
    // Many files wait for a token once.
    services.fail("/sts", usize::MAX, Fault::Hang);
    let [(vault, of_azure, _), (kms, of_google, _), _] = with_secrets(&services);
    let role = Some(services.amazon_role().to_owned());
    let amazon = sealed(&services, &SopsKey::AmazonKms { context: BTreeMap::new(), role });
    let of_amazon = Task::new(&services).secret("sops.aws-kms", &services.amazon_keys());
    let of_amazon = of_amazon.file(&amazon).file(&amazon);
    let began = Instant::now();
    let (of_azure, of_google, of_amazon) = tokio::join!(of_azure.fail(), of_google.fail(), of_amazon.open());
    assert!(began.elapsed() < Duration::from_secs(50), "{:?}", began.elapsed());
    for (key, error) in [(vault, of_azure), (kms, of_google)] {
        assert!(error.contains("no answer from 127.0.0.1:") && error.contains("within 30 s"), "{error}");
        assert!(error.contains(&key.name(&services)), "{error}");
    }
    for error in of_amazon {
        assert!(error.unwrap_err().contains("failed to assume role"));
    }
    assert_eq!(services.asked_at("/sts").len(), 1);
}

#[tokio::test]
async fn no_token_goes_to_a_vault_of_somebody_else() {
    let (services, other) = (KeyServices::start().await.unwrap(), KeyServices::start().await.unwrap());
    let text = sealed(&services, &SopsKey::KeyVault);
    let task = |text: &str| Task::new(&services).secret("sops.azure-kv", &services.azure_client()).file(text);
    // One that asks for a token which opens the vaults of others.
    let challenge = "Bearer authorization=\"https://login.example\", resource=\"https://vault.azure.net\"";
    services.challenge(challenge);
    let error = task(&text).fail().await;
    assert!(
        error.contains("challenge resource \"https://vault.azure.net\" doesn't match the requested domain"),
        "{error}"
    );
    // One that can be listened to.
    let plain = text.replace("https://", "http://");
    let error = task(&plain).fail().await;
    assert!(error.contains("vault URL: tokens are sent by https only"), "{error}");
    // One whose certificate nobody vouches for.
    let error = task(&text.replace(services.vault(), other.vault())).fail().await;
    assert!(error.contains("x509: certificate signed by unknown authority"), "{error}");
    assert!(services.tokens().is_empty() && other.asked().is_empty());
}

#[tokio::test]
async fn keys_that_files_name_choose_no_other_host_or_method() {
    let services = KeyServices::start().await.unwrap();
    for (key, from, to) in [
        (SopsKey::amazon(), "arn:aws:kms:eu-west-2:", "arn:aws:kms:127.0.0.1/:"),
        (SopsKey::GoogleKms, "cryptoKeys/sops", "cryptoKeys/sops:encrypt#"),
    ] {
        let text = sealed(&services, &key).replace(from, to);
        let task = Task::new(&services)
            .secret("sops.aws-kms", &services.amazon_keys())
            .secret("sops.gcp-kms", &services.google_account().unwrap());
        let error = task.file(&text).fail().await;
        assert!(error.contains("no valid"), "{error}");
    }
    assert!(services.asked().is_empty());
}
