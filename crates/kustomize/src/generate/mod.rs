//! ConfigMaps and Secrets from literals and files, and the hashes of their names.

mod hash;
mod pairs;

use std::collections::BTreeMap;

use base64::Engine;
use sluice_yaml::{Mapping, Node};

pub(crate) use hash::name_hash;

use crate::error::Error;
use crate::kustomization::{GeneratorArgs, GeneratorOptions, SecretArgs};
use crate::loader::Loader;
use crate::nodes;
use crate::resource::{Behavior, Resource};

/// Makes a ConfigMap.
pub(crate) fn config_map(args: &GeneratorArgs, loader: &Loader<'_>) -> Result<Resource, Error> {
    let mut mapping = base("ConfigMap", args)?;
    load_data(&mut mapping, &pairs::load(args, false, loader)?);
    Ok(finish(mapping, args))
}

/// Makes a Secret.
pub(crate) fn secret(secret: &SecretArgs, loader: &Loader<'_>) -> Result<Resource, Error> {
    let mut mapping = base("Secret", &secret.args)?;
    let secret_type = if secret.secret_type.is_empty() { "Opaque" } else { &secret.secret_type };
    nodes::set_field(&mut mapping, "type", Node::string(secret_type));
    let mut data = Mapping::new();
    for (key, value) in pairs::load(&secret.args, true, loader)? {
        nodes::set_field(&mut data, &key, Node::string(&base64_lines(&value)));
    }
    nodes::set_field(&mut mapping, "data", data.into());
    Ok(finish(mapping, &secret.args))
}

fn base(kind: &str, args: &GeneratorArgs) -> Result<Mapping, Error> {
    if args.name.is_empty() {
        return Err(Error::Usage("a configmap must have a name".to_owned()));
    }
    let mut metadata = Mapping::new();
    nodes::set_field(&mut metadata, "name", Node::string(&args.name));
    if !args.namespace.is_empty() {
        nodes::set_field(&mut metadata, "namespace", Node::string(&args.namespace));
    }
    let mut mapping = Mapping::new();
    nodes::set_field(&mut mapping, "apiVersion", Node::string("v1"));
    nodes::set_field(&mut mapping, "kind", Node::string(kind));
    nodes::set_field(&mut mapping, "metadata", metadata.into());
    Ok(mapping)
}

fn finish(mut mapping: Mapping, args: &GeneratorArgs) -> Resource {
    let options = args.options.clone().unwrap_or_default();
    if options.immutable {
        nodes::set_field(&mut mapping, "immutable", Node::bool(true));
    }
    let mut resource = Resource::new(mapping.into());
    set_metadata(&mut resource, &options);
    resource.memory.is_generated = true;
    resource.memory.needs_hash = !options.disable_name_suffix_hash;
    resource.memory.behavior = Behavior::parse(&args.behavior);
    resource
}

fn set_metadata(resource: &mut Resource, options: &GeneratorOptions) {
    resource.set_labels(&options.labels);
    resource.set_annotations(&options.annotations);
}

/// Puts texts into `data`, and what is no UTF-8 into `binaryData`.
fn load_data(mapping: &mut Mapping, pairs: &BTreeMap<String, Vec<u8>>) {
    for (key, value) in pairs {
        let (field, value) = match std::str::from_utf8(value) {
            Ok(text) => ("data", Node::string(text)),
            Err(_) => ("binaryData", Node::string(&base64_lines(value))),
        };
        if !mapping.contains_key(field) {
            nodes::set_field(mapping, field, Node::mapping());
        }
        if let Some(data) = mapping.get_mut(field).and_then(Node::as_mapping_mut) {
            nodes::set_field(data, key, value);
        }
    }
}

/// Base64, in lines of 70 characters if there are more, as kyaml writes it.
fn base64_lines(value: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(value);
    if encoded.len() < LINE {
        return encoded;
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / LINE + 1);
    let mut rest = encoded.as_str();
    while let Some((line, after)) =
        rest.split_at_checked(LINE.min(rest.len())).filter(|(line, _)| !line.is_empty())
    {
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines
}

const LINE: usize = 70;

/// Adds the data of an existing resource below that of the one that changes it.
pub(crate) fn merge_data(resource: &mut Resource, old: &Resource) {
    for field in ["data", "binaryData"] {
        let mut merged = nodes::string_map(old.node.get(field));
        merged.extend(nodes::string_map(resource.node.get(field)));
        let Some(mapping) = resource.node.as_mapping_mut() else { continue };
        mapping.remove(field);
        if !merged.is_empty() {
            nodes::set_field(mapping, field, nodes::from_string_map(&merged));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_base64_has_lines() {
        assert_eq!(base64_lines(&[0; 3]), "AAAA");
        let lines = base64_lines(&[0; 60]);
        assert_eq!(lines, format!("{}\n{}\n", "A".repeat(70), "A".repeat(10)));
    }
}
