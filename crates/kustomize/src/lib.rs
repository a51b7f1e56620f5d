//! The kustomize build engine: files in, ordered resources out.
//!
//! [`build`] makes of a directory with a kustomization what `kustomize build` makes of it, byte for byte.
//! [`flux`] does what Flux does before: it makes the kustomization file where there is none and adds what a
//! Kustomization object says. Files come from a [`FileSystem`]: [`fs::Jail`] reads below one directory of the disk
//! only.
//!
//! Nothing is fetched and nothing is run: remote bases, Helm charts and plugins that are not built in are errors.

mod accumulator;
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
mod labels;
mod loader;
mod nodes;
mod order;
mod origin;
mod parse;
mod plugins;
mod resmap;
mod resource;
mod schema;
mod shared;
mod target;
mod text;
mod transform;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use error::Error;
pub use fieldspec::FieldSpec;
pub use fs::FileSystem;
pub use ids::{Gvk, ResId};
pub use kustomization::Kustomization;
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
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 256 << 20, files: 100_000, depth: 64 }
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

/// Something that the result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file, by the SHA-256 digest of its content.
    File([u8; 32]),
    /// A directory, by the SHA-256 digest of the names in it.
    Directory([u8; 32]),
    /// A path where nothing was.
    Absent,
}

/// What a build makes.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// The resources in order.
    pub resources: Vec<Resource>,
    /// What was read, by absolute path: as long as this is the same, so is the result.
    pub inputs: BTreeMap<PathBuf, Input>,
    /// What the user should change some day.
    pub warnings: Vec<String>,
}

/// Builds the kustomization in `directory`.
pub fn build(fs: &dyn FileSystem, directory: &Path, options: &Options) -> Result<Build, Error> {
    let context = Context::new(fs, options);
    let target = Target::load(Loader::at(&context, directory)?)?;
    let resources = finish::resources(&target)?;
    drop(target);
    let (inputs, warnings) = context.into_notes();
    Ok(Build { resources, inputs, warnings })
}
