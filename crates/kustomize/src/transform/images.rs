//! Changes the names, tags and digests of container images.

use sluice_goregex::{Regex, RegexError};
use sluice_yaml::{Kind, Node, Value};

use super::Transformer;
use crate::Dialect;
use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::kustomization::Image;
use crate::nodes;
use crate::resmap::ResMap;

/// Changes images of one name.
pub(crate) struct Images {
    image: Image,
    specs: Vec<FieldSpec>,
    /// What is wrong if the name is no expression.
    pattern: Result<Regex, RegexError>,
    dialect: Dialect,
}

impl Images {
    pub(crate) fn new(image: Image, specs: Vec<FieldSpec>, dialect: Dialect) -> Self {
        let digest = match dialect {
            Dialect::V5_8_1 => "sha256",
            Dialect::Latest => "[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*",
        };
        let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@{digest}:[a-zA-Z0-9_.{{}}-]*)?$", image.name);
        Self { pattern: Regex::uncached(pattern.as_bytes()), image, specs, dialect }
    }

    fn update(&self, field: &mut Node) -> Result<(), Error> {
        let Some(old) = field.as_str() else {
            let found = nodes::kind_name(field.kind());
            return Err(Error::NodeKind { expected: "ScalarNode", found });
        };
        let pattern = match (&self.pattern, self.dialect) {
            (Ok(pattern), _) => pattern,
            (Err(error), Dialect::V5_8_1) => return Err(Error::Regex(error.clone())),
            (Err(_), Dialect::Latest) => return Ok(()),
        };
        if pattern.is_match(old.as_bytes()) {
            let new = self.change(old);
            field.set_text(&new);
        }
        Ok(())
    }

    fn change(&self, old: &str) -> String {
        let image = &self.image;
        let (name, mut tag, mut digest) = split(old);
        let suffixed;
        match (image.new_tag.as_str(), image.digest.as_str()) {
            ("", "") if image.tag_suffix.is_empty() => {}
            ("", "") => {
                suffixed = format!("{tag}{}", image.tag_suffix);
                (tag, digest) = (&suffixed, "");
            }
            (new_tag, new_digest) => (tag, digest) = (new_tag, new_digest),
        }
        let mut new = if image.new_name.is_empty() { name.to_owned() } else { image.new_name.clone() };
        for (mark, part) in [(':', tag), ('@', digest)] {
            if !part.is_empty() {
                new.push(mark);
                new.push_str(part);
            }
        }
        new
    }

    /// Changes `image` of everything in lists `containers` and `initContainers`, wherever they are.
    fn walk(&self, node: &mut Node) -> Result<(), Error> {
        if !has_containers(node) {
            return Ok(());
        }
        match &mut node.value {
            Value::Scalar(_) => Ok(()),
            Value::Sequence(items) => items.items_mut().iter_mut().try_for_each(|item| self.walk(item)),
            Value::Mapping(mapping) => {
                for entry in mapping.entries_mut() {
                    self.walk(&mut entry.value)?;
                    if !is_container_list(entry.name()) {
                        continue;
                    }
                    let Some(containers) = entry.value.as_sequence_mut() else { continue };
                    for container in containers.items_mut() {
                        if container.is_null() {
                            continue;
                        }
                        let found = nodes::kind_name(container.kind());
                        let mapping = container.as_mapping_mut();
                        let mapping = mapping.ok_or(Error::NodeKind { expected: "MappingNode", found })?;
                        if let Some(field) = mapping.get_mut("image") {
                            self.update(field)?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

fn is_container_list(name: Option<&str>) -> bool {
    matches!(name, Some("containers" | "initContainers"))
}

fn has_containers(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => false,
        Value::Sequence(items) => items.iter().any(has_containers),
        Value::Mapping(mapping) => {
            mapping.iter().any(|entry| is_container_list(entry.name()) || has_containers(&entry.value))
        }
    }
}

/// Name, tag and digest. A colon before the first slash belongs to the registry's port.
fn split(image: &str) -> (&str, &str, &str) {
    let start = image.find('/').unwrap_or(0);
    let rest = image.get(start..).unwrap_or_default();
    let name_and_tag = match rest.find('@') {
        Some(at) => image.get(..start + at).unwrap_or_default(),
        None => image,
    };
    let digest = image.get(name_and_tag.len() + 1..).unwrap_or_default();
    match name_and_tag.get(start..).and_then(|rest| rest.find(':')) {
        Some(at) => {
            let name = name_and_tag.get(..start + at).unwrap_or_default();
            (name, name_and_tag.get(start + at + 1..).unwrap_or_default(), digest)
        }
        None => (name_and_tag, "", digest),
    }
}

impl Transformer for Images {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        for resource in map.resources_mut().iter_mut().filter(|r| r.kind() != "CustomResourceDefinition") {
            self.walk(&mut resource.node)?;
        }
        for resource in map.resources_mut().iter_mut().filter(|r| r.kind() != "CustomResourceDefinition") {
            for spec in &self.specs {
                resource.apply(spec, None::<Kind>, &mut |field| self.update(field))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_names() {
        for (image, want) in [
            ("nginx", ("nginx", "", "")),
            ("nginx:1", ("nginx", "1", "")),
            ("nginx@sha256:1", ("nginx", "", "sha256:1")),
            ("nginx:1@sha256:2", ("nginx", "1", "sha256:2")),
            ("host:5000/a/nginx:1", ("host:5000/a/nginx", "1", "")),
            ("host:5000/nginx", ("host:5000/nginx", "", "")),
        ] {
            assert_eq!(split(image), want, "{image}");
        }
    }

    #[test]
    fn a_new_tag_drops_the_digest() {
        let image = |new_tag: &str, digest: &str, suffix: &str| Image {
            name: "nginx".into(),
            new_tag: new_tag.into(),
            digest: digest.into(),
            tag_suffix: suffix.into(),
            ..Image::default()
        };
        let change = |image| Images::new(image, vec![], Dialect::Latest).change("nginx:1@sha256:2");
        assert_eq!(change(image("3", "", "")), "nginx:3");
        assert_eq!(change(image("", "sha256:4", "")), "nginx@sha256:4");
        assert_eq!(change(image("3", "sha256:4", "")), "nginx:3@sha256:4");
        assert_eq!(change(image("", "", "-x")), "nginx:1-x");
        assert_eq!(change(image("", "", "")), "nginx:1@sha256:2");
    }
}
