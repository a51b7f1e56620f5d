//! Charts and values from elsewhere.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use sluice_chart::schema::FetchSchema;
use sluice_chartrepo::download::{Basic, Limit};
use sluice_chartrepo::{Access, Fetcher, Repositories};
use sluice_http::{ClientCertificate, Tls};
use sluice_oci::Keychain;
use sluice_verify::KeyRing;
use tokio::runtime::Handle;

use super::flags::From;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_mins(2);
/// The largest document that a schema may refer to, in bytes.
const MAX_SCHEMA: u64 = 5 << 20;
/// How many documents schemas may refer to.
const MAX_SCHEMAS: usize = 64;

/// A fetcher with what flags and Helm's files say.
pub(super) fn fetcher(from: &From) -> Result<Fetcher> {
    let folder = config_home();
    let file = |flag: &Option<PathBuf>, variable: &str, below: &str| {
        flag.clone()
            .or_else(|| env::var_os(variable).map(PathBuf::from))
            .unwrap_or_else(|| folder.join(below))
    };
    let list = file(&from.repository_config, "HELM_REPOSITORY_CONFIG", "repositories.yaml");
    let logins = file(&from.registry_config, "HELM_REGISTRY_CONFIG", "registry/config.json");
    let mut keychain = Keychain::default();
    if let Ok(json) = fs::read(&logins) {
        keychain.add_config(&json).with_context(|| logins.display().to_string())?;
    }
    Ok(Fetcher::new(Access {
        credentials: credentials(from)?,
        pass_credentials: from.pass_credentials,
        tls: tls(from)?,
        plain_http: from.plain_http,
        keychain,
        repositories: Repositories::read(&list)?,
        timeout: TIMEOUT,
    }))
}

/// Where Helm keeps its files.
fn config_home() -> PathBuf {
    let below = |variable: &str, path: &str| env::var_os(variable).map(|base| Path::new(&base).join(path));
    below("HELM_CONFIG_HOME", "")
        .or_else(|| below("XDG_CONFIG_HOME", "helm"))
        .or_else(|| below("HOME", ".config/helm"))
        .unwrap_or_default()
}

fn credentials(from: &From) -> Result<Option<Basic>> {
    match (&from.username, &from.password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some(Basic { user: user.clone(), password: password.clone() })),
        _ => bail!("--username and --password go together"),
    }
}

fn tls(from: &From) -> Result<Tls> {
    let read = |path: &Option<PathBuf>| match path {
        None => Ok(None),
        Some(path) => fs::read(path).map(Some).with_context(|| path.display().to_string()),
    };
    let client = match (read(&from.cert_file)?, read(&from.key_file)?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        _ => bail!("--cert-file and --key-file go together"),
    };
    Ok(Tls { ca: read(&from.ca_file)?, client, accept_any: from.insecure_skip_tls_verify })
}

/// The keys that may sign charts.
pub(super) fn keys(from: &From) -> Result<KeyRing> {
    let path = from.keyring.clone().unwrap_or_else(|| {
        let folder = env::var_os("GNUPGHOME").map(PathBuf::from);
        let folder = folder.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".gnupg")));
        folder.unwrap_or_default().join("pubring.gpg")
    });
    let bytes = fs::read(&path).with_context(|| {
        format!("read the keyring {}: give one that 'gpg --export' wrote with --keyring", path.display())
    })?;
    KeyRing::read_bytes(&bytes).with_context(|| path.display().to_string())
}

/// Fetches from work that blocks. What it needs is read when the first file is asked for.
#[derive(Clone)]
pub(super) struct Fetch(Arc<Inner>);

struct Inner {
    from: From,
    runtime: Handle,
    fetcher: OnceLock<Fetcher>,
    /// How many documents schemas have asked for.
    schemas: AtomicUsize,
}

impl Fetch {
    pub(super) fn new(from: From, runtime: Handle) -> Self {
        Self(Arc::new(Inner { from, runtime, fetcher: OnceLock::new(), schemas: AtomicUsize::new(0) }))
    }

    /// The content of an address of at most `bytes` bytes.
    pub(super) fn file(&self, url: &str, bytes: u64) -> Result<Vec<u8>> {
        let inner = &self.0;
        let fetcher = if let Some(fetcher) = inner.fetcher.get() {
            fetcher
        } else {
            let fetcher = fetcher(&inner.from)?;
            inner.fetcher.get_or_init(|| fetcher)
        };
        let limit = Limit { bytes, what: "the file is larger than the limit" };
        Ok(inner.runtime.block_on(fetcher.file(url, limit))?)
    }

    /// Fetches what schemas refer to over HTTP: so many documents of such a size at most.
    pub(super) fn schemas(&self) -> FetchSchema {
        let fetch = self.clone();
        Arc::new(move |url| {
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(format!("{url} is not read: put what it defines into values.schema.json"));
            }
            if fetch.0.schemas.fetch_add(1, Ordering::Relaxed) >= MAX_SCHEMAS {
                return Err(format!("{url}: schemas refer to more than {MAX_SCHEMAS} documents"));
            }
            fetch.file(url, MAX_SCHEMA).map_err(|error| error.to_string())
        })
    }
}
