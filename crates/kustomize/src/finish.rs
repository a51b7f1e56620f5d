//! What is done once, at the end of a build: hashes, references, variables, order, annotations.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::generate::name_hash;
use crate::ids::split_api_version;
use crate::origin;
use crate::resource::{ORIGIN, Resource, TRANSFORMATIONS};
use crate::target::Target;
use crate::transform::{self, Transformer};
use crate::{Build, Dialect, Reorder, order};

/// Resources for tools that never reach the cluster.
const LOCAL_CONFIG: &str = "config.kubernetes.io/local-config";
/// The version in the managed-by label: that of the kustomize release this is like. (A program that only links
/// kustomize writes its own version there.)
const VERSION: &str = "v5.8.1";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Annotations that kustomize keeps its own notes in: they never leave a build.
const INTERNAL: &str = "internal.config.kubernetes.io/";
const INTERNAL_NAMES: [&str; 14] = [
    "previousKinds",
    "previousNames",
    "prefixes",
    "suffixes",
    "previousNamespaces",
    "allowNameChange",
    "allowKindChange",
    "refBy",
    "generatorBehavior",
    "needsHashSuffix",
    "path",
    "index",
    "seqindent",
    "id",
];
const LEGACY_INTERNAL: [&str; 3] =
    ["config.kubernetes.io/path", "config.kubernetes.io/index", "config.k8s.io/id"];

/// The resources of a target, finished.
pub(crate) fn resources(target: &Target<'_>) -> Result<Vec<Resource>, Error> {
    let mut accumulated = target.accumulate()?;
    for resource in accumulated.map.resources_mut() {
        if resource.memory.needs_hash {
            add_hash(resource)?;
        }
    }
    transform::fix_references(&mut accumulated.map, &accumulated.config.name_reference)?;
    let unused = transform::resolve_vars(&mut accumulated)?;
    if !unused.is_empty() {
        let warning = || format!("well-defined vars that were never replaced: {}", unused.join(","));
        target.context().warn("vars", warning);
    }
    let mut kept = accumulated.map.into_resources();
    kept.iter().try_for_each(|resource| crate::parse::check(resource.node(), 0))?;
    kept.retain(|resource| resource.annotations().get(LOCAL_CONFIG).is_none_or(|value| value == "false"));
    sort(target, &mut kept)?;
    let mut map = crate::resmap::ResMap::from_resources(kept)?;
    if target.context().options.managed_by_label || target.has_metadata("managedByLabel") {
        let label = (MANAGED_BY.to_owned(), format!("kustomize-{VERSION}"));
        let field = FieldSpec { path: "metadata/labels".to_owned(), create: true, ..FieldSpec::default() };
        transform::Labels::new(BTreeMap::from([label]), vec![field]).transform(&mut map)?;
    }
    let (origins, transformations) =
        (target.has_metadata("originAnnotations"), target.has_metadata("transformerAnnotations"));
    let mut resources = map.into_resources();
    let is_latest = target.context().options.dialect == Dialect::Latest;
    for resource in &mut resources {
        annotate(resource, origins, transformations, is_latest);
    }
    Ok(resources)
}

pub(crate) fn add_hash(resource: &mut Resource) -> Result<(), Error> {
    let hash = name_hash(resource)?;
    resource.store_previous_id();
    let name = format!("{}-{hash}", resource.name());
    resource.set_name(&name);
    Ok(())
}

fn sort(target: &Target<'_>, resources: &mut [Resource]) -> Result<(), Error> {
    if let Some(options) = &target.kustomization.sort_options {
        return order::sort(resources, options);
    }
    if target.context().options.reorder == Reorder::Legacy {
        order::legacy(resources);
    }
    Ok(())
}

/// Leaves only those of the build's own annotations that the kustomization asks for; all values become texts.
fn annotate(resource: &mut Resource, origins: bool, transformations: bool, is_latest: bool) {
    let mut annotations = resource.annotations();
    annotations.retain(|key, _| {
        let internal = key.strip_prefix(INTERNAL).is_some_and(|name| INTERNAL_NAMES.contains(&name));
        let of_chart = is_latest && key == crate::charts::GENERATED;
        !internal && !of_chart && !LEGACY_INTERNAL.contains(&key.as_str())
    });
    match resource.memory.origin.as_ref().filter(|_| origins) {
        Some(origin) => _ = annotations.insert(ORIGIN.to_owned(), origin.to_yaml()),
        None if !origins => _ = annotations.remove(ORIGIN),
        None => {}
    }
    if !transformations {
        annotations.remove(TRANSFORMATIONS);
    } else if !resource.memory.transformations.is_empty() {
        let text = origin::list_to_yaml(&resource.memory.transformations);
        annotations.insert(TRANSFORMATIONS.to_owned(), text);
    }
    if resource.node.get("metadata").is_none() {
        // Only a list without items can do without. kustomize gives it some on the way.
        let _ = crate::nodes::mapping_at(&mut resource.node, "metadata");
    }
    resource.set_annotations(&annotations);
}

impl Build {
    /// The text that `kustomize build` prints.
    pub fn to_yaml(&self) -> Result<String, Error> {
        let mut out = String::new();
        for (at, resource) in self.resources.iter().enumerate() {
            if at > 0 {
                out.push_str("---\n");
            }
            out.push_str(&text(resource)?);
        }
        Ok(out)
    }

    /// What `kustomize build --output DIRECTORY` writes: the names of files, and what is in them.
    pub fn to_files(&self) -> Result<BTreeMap<String, String>, Error> {
        let namespaces: BTreeSet<String> = self.resources.iter().filter_map(namespace).collect();
        let mut files = BTreeMap::new();
        for resource in &self.resources {
            let (group, version) = split_api_version(resource.api_version());
            let kind = [group, version, resource.kind()].into_iter().filter(|part| !part.is_empty());
            let kind = kind.collect::<Vec<_>>().join("_");
            let name = format!("{kind}_{}.yaml", resource.name()).to_lowercase();
            let name = match namespace(resource).filter(|_| namespaces.len() > 1) {
                Some(namespace) => format!("{}_{name}", namespace.to_lowercase()),
                None => name,
            };
            // A file name must not lead elsewhere, whatever an object is called.
            if name.contains(['/', '\0']) {
                return Err(Error::Usage(format!("{}: its name can't be that of a file", resource.id())));
            }
            files.insert(name, text(resource)?);
        }
        Ok(files)
    }
}

/// The namespace of a resource that is in one.
fn namespace(resource: &Resource) -> Option<String> {
    let id = resource.id();
    (!id.gvk.cluster_scoped).then(|| id.effective_namespace().to_owned())
}

/// One resource as it is printed.
fn text(resource: &Resource) -> Result<String, Error> {
    let printable = resource.to_json().and_then(|mut json| as_printed(&mut json).map(|()| json));
    let json = printable.map_err(|source| {
        let file = resource.origin().map(|file| format!(" from {file}")).unwrap_or_default();
        source.within(format!("{}{file}", resource.id()))
    })?;
    Ok(sluice_yaml::to_yaml(&json))
}

/// What becomes of texts on kustomize's way to its output: they are JSON text that is read as YAML. YAML takes no
/// control characters, and takes a next-line character for a line break, which folds into a space.
fn as_printed(json: &mut Json) -> Result<(), Error> {
    match json {
        Json::String(text) => {
            if text.chars().any(is_unreadable) {
                return Err(Error::Usage("yaml: control characters are not allowed".to_owned()));
            }
            if text.contains('\u{85}') {
                *text = fold(text);
            }
            Ok(())
        }
        Json::Array(items) => items.iter_mut().try_for_each(as_printed),
        Json::Object(map) => map.values_mut().try_for_each(as_printed),
        _ => Ok(()),
    }
}

/// Characters that YAML doesn't take and that JSON text holds as they are.
fn is_unreadable(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// One break becomes a space, more become one line break less; blanks around breaks go.
fn fold(text: &str) -> String {
    let mut out = String::new();
    let mut breaks = 0;
    let mut lines = text.split('\u{85}').peekable();
    let mut first = true;
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        let mut line = line;
        if !first {
            line = line.trim_start_matches([' ', '\t']);
        }
        if !is_last {
            line = line.trim_end_matches([' ', '\t']);
        }
        if !first && (is_last || !line.is_empty()) {
            match breaks {
                1 => out.push(' '),
                more => out.extend(std::iter::repeat_n('\n', more - 1)),
            }
            breaks = 0;
        }
        out.push_str(line);
        breaks += 1;
        first = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_next_line_characters() {
        assert_eq!(fold("\u{85}nel"), " nel");
        assert_eq!(fold("a \u{85} b"), "a b");
        assert_eq!(fold("a\u{85}\u{85}b"), "a\nb");
        assert_eq!(fold("a\u{85}"), "a ");
    }
}
