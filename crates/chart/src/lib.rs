//! Helm charts, as Helm 4 understands them.

mod chart;
mod decode;
mod gotext;
mod ignore;
pub mod load;
mod metadata;
mod path_match;
pub mod release;
pub mod schema;
mod validate;
pub mod values;

pub use chart::{Chart, Crd, File, NotInstallable};
pub use decode::DecodeError;
pub use load::{LoadError, LoadOptions, Loaded, load};
pub use metadata::{Dependency, Lock, Maintainer, Metadata};
pub use path_match::{BadPattern, path_match};
pub use validate::ValidationError;
