//! `create secret helm`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use super::super::{fields, text};
use super::tls::certificates;
use super::{Common, Secret, read};
use crate::context::Context;

/// Arguments of `create secret helm`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: Common,
    /// Name of a user
    #[arg(short, long)]
    username: Option<String>,
    /// Password
    #[arg(short, long)]
    password: Option<String>,
    /// File with the client's certificate
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    tls_crt_file: Option<PathBuf>,
    /// File with its key
    #[arg(long, value_name = "FILE", requires = "tls_crt_file")]
    tls_key_file: Option<PathBuf>,
    /// File with the authority of the server's certificate
    #[arg(long, value_name = "FILE")]
    ca_crt_file: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let credentials = Credentials {
        username: arguments.username,
        password: arguments.password,
        certificate: arguments.tls_crt_file,
        key: arguments.tls_key_file,
        authority: arguments.ca_crt_file,
    };
    let mut secret = Secret::of(&arguments.common, Map::new());
    if let Some((type_, data)) = credentials.read()? {
        (secret.type_, secret.data) = (Some(type_), data);
    }
    secret.put("helm secret", arguments.common.export, context).await
}

/// What a Helm repository may ask for.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Credentials {
    pub(in super::super) username: Option<String>,
    pub(in super::super) password: Option<String>,
    pub(in super::super) certificate: Option<PathBuf>,
    pub(in super::super) key: Option<PathBuf>,
    pub(in super::super) authority: Option<PathBuf>,
}

impl Credentials {
    /// Type and data of a Secret; None if there is nothing to say. A certificate counts before a name and a password.
    pub(in super::super) fn read(&self) -> Result<Option<(&'static str, Map<String, Value>)>> {
        let user =
            fields([("username", text(self.username.as_ref())), ("password", text(self.password.as_ref()))]);
        if user.is_empty() || self.certificate.is_some() {
            return certificates([self.certificate.as_ref(), self.key.as_ref(), self.authority.as_ref()]);
        }
        let mut data = user;
        if let Some(path) = &self.authority {
            data.insert("ca.crt".to_owned(), json!(read(path, "TLS CA file")?));
        }
        Ok(Some(("kubernetes.io/basic-auth", data)))
    }
}
