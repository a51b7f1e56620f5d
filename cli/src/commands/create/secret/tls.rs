//! `create secret tls`.

use anyhow::{Result, bail};
use clap::Args;

use super::super::flags::{Certificates, Meta};
use super::Secret;
use crate::context::Context;

/// Arguments of `create secret tls`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    meta: Meta,
    #[command(flatten)]
    files: Certificates,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let Some((type_, data)) = arguments.files.data()? else {
        bail!("--tls-crt-file with --tls-key-file, --ca-crt-file, or all of them are required");
    };
    Secret::of(&arguments.meta, data).typed(type_).put("tls secret", &arguments.meta, context).await
}
