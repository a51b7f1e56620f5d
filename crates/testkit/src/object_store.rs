//! Object stores.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use crate::{
    binary::{e2e_binary, objectstores_binary},
    controller::http_client,
    server::{Server, arguments},
};

/// How an S3 store is guarded.
#[derive(Clone, Debug, Default)]
pub struct S3Options {
    keys: Option<(String, String)>,
    session: Option<String>,
    region: Option<String>,
    ldap: Option<(String, String)>,
    tls: bool,
}

impl S3Options {
    /// Demands signatures with these keys.
    #[must_use]
    pub fn keys(mut self, access: &str, secret: &str) -> Self {
        self.keys = Some((access.to_owned(), secret.to_owned()));
        self
    }

    /// Demands signatures for another region than `us-east-1`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Gives the keys, with a session token that must go along, to this user of a directory.
    #[must_use]
    pub fn ldap(mut self, user: &str, password: &str) -> Self {
        self.ldap = Some((user.to_owned(), password.to_owned()));
        self.session = Some("session".to_owned());
        self
    }

    /// Serves HTTPS, with a certificate of a CA of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }
}

/// A running object store, which keeps everything in memory; stopped when this handle is dropped.
pub struct ObjectStore {
    _server: Server,
    address: String,
    open: String,
    is_google: bool,
    folder: TempDir,
    http: reqwest::Client,
}

/// A request that was answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct StoreRequest {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its query.
    pub query: String,
    /// Its header of that name.
    pub authorization: String,
}

impl ObjectStore {
    /// Starts an S3 store with these buckets on free ports of the loopback address.
    pub fn s3(buckets: &[&str], options: &S3Options) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut arguments = arguments!["--log", folder.path().join("requests")];
        for (flag, value) in [
            ("--access-key", options.keys.as_ref().map(|keys| keys.0.clone())),
            ("--secret-key", options.keys.as_ref().map(|keys| keys.1.clone())),
            ("--session-token", options.session.clone()),
            ("--region", options.region.clone()),
            ("--ldap", options.ldap.as_ref().map(|(user, password)| format!("{user}:{password}"))),
        ] {
            if let Some(value) = value {
                arguments.extend(arguments![flag, value]);
            }
        }
        if options.tls {
            let tls = folder.path().join("tls");
            let made = Command::new(e2e_binary()?).args(["certs", "--dir"]).arg(&tls).output()?;
            ensure!(made.status.success(), "certs: {}", String::from_utf8_lossy(&made.stderr).trim());
            arguments.extend(arguments![
                "--tls-cert",
                tls.join("server.crt"),
                "--tls-key",
                tls.join("server.key")
            ]);
        }
        Self::start("s3", arguments, buckets, folder)
    }

    /// Starts one that plays Google's.
    pub fn gcs(buckets: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let arguments = arguments!["--log", folder.path().join("requests")];
        Self::start("gcs", arguments, buckets, folder)
    }

    fn start(
        program: &str,
        mut arguments: Vec<std::ffi::OsString>,
        buckets: &[&str],
        folder: TempDir,
    ) -> Result<Self> {
        arguments.extend(arguments!["--buckets", buckets.join(",")]);
        let log = folder.path().join("log");
        let server = Server::start_from(objectstores_binary()?, program, &arguments, &log)?;
        let address = |key| server.address(key).map(ToOwned::to_owned).context("no address was announced");
        let (address, open) = (address("store")?, address("open")?);
        let http = http_client()?;
        Ok(Self { _server: server, address, open, is_google: program == "gcs", folder, http })
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The CA of the store's certificate, PEM.
    pub fn ca(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("tls/ca.crt"))?)
    }

    /// Stores an object.
    pub async fn put(&self, bucket: &str, key: &str, content: &str) -> Result<()> {
        let request = if self.is_google {
            let url = format!("http://{}/upload/storage/v1/b/{bucket}/o", self.open);
            let mut url = reqwest::Url::parse(&url)?;
            url.query_pairs_mut().extend_pairs([("uploadType", "media"), ("name", key)]);
            self.http.post(url)
        } else {
            self.http.put(self.url(bucket, key)?)
        };
        let length = content.len().to_string();
        request.header("content-length", length).body(content.to_owned()).send().await?.error_for_status()?;
        Ok(())
    }

    /// Removes an object.
    pub async fn remove(&self, bucket: &str, key: &str) -> Result<()> {
        self.http.delete(self.url(bucket, key)?).send().await?.error_for_status()?;
        Ok(())
    }

    fn url(&self, bucket: &str, key: &str) -> Result<reqwest::Url> {
        let mut url = reqwest::Url::parse(&format!("http://{}/", self.open))?;
        let mut parts = url.path_segments_mut().ok().context("the address is no base")?;
        if self.is_google {
            parts.extend(["storage", "v1", "b", bucket, "o", key]);
        } else {
            parts.clear().push(bucket).extend(key.split('/'));
        }
        drop(parts);
        Ok(url)
    }

    /// The requests that were answered so far, oldest first, without those of this handle.
    pub fn requests(&self) -> Result<Vec<StoreRequest>> {
        let text = std::fs::read_to_string(self.folder.path().join("requests"))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}
