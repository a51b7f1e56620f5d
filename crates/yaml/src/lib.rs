//! YAML trees with positions and comments, read and written as Go's YAML libraries do.
//!
//! Kubernetes' tools read manifests with two Go libraries whose rules differ from each other, from YAML's own
//! document and from every other library. This crate follows them: [`Version::V2`] is `sigs.k8s.io/yaml` (on go-yaml
//! v2), [`Version::V3`] is go-yaml v3 as kyaml and kustomize use it.
//!
//! - [`parse`] makes a tree of [`Node`]s: order, comments, styles and positions kept, aliases replaced by what they
//!   name. The tree is the same for both versions; what a scalar means is asked later, with [`Node::resolve`].
//! - [`Node::to_json`] makes the JSON value that the Go library of that version decodes.
//! - [`to_yaml`] writes a JSON value byte for byte as `sigs.k8s.io/yaml` marshals it, [`to_yaml_pretty`] as go-yaml v3.
//!
//! ```
//! let node = sluice_yaml::parse_first("b: [yes, 0777]\na: {x: 1}\n")?.unwrap_or_default();
//! let json = node.to_json(sluice_yaml::Version::V2)?;
//! assert_eq!(sluice_yaml::to_yaml(&json), "a:\n  x: 1\nb:\n- true\n- 511\n");
//! # Ok::<(), sluice_yaml::Error>(())
//! ```
//!
//! Where Go's libraries lose data or give no answer, this crate differs from them:
//! - a null key at a document's root is an error for [`Version::V3`] too (go-yaml drops the entry), and so are `[]`
//!   and `{}` as keys (go-yaml drops the entry and what follows);
//! - errors name the right line, on line 1 too; `"could not find expected ':'"` and open quotes name the line where
//!   the key or quote starts;
//! - control characters are written escaped (Go's encoder refuses them), and a U+0085 as `\N` (it becomes a space);
//! - keys that the natural order puts in a circle (`v10`, `v1alpha1`, `v2`) come in one order (Go's changes from run
//!   to run);
//! - collections nest to a depth of 256 (Go: 10,000), see [`Limits`];
//! - `<<: *alias` may name a list of mappings, which Go refuses where it takes the same list written out;
//! - anchors end with their document (go-yaml v3 keeps them for the next one).

mod document;
pub mod emit;
mod error;
mod go_text;
mod json;
mod merge;
mod node;
mod number;
mod parse;
mod position;
mod resolve;
mod timestamp;

pub use document::{Document, Limits, decode, documents, parse, parse_bytes, parse_data, parse_first};
pub use emit::{to_yaml, to_yaml_by_bytes, to_yaml_pretty, to_yaml_unfolded};
pub use error::Error;
pub use json::JsonOptions;
pub use node::{Comments, Entry, Kind, Mapping, Node, Scalar, ScalarStyle, Sequence, Value};
pub use position::Position;
pub use resolve::{Mismatch, Resolved, Version, tag};
