//! Flags that several kinds have.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};
use sluice_apis::meta::Duration;

use super::{fields, lines, local, text};

/// Flags of everything that is created.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Meta {
    /// Name of the object
    #[arg(value_parser = object_name)]
    pub(super) name: String,
    /// Print the object instead of creating it
    #[arg(long)]
    pub(super) export: bool,
    /// Labels of the object
    #[arg(long = "label", value_delimiter = ',', value_name = "KEY=VALUE", value_parser = label)]
    pub(super) labels: Vec<(String, String)>,
}

impl Meta {
    /// The labels, by their keys.
    pub(super) fn labels(&self) -> Map<String, Value> {
        self.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect()
    }

    /// `metadata` of an object in a namespace.
    pub(super) fn of_object(&self, namespace: &str) -> Map<String, Value> {
        fields([
            ("name", Some(json!(self.name))),
            ("namespace", Some(json!(namespace))),
            ("labels", (!self.labels.is_empty()).then(|| Value::Object(self.labels()))),
        ])
    }
}

/// Flags of what is reconciled at intervals.
#[derive(Args, Clone, Debug)]
pub(super) struct Common {
    #[command(flatten)]
    pub(super) meta: Meta,
    /// How often to reconcile
    #[arg(long, default_value = "1m0s")]
    pub(super) interval: Duration,
}

/// A user and a password.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct User {
    /// Name of a user
    #[arg(short, long)]
    pub(super) username: Option<String>,
    /// Password
    #[arg(short, long)]
    pub(super) password: Option<String>,
}

impl User {
    /// What a Secret holds of them.
    pub(super) fn data(&self) -> Map<String, Value> {
        fields([("username", text(self.username.as_ref())), ("password", text(self.password.as_ref()))])
    }
}

/// Files with a certificate, its key, and an authority.
#[derive(Args, Clone, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "the fields are the flags' names")]
pub(super) struct Certificates {
    /// File with the certificate
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    pub(super) tls_crt_file: Option<PathBuf>,
    /// File with its key
    #[arg(long, value_name = "FILE", requires = "tls_crt_file")]
    pub(super) tls_key_file: Option<PathBuf>,
    /// File with the authority of the other side's certificate
    #[arg(long, value_name = "FILE")]
    pub(super) ca_crt_file: Option<PathBuf>,
}

impl Certificates {
    /// Type and data of a Secret with the files' contents; None without any.
    pub(super) fn data(&self) -> Result<Option<(&'static str, Map<String, Value>)>> {
        let text = |path: &Option<PathBuf>, what: &str| -> Result<Option<Value>> {
            path.as_ref().map(|path| super::secret::read(path, what).map(|text| json!(text))).transpose()
        };
        let data = fields([
            ("ca.crt", text(&self.ca_crt_file, "TLS CA file")?),
            ("tls.crt", text(&self.tls_crt_file, "cert file")?),
            ("tls.key", text(&self.tls_key_file, "key file")?),
        ]);
        if data.is_empty() {
            return Ok(None);
        }
        // The type asks for both keys.
        Ok(Some((if self.tls_crt_file.is_some() { "kubernetes.io/tls" } else { "Opaque" }, data)))
    }
}

/// How a source is fetched, and what of it.
#[derive(Args, Clone, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "the fields are the flags' names")]
pub(super) struct Fetch {
    /// Secret with the credentials
    #[arg(long, value_name = "SECRET")]
    pub(super) secret_ref: Option<String>,
    /// Secret with the address of a proxy
    #[arg(long, value_name = "SECRET")]
    proxy_secret_ref: Option<String>,
    /// Patterns of what to leave out
    #[arg(long, value_delimiter = ',', value_name = "PATTERN,…")]
    ignore_paths: Vec<String>,
    /// How long fetching may take
    #[arg(long, value_name = "DURATION")]
    fetch_timeout: Option<Duration>,
}

impl Fetch {
    /// The fields of the spec.
    pub(super) fn spec(&self) -> Map<String, Value> {
        fields([
            ("secretRef", local(self.secret_ref.as_ref())),
            ("proxySecretRef", local(self.proxy_secret_ref.as_ref())),
            ("ignore", lines(&self.ignore_paths)),
            ("timeout", self.fetch_timeout.map(|timeout| json!(timeout))),
        ])
    }
}

/// A name that objects may have.
pub(super) fn object_name(text: &str) -> Result<String, String> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "name '{text}' is invalid, it should adhere to standard defined in RFC 1123, the name can only contain \
             alphanumeric characters or '-'"
        ))
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("invalid label format '{text}', must be key=value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_checked() {
        assert!(object_name("app-1").is_ok() && object_name("App").is_err() && object_name("-a").is_err());
        assert_eq!(label("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(label("a"), Err("invalid label format 'a', must be key=value".into()));
    }
}
