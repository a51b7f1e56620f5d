//! Fields that the `crds` of a kustomization mark in their OpenAPI definitions.

use serde_json::{Map, Value};

use super::{NameReference, TransformerConfig};
use crate::error::Error;
use crate::fieldspec::{FieldSpec, merge_one};
use crate::ids::Gvk;

/// The fields that a file of definitions marks: with labels, annotations, names of itself or of others.
pub(crate) fn from_crds(content: &[u8]) -> Result<TransformerConfig, Error> {
    let text = sluice_yaml::decode(content)?;
    let json = match sluice_yaml::parse_first(&text)? {
        Some(node) => node.to_json(sluice_yaml::Version::V2)?,
        None => Value::Null,
    };
    let mut config = TransformerConfig::default();
    let Value::Object(definitions) = json else {
        return Err(Error::Usage("expected a mapping of type names to OpenAPI definitions".to_owned()));
    };
    for (name, definition) in &definitions {
        if !matches!(definition, Value::Object(_) | Value::Null) {
            return Err(Error::Usage(format!(
                "'{name}' is no OpenAPI definition: a file of 'crds' maps type names to definitions; a \
                 CustomResourceDefinition belongs in 'resources'"
            )));
        }
        let Some(properties) = properties(definition) else { continue };
        if ["kind", "apiVersion", "metadata"].iter().all(|field| properties.contains_key(*field)) {
            let kind = name.rsplit('.').next().unwrap_or(name);
            let mut walk = Walk { definitions: &definitions, kind, config: &mut config, path: Vec::new() };
            walk.definition(name)?;
        }
    }
    Ok(config)
}

fn properties(definition: &Value) -> Option<&Map<String, Value>> {
    member(member_of(definition, "Schema")?, "properties")?.as_object()
}

fn member_of<'v>(value: &'v Value, name: &str) -> Option<&'v Map<String, Value>> {
    member(value.as_object()?, name)?.as_object()
}

/// A member by its name in any case, as Go decodes it.
fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v))
}

struct Walk<'a> {
    definitions: &'a Map<String, Value>,
    kind: &'a str,
    config: &'a mut TransformerConfig,
    path: Vec<&'a str>,
}

/// How deep types may refer to types: kustomize never returns from a type that contains itself.
const MAX_DEPTH: usize = 32;

impl<'a> Walk<'a> {
    fn definition(&mut self, name: &str) -> Result<(), Error> {
        if self.path.len() > MAX_DEPTH {
            return Err(Error::Limit(format!(
                "types of a CRD refer to each other more than {MAX_DEPTH} deep"
            )));
        }
        let Some(properties) = self.definitions.get(name).and_then(properties) else { return Ok(()) };
        for (name, property) in properties {
            self.path.push(name);
            self.property(property)?;
            self.path.pop();
        }
        Ok(())
    }

    fn spec(&self, last: Option<&str>) -> FieldSpec {
        let mut path = self.path.join("/");
        if let Some(last) = last {
            path = format!("{path}/{last}");
        }
        FieldSpec { gvk: Gvk::of_kind(self.kind), path, create: false }
    }

    fn property(&mut self, property: &'a Value) -> Result<(), Error> {
        let spec = self.spec(None);
        let text = |name: &str| property.get(name).and_then(Value::as_str);
        if text("x-kubernetes-annotation").is_some() {
            merge_one(&mut self.config.common_annotations, spec.clone())?;
        }
        if text("x-kubernetes-label-selector").is_some() {
            merge_one(&mut self.config.common_labels, spec.clone())?;
        }
        if text("x-kubernetes-identity").is_some() {
            merge_one(&mut self.config.name_prefix, spec.clone())?;
        }
        if let (Some(version), Some(kind)) =
            (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"))
        {
            let name_key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let gvk = Gvk { version: version.to_owned(), ..Gvk::of_kind(kind) };
            let referrers = vec![self.spec(Some(name_key))];
            self.config.add_name_reference(&NameReference { gvk, referrers })?;
        }
        match property.get("$ref").and_then(Value::as_str) {
            Some(name) => self.definition(name),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_marked_fields() {
        let text = br#"{"my.Bee": {"Schema": {"properties": {
            "kind": {}, "apiVersion": {}, "metadata": {}, "spec": {"$ref": "my.BeeSpec"}}}},
          "my.BeeSpec": {"Schema": {"properties": {"secretRef": {
            "x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Secret"}}}}}"#;
        let config = from_crds(text).unwrap();
        let reference = &config.name_reference[0];
        assert_eq!(reference.gvk.kind, "Secret");
        assert_eq!(reference.referrers[0].path, "spec/secretRef/name");
        assert_eq!(reference.referrers[0].gvk.kind, "Bee");
    }

    #[test]
    fn endless_types_end() {
        let text = br#"{"a": {"Schema": {"properties": {"kind": {}, "apiVersion": {}, "metadata": {},
            "self": {"$ref": "a"}}}}}"#;
        assert!(matches!(from_crds(text).unwrap_err().root(), Error::Limit(_)));
    }
}
