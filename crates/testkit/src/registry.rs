//! OCI registries.

use std::{
    collections::BTreeMap,
    fs,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    binary::{e2e_binary, registries_binary},
    controller::http_client,
    ports::free_address,
    process::Process,
    server::{Server, arguments},
};

/// How a registry is guarded.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    basic: Option<(String, String)>,
    token: bool,
    tls: bool,
    mutual: bool,
    no_head: bool,
}

impl RegistryOptions {
    /// Demands a user and password: from each request, or from the token server if there is one.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        self.basic = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Demands tokens of a token server on another port.
    #[must_use]
    pub fn token(mut self) -> Self {
        self.token = true;
        self
    }

    /// Serves HTTPS, with a certificate of a CA of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Serves HTTPS to clients with a certificate of the registry's CA.
    #[must_use]
    pub fn mutual_tls(mut self) -> Self {
        (self.tls, self.mutual) = (true, true);
        self
    }

    /// Answers `HEAD` with 405.
    #[must_use]
    pub fn no_head(mut self) -> Self {
        self.no_head = true;
        self
    }
}

/// A running registry, stopped when this handle is dropped.
pub struct Registry {
    server: Running,
    address: String,
    /// Where tests push to, without being asked who they are.
    open: String,
    folder: TempDir,
}

/// Held for as long as the registry shall run.
enum Running {
    Own { _server: Server },
    Distribution { _process: Process },
}

/// A request that the registry or its token server answered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegistryRequest {
    /// `registry` or `token`.
    pub server: String,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// What follows the path.
    pub query: String,
    /// The scheme of the credentials, such as `Bearer`.
    pub authorization: String,
    /// The client's name for itself.
    pub user_agent: String,
    /// The HTTP status.
    pub status: u16,
}

/// A manifest to push.
#[derive(Clone, Debug)]
pub struct PushedArtifact {
    /// Media type and content of the configuration.
    pub config: (String, Vec<u8>),
    /// Media type and content of the layers.
    pub layers: Vec<(String, Vec<u8>)>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

impl PushedArtifact {
    /// An artifact as `flux push artifact` makes it: one layer with a `tar.gz`.
    pub fn flux(tarball: Vec<u8>) -> Self {
        Self {
            config: ("application/vnd.cncf.flux.config.v1+json".to_owned(), b"{}".to_vec()),
            layers: vec![("application/vnd.cncf.flux.content.v1.tar+gzip".to_owned(), tarball)],
            annotations: BTreeMap::new(),
        }
    }

    /// With an annotation more.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

impl Registry {
    /// Starts an open one over plain HTTP.
    pub fn start() -> Result<Self> {
        Self::start_with(&RegistryOptions::default())
    }

    /// Starts one on free ports of the loopback address; it keeps everything in memory.
    pub fn start_with(options: &RegistryOptions) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let mut arguments =
            arguments!["--addr", "127.0.0.1:0", "--open", "127.0.0.1:0", "--log", path("requests")];
        if let Some((user, password)) = &options.basic {
            arguments.extend(arguments!["--user", user, "--password", password]);
        }
        if options.token {
            arguments.extend(arguments!["--token", "127.0.0.1:0"]);
        }
        if options.no_head {
            arguments.extend(arguments!["--no-head"]);
        }
        if options.tls {
            let made = Command::new(e2e_binary()?).args(["certs", "--dir"]).arg(path("tls")).output()?;
            ensure!(made.status.success(), "certs: {}", String::from_utf8_lossy(&made.stderr).trim());
            let (certificate, key) = (path("tls/server.crt"), path("tls/server.key"));
            arguments.extend(arguments!["--tls-cert", certificate, "--tls-key", key]);
        }
        if options.mutual {
            arguments.extend(arguments!["--client-ca", path("tls/ca.crt")]);
        }
        let server = Server::start("registry", &arguments, &path("log"))?;
        let address = |key| server.address(key).map(ToOwned::to_owned).context("no address was announced");
        let (address, open) = (address("registry")?, address("open")?);
        Ok(Self { server: Running::Own { _server: server }, address, open, folder })
    }

    /// Starts CUE's registry, which has an API for referrers and shares no code with the other one.
    pub fn cue() -> Result<Self> {
        Self::cue_with(&[])
    }

    /// As [`cue`](Self::cue), with flags: `--no-referrers` and `--no-filter` for one without that API or without its
    /// filter, `--no-digest` for one whose answers tell no digest.
    pub fn cue_with(flags: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let mut arguments = arguments!["--log", path("requests")];
        arguments.extend(flags.iter().map(std::ffi::OsString::from));
        let server = Server::start_from(registries_binary()?, "serve", &arguments, &path("log"))?;
        let address = server.address("registry").context("no address was announced")?.to_owned();
        Ok(Self { server: Running::Own { _server: server }, open: address.clone(), address, folder })
    }

    /// Starts the CNCF's distribution, which most registries are made of, if it is installed
    /// (Debian's package `docker-registry`).
    pub fn distribution() -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let config = json!({
            "version": 0.1, "log": {"level": "error"}, "http": {"addr": address},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("storage")}},
        });
        let file = folder.path().join("config.yml");
        fs::write(&file, config.to_string())?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file);
        if Command::new("docker-registry").arg("--version").output().is_err() {
            return Ok(None);
        }
        Self::of_others(command, address, folder).map(Some)
    }

    /// Starts zot, which has an API for referrers, where the environment variable `SLUICE_ZOT` names its binary
    /// (<https://zotregistry.dev>).
    pub fn zot() -> Result<Option<Self>> {
        let Some(binary) = std::env::var_os("SLUICE_ZOT") else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let (ip, port) = address.split_once(':').context("no port")?;
        let config = json!({
            "distSpecVersion": "1.1.1", "log": {"level": "error"},
            "http": {"address": ip, "port": port},
            "storage": {"rootDirectory": folder.path().join("storage")},
        });
        let file = folder.path().join("config.json");
        fs::write(&file, config.to_string())?;
        let mut command = Command::new(binary);
        command.arg("serve").arg(&file);
        Self::of_others(command, address, folder).map(Some)
    }

    /// Starts another's program that serves at an address.
    fn of_others(command: Command, address: String, folder: TempDir) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let process = Process::start(command, &folder.path().join("log"), false)?;
        let since = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            if since.elapsed() > Duration::from_secs(20) {
                bail!("{name} does not serve:\n{}", process.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let server = Running::Distribution { _process: process };
        Ok(Self { server, open: address.clone(), address, folder })
    }

    /// Host and port, as image references start.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The CA of the registry's certificate, PEM.
    pub fn ca(&self) -> Result<String> {
        self.read("tls/ca.crt")
    }

    /// A client certificate of the same CA and its key, PEM.
    pub fn client_certificate(&self) -> Result<(String, String)> {
        Ok((self.read("tls/client.crt")?, self.read("tls/client.key")?))
    }

    /// The requests that were answered so far, oldest first, without those of pushes.
    pub fn requests(&self) -> Result<Vec<RegistryRequest>> {
        ensure!(matches!(self.server, Running::Own { .. }), "this registry keeps no journal");
        let text = self.read("requests")?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Pushes an artifact and tags it; returns the digest of its manifest.
    pub async fn push(&self, repository: &str, tag: &str, artifact: &PushedArtifact) -> Result<String> {
        let config = self.push_blob(repository, &artifact.config.0, &artifact.config.1).await?;
        let mut layers = Vec::new();
        for (media_type, content) in &artifact.layers {
            layers.push(self.push_blob(repository, media_type, content).await?);
        }
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers, "annotations": artifact.annotations,
        });
        self.push_manifest(repository, tag, &manifest).await
    }

    /// Pushes a manifest or index of any content under a tag or digest; returns its digest.
    pub async fn push_manifest(&self, repository: &str, tag: &str, manifest: &Value) -> Result<String> {
        let media_type = manifest["mediaType"].as_str().context("the manifest has no mediaType")?;
        let url = format!("http://{}/v2/{repository}/manifests/{tag}", self.open);
        let request = http_client()?.request(Method::PUT, url);
        let sent = request.header("content-type", media_type).body(manifest.to_string()).send().await?;
        let answer = sent.error_for_status()?;
        let digest = answer.headers().get("docker-content-digest").context("no digest in the answer")?;
        Ok(digest.to_str()?.to_owned())
    }

    /// Uploads content; returns its descriptor.
    pub async fn push_blob(&self, repository: &str, media_type: &str, content: &[u8]) -> Result<Value> {
        let client = http_client()?;
        let url = format!("http://{}/v2/{repository}/blobs/uploads/", self.open);
        let begun = client.post(url).send().await?.error_for_status()?;
        let location = begun.headers().get("location").context("no upload location")?.to_str()?;
        // It may be one without a host.
        let location = begun.url().join(location)?;
        let digest = format!("sha256:{}", sha256(content));
        let separator = if location.query().is_some() { '&' } else { '?' };
        let url = format!("{location}{separator}digest={digest}");
        let put = client.put(url).header("content-type", "application/octet-stream").body(content.to_vec());
        put.send().await?.error_for_status()?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": content.len()}))
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.path().join(name);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }
}

fn sha256(content: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(content))
}
