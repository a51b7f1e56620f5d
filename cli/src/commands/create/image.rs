//! `create image`.

mod policy;
mod repository;
mod update;

use anyhow::Result;
use clap::Subcommand;

use crate::context::Context;

/// What of images to create.
#[derive(Debug, Subcommand)]
pub(crate) enum Image {
    /// `ImageRepository`
    Repository(repository::Arguments),
    /// `ImagePolicy`
    Policy(policy::Arguments),
    /// `ImageUpdateAutomation`
    Update(Box<update::Arguments>),
}

/// Runs the command.
pub(crate) async fn run(image: Image, context: &Context) -> Result<()> {
    match image {
        Image::Repository(arguments) => repository::run(arguments, context).await,
        Image::Policy(arguments) => policy::run(arguments, context).await,
        Image::Update(arguments) => update::run(*arguments, context).await,
    }
}
