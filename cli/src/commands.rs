//! One module for each command.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod completion;
pub(crate) mod create;
pub(crate) mod debug;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod envsubst;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod helm;
pub(crate) mod helmrelease;
pub(crate) mod install;
pub(crate) mod kustomize;
pub(crate) mod logs;
pub(crate) mod migrate;
pub(crate) mod reconcile;
pub(crate) mod resume;
pub(crate) mod stats;
pub(crate) mod suspend;
pub(crate) mod trace;
pub(crate) mod tree;
pub(crate) mod trigger;
pub(crate) mod uninstall;
pub(crate) mod version;

use anyhow::Result;

use crate::args::Command;
use crate::context::Context;

/// Runs a command.
pub(crate) async fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Get(arguments) => get::run(arguments, context).await,
        Command::Reconcile(arguments) => reconcile::run(arguments, context).await,
        Command::Suspend(arguments) => context.within(suspend::run(arguments, context)).await,
        Command::Resume(arguments) => resume::run(arguments, context).await,
        Command::Export(arguments) => context.within(export::run(arguments, context)).await,
        Command::Create(arguments) => create::run(arguments, context).await,
        Command::Delete(arguments) => delete::run(arguments, context).await,
        Command::Tree(arguments) => context.within(tree::run(arguments, context)).await,
        Command::Events(arguments) => events::run(arguments, context).await,
        Command::Logs(arguments) => logs::run(arguments, context).await,
        Command::Stats(arguments) => context.within(stats::run(&arguments, context)).await,
        Command::Debug(arguments) => context.within(debug::run(arguments, context)).await,
        Command::Build(arguments) => Box::pin(build::run(arguments, context)).await,
        Command::Diff(arguments) => Box::pin(diff::run(arguments, context)).await,
        Command::Trace(arguments) => context.within(trace::run(arguments, context)).await,
        Command::Envsubst(arguments) => envsubst::run(&arguments, context),
        Command::Trigger(arguments) => trigger::run(arguments, context).await,
        Command::Kustomize(arguments) => kustomize::run(arguments, context),
        Command::Helm(arguments) => helm::run(&arguments, context).await,
        Command::Install(arguments) => Box::pin(install::run(arguments, context)).await,
        Command::Migrate(arguments) => migrate::run(arguments, context).await,
        Command::Uninstall(arguments) => uninstall::run(arguments, context).await,
        Command::Check(arguments) => check::run(&arguments, context).await,
        Command::Version(arguments) => context.within(version::run(&arguments, context)).await,
        Command::Completion(arguments) => completion::run(&arguments, context),
    }
}
