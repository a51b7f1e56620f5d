//! What a release consists of: rendered files become hooks and manifests, in the order in which Helm uses them.

mod head;
mod hooks;
mod kinds;
mod sort;
mod split;

pub use head::Head;
pub use hooks::{DeletePolicy, Event, Hook, OutputLogPolicy};
pub use kinds::{INSTALL_ORDER, UNINSTALL_ORDER};
pub use sort::{
    Manifest, SortError, Sorted, document_parts, document_text, manifest_text, sort, uninstall_order,
};
pub(crate) use sort::{is_partial, sort_documents};
pub use split::split;
