//! What Helm reads of a manifest.

use std::collections::BTreeMap;

use crate::decode::{self, DecodeError, Place};

/// The fields of a manifest that decide how Helm treats it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `apiVersion`
    pub api_version: String,
    /// `kind`
    pub kind: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.annotations`
    pub annotations: BTreeMap<String, String>,
}

/// How Go calls the type of `metadata`, a struct without a name.
const METADATA: &str =
    r#"struct { Name string "json:\"name\""; Annotations map[string]string "json:\"annotations\"" }"#;

impl Head {
    /// Reads the head of a document. One without content has an empty head.
    pub fn read(yaml: &str) -> Result<Self, DecodeError> {
        let mut head = Self::default();
        let Some(node) = decode::document(yaml.as_bytes())? else { return Ok(head) };
        decode::check(&node)?;
        let place = |path| Place { root: "SimpleHead", path };
        let fields = decode::fields(&node, place(""), "util.SimpleHead")?;
        for (name, value) in fields.into_iter().flatten() {
            match name.to_ascii_lowercase().as_str() {
                "apiversion" => set(&mut head.api_version, decode::text(value, place("apiVersion"))?),
                "kind" => set(&mut head.kind, decode::text(value, place("kind"))?),
                "metadata" => {
                    let fields = decode::fields(value, place("metadata"), METADATA)?;
                    // The inner struct has no name.
                    let place = |path| Place { root: "", path };
                    for (name, value) in fields.into_iter().flatten() {
                        match name.to_ascii_lowercase().as_str() {
                            "name" => set(&mut head.name, decode::text(value, place("metadata.name"))?),
                            "annotations" => {
                                let annotations = decode::text_map(value, place("metadata.annotations"))?;
                                head.annotations.extend(annotations.unwrap_or_default());
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(head)
    }
}

fn set(target: &mut String, text: Option<String>) {
    if let Some(text) = text {
        *target = text;
    }
}
