//! What `configMapGenerator`, `secretGenerator` and `generatorOptions` say.

use std::collections::BTreeMap;

use serde_json::Value;

use super::decode::{At, Decode, DecodeError, Fields};

/// `generatorOptions`, and `options` of one generator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneratorOptions {
    /// Labels of what is generated.
    pub labels: BTreeMap<String, String>,
    /// Annotations of what is generated.
    pub annotations: BTreeMap<String, String>,
    /// Leave the name without a hash.
    pub disable_name_suffix_hash: bool,
    /// Set `immutable`.
    pub immutable: bool,
}

impl GeneratorOptions {
    /// Adds the global options: they never override a local label or annotation, and can't be switched off locally.
    pub(crate) fn merge_global(local: Option<Self>, global: Option<&Self>) -> Option<Self> {
        let Some(global) = global else { return local };
        let mut merged = local.unwrap_or_default();
        for (key, value) in &global.labels {
            merged.labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
        for (key, value) in &global.annotations {
            merged.annotations.entry(key.clone()).or_insert_with(|| value.clone());
        }
        merged.disable_name_suffix_hash |= global.disable_name_suffix_hash;
        merged.immutable |= global.immutable;
        Some(merged)
    }
}

impl Fields for GeneratorOptions {
    const TYPE: &'static str = "GeneratorOptions";
    const FIELDS: &'static [&'static str] = &["labels", "annotations", "disableNameSuffixHash", "immutable"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "labels" => self.labels = Decode::decode(value, at)?,
            "annotations" => self.annotations = Decode::decode(value, at)?,
            "disableNameSuffixHash" => self.disable_name_suffix_hash = Decode::decode(value, at)?,
            _ => self.immutable = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// An entry of `configMapGenerator`, and most of one of `secretGenerator`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneratorArgs {
    /// Namespace.
    pub namespace: String,
    /// Name without hash.
    pub name: String,
    /// `create`, `replace` or `merge`.
    pub behavior: String,
    /// `key=value`
    pub literals: Vec<String>,
    /// `[key=]path`
    pub files: Vec<String>,
    /// Files with lines `key=value`.
    pub envs: Vec<String>,
    /// Options of this generator.
    pub options: Option<GeneratorOptions>,
    env: String,
}

impl GeneratorArgs {
    /// Moves the deprecated single `env` behind the `envs`.
    pub(crate) fn move_env(&mut self) {
        if !self.env.is_empty() {
            self.envs.push(std::mem::take(&mut self.env));
        }
    }
}

impl Fields for GeneratorArgs {
    const TYPE: &'static str = "ConfigMapArgs";
    const FIELDS: &'static [&'static str] =
        &["namespace", "name", "behavior", "literals", "files", "envs", "env", "options"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "namespace" => self.namespace = Decode::decode(value, at)?,
            "name" => self.name = Decode::decode(value, at)?,
            "behavior" => self.behavior = Decode::decode(value, at)?,
            "literals" => self.literals = Decode::decode(value, at)?,
            "files" => self.files = Decode::decode(value, at)?,
            "envs" => self.envs = Decode::decode(value, at)?,
            "env" => self.env = Decode::decode(value, at)?,
            _ => self.options = Decode::decode(value, at)?,
        }
        Ok(())
    }
    fn embedded(field: &str) -> &'static str {
        match field {
            "literals" | "files" | "envs" | "env" => "GeneratorArgs.KvPairSources",
            _ => "GeneratorArgs",
        }
    }
}

/// An entry of `secretGenerator`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretArgs {
    /// What Secrets and ConfigMaps have in common.
    pub args: GeneratorArgs,
    /// The Secret's type; `Opaque` if empty.
    pub secret_type: String,
}

impl Fields for SecretArgs {
    const TYPE: &'static str = "SecretArgs";
    const FIELDS: &'static [&'static str] =
        &["namespace", "name", "behavior", "literals", "files", "envs", "env", "options", "type"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "type" => self.secret_type = Decode::decode(value, at)?,
            other => self.args.set(other, value, at)?,
        }
        Ok(())
    }
    fn embedded(field: &str) -> &'static str {
        if field == "type" { "" } else { GeneratorArgs::embedded(field) }
    }
}
