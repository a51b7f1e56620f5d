//! The kustomize build engine: files in, ordered resources out.
//!
//! [`build`] makes of a directory with a kustomization what `kustomize build` makes of it, byte for byte.
//! [`flux`] does what Flux does before: it makes the kustomization file where there is none and adds what a
//! Kustomization object says. Files come from a [`FileSystem`]: [`fs::Jail`] reads below one directory of the disk
//! only.
//!
//! Nothing is fetched but by the [`Remote`] that an [`Environment`] has, no chart is rendered but by its [`Charts`], and
//! nothing is run: plugins that are not built in are errors.

mod accumulator;
pub mod charts;
pub mod cli;
mod config;
mod error;
mod fieldspec;
mod finish;
pub mod flux;
pub mod fs;
mod generate;
mod ids;
pub mod kustomization;
pub mod labels;
mod loader;
mod nodes;
mod order;
mod origin;
mod parse;
mod plugins;
pub mod remote;
mod resmap;
mod resource;
mod schema;
mod settings;
mod shared;
mod target;
mod text;
mod transform;

use std::path::Path;

pub use charts::Charts;
pub use error::Error;
pub use fieldspec::FieldSpec;
pub use fs::FileSystem;
pub use ids::{Gvk, ResId};
pub use kustomization::Kustomization;
pub use remote::{Remote, Repository};
pub use resource::Resource;

use loader::{Context, Loader};
use target::Target;

/// Which release of kustomize to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Version 5.8.1, which Flux 2.9 has.
    #[default]
    V5_8_1,
    /// What is to follow it.
    Latest,
}

/// Which files a kustomization may name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadRestrictions {
    /// Those in or below its own directory.
    #[default]
    RootOnly,
    /// All of the [`FileSystem`].
    None,
}

/// The order of the resources where the kustomization has no `sortOptions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reorder {
    /// As loaded.
    #[default]
    None,
    /// By kind, so that what others need comes first.
    Legacy,
}

/// What the document that a kustomization's `openapi.path` names does to the built-in schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenApi {
    /// Replaces it, as in the kustomize CLI.
    #[default]
    Replaces,
    /// Comes before it, as in Flux.
    Extends,
}

/// Bounds on a build, so that no source can keep its reader busy for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes read, all files together; a file that is read twice counts twice.
    pub bytes: u64,
    /// Files read.
    pub files: usize,
    /// How deep kustomizations may refer to kustomizations.
    pub depth: usize,
    /// Files and repositories fetched.
    pub fetches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 256 << 20, files: 100_000, depth: 64, fetches: 256 }
    }
}

/// How to build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which files a kustomization may name.
    pub load_restrictions: LoadRestrictions,
    /// The order of the resources.
    pub reorder: Reorder,
    /// Which release of kustomize to be like.
    pub dialect: Dialect,
    /// What a custom schema does to the built-in one.
    pub openapi: OpenApi,
    /// Whether to label all resources `app.kubernetes.io/managed-by`.
    pub managed_by_label: bool,
    /// Bounds.
    pub limits: Limits,
}

impl Options {
    /// As Flux builds.
    pub fn flux() -> Self {
        Self { load_restrictions: LoadRestrictions::None, openapi: OpenApi::Extends, ..Self::default() }
    }
}

/// Where a build gets things from.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The files.
    pub files: &'a dyn FileSystem,
    /// The network; without it remote bases are refused.
    pub remote: Option<&'a dyn Remote>,
    /// What renders Helm charts; without it they are refused.
    pub charts: Option<&'a dyn Charts>,
}

impl<'a> Environment<'a> {
    /// Files, and nothing else.
    pub fn of(files: &'a dyn FileSystem) -> Self {
        Self { files, remote: None, charts: None }
    }
}

/// What a build makes.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// The resources in order.
    pub resources: Vec<Resource>,
    /// What the user should change some day.
    pub warnings: Vec<String>,
    /// The URLs of all that was fetched, without credentials: the result depends on more than the files if there
    /// are any.
    pub fetched: Vec<String>,
}

/// Builds the kustomization in `directory` from files alone.
pub fn build(files: &dyn FileSystem, directory: &Path, options: &Options) -> Result<Build, Error> {
    build_in(Environment::of(files), directory, options)
}

/// Builds the kustomization in `directory`.
pub fn build_in(environment: Environment<'_>, directory: &Path, options: &Options) -> Result<Build, Error> {
    let context = Context::new(environment, options);
    let resources = finish::resources(&Target::load(Loader::at(&context, directory)?)?)?;
    Ok(finished(resources, context))
}

/// Builds the kustomization in a directory of a repository.
pub fn build_repository(
    environment: Environment<'_>,
    repository: &Repository,
    options: &Options,
) -> Result<Build, Error> {
    let context = Context::new(environment, options);
    let resources = finish::resources(&Target::load(Loader::at_repository(&context, repository)?)?)?;
    Ok(finished(resources, context))
}

/// The objects among trees that stand in no file, checked as those of a file are: lists are taken apart, what has no
/// kind or name is refused, and so are two objects with the same id.
pub fn resources_of(nodes: Vec<sluice_yaml::Node>) -> Result<Vec<Resource>, Error> {
    let nodes = nodes.into_iter().map(|node| (node, 0)).collect();
    Ok(resmap::ResMap::from_resources(parse::expand(nodes, "")?)?.into_resources())
}

fn finished(resources: Vec<Resource>, context: Context<'_>) -> Build {
    let (warnings, fetched) = context.into_notes();
    Build { resources, warnings, fetched }
}
