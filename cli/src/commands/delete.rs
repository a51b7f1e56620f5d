//! `delete`: deletes an object.

use anyhow::Result;
use clap::Args;
use kube::api::DeleteParams;

use crate::cluster::explain;
use crate::context::Context;
use crate::objects::ObjectCommand;
use crate::prompt::confirm;

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    object: ObjectCommand<Name>,
}

/// Which object.
#[derive(Args, Clone, Debug)]
pub(crate) struct Name {
    /// Name of the object
    name: String,
    /// Don't ask
    #[arg(short, long)]
    silent: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let (kind, Name { name, silent }) = arguments.object.split();
    let namespace = context.namespace();
    let api = context
        .within(async {
            let api = kind.api(&context.client().await?, namespace);
            api.get_metadata(&name).await.map_err(explain)?;
            Ok(api)
        })
        .await?;
    if !silent {
        confirm(&format!("Are you sure you want to delete this {}", kind.human))?;
    }
    context.output.action(format_args!("deleting {} {name} in {namespace} namespace", kind.human));
    context.within(async { api.delete(&name, &DeleteParams::default()).await.map_err(explain) }).await?;
    context.output.success(format_args!("{} deleted", kind.human));
    Ok(())
}
