//! `kustomize build`: what `kustomize build` does, by the controllers' own engine.

mod charts;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Subcommand};
use sluice_bases::{Network, Policy, Ssh};
use sluice_kustomize::Build;
use sluice_kustomize::cli;
use tokio::runtime::Handle;

use crate::context::Context;

/// Arguments of `kustomize`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what the kustomization in a directory makes
    ///
    /// Takes the flags of `kustomize build`, and two more: --flux builds as Flux does, and --root DIR keeps the build
    /// from reading files outside of a directory.
    #[command(disable_help_flag = true)]
    Build {
        /// Flags, and the directory; the present one when not given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS] [DIRECTORY")]
        arguments: Vec<String>,
    },
}

/// What a build gives.
struct Done {
    warnings: Vec<String>,
    text: String,
    files: Vec<(String, String)>,
}

/// Runs the command, on a thread of the runtime.
pub(crate) fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let Command::Build { arguments } = arguments.command;
    let arguments = cli::Arguments::parse(arguments)?;
    if arguments.help {
        return context.output.data(cli::HELP);
    }
    for note in &arguments.notes {
        context.output.warning(note);
    }
    let output = arguments.output.clone();
    let in_files = output.as_deref().is_some_and(Path::is_dir);
    let policy = Policy { deadline: context.deadline(), ssh: ssh() };
    let runtime = Handle::current();
    let done = tokio::task::block_in_place(|| build(&arguments, runtime, policy, in_files))?;
    for warning in &done.warnings {
        context.output.warning(warning);
    }
    match output {
        None => context.output.data(&done.text),
        Some(path) if in_files => {
            for (name, text) in &done.files {
                let file = path.join(name);
                fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
            }
            Ok(())
        }
        Some(path) => fs::write(&path, &done.text).with_context(|| format!("write {}", path.display())),
    }
}

fn build(arguments: &cli::Arguments, runtime: Handle, policy: Policy, in_files: bool) -> Result<Done> {
    let network = Network::new(runtime.clone(), policy);
    let charts = charts::Renderer::new(arguments, runtime);
    let build: Build = arguments.build_with(Some(&network), Some(&charts)).map_err(told)?;
    let (text, files) = if in_files {
        (String::new(), build.to_files()?.into_iter().collect())
    } else {
        (build.to_yaml()?, Vec::new())
    };
    Ok(Done { warnings: [build.warnings, charts.into_warnings()].concat(), text, files })
}

/// kustomize's words, then what helps to find the place.
fn told(error: sluice_kustomize::Error) -> anyhow::Error {
    let detail = error.detail();
    let error = anyhow::Error::new(error);
    match detail {
        Some(detail) => anyhow!("{error}; {detail}"),
        None => error,
    }
}

/// The user's own key and known hosts, if there are any.
fn ssh() -> Option<Ssh> {
    let folder = Path::new(&std::env::var_os("HOME")?).join(".ssh");
    let identity =
        ["id_ed25519", "id_ecdsa", "id_rsa"].iter().find_map(|name| fs::read(folder.join(name)).ok())?;
    let known_hosts = fs::read(folder.join("known_hosts")).unwrap_or_default();
    Some(Ssh { identity, known_hosts })
}
