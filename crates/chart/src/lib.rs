//! Helm charts, as Helm 4 understands them.

mod chart;
mod content;
mod decode;
mod engine;
mod gotext;
mod ignore;
pub mod load;
mod metadata;
mod name;
mod path_match;
pub mod postrender;
pub mod release;
mod render;
mod save;
pub mod schema;
mod validate;
pub mod values;

pub use chart::{Chart, Crd, File, NotInstallable};
pub use content::Content;
pub use decode::DecodeError;
pub use engine::{
    Capabilities, KubeVersion, KubeVersionError, Lookup, NoCluster, ReleaseInfo, TemplateError,
};
pub use load::{LoadError, LoadOptions, Loaded, load};
pub use metadata::{Dependency, Lock, Maintainer, Metadata};
pub use name::{InvalidName, NameTemplateError, check_release_name, render_name};
pub use path_match::{BadPattern, path_match};
pub use render::{RenderError, RenderOptions, Rendered, Templates, render, templates};
pub use sluice_gotmpl::Limits as RenderLimits;
pub use validate::ValidationError;
