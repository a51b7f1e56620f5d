//! Where a resource comes from, for `buildMetadata`.

use std::sync::Arc;

use crate::remote::Repository;

/// Where a resource, or a change to it, comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file, relative to the directory that is built, or to the root of its repository.
    pub(crate) path: String,
    /// The repository that it was fetched from.
    pub(crate) repository: String,
    /// The reference that was asked for.
    pub(crate) reference: String,
    /// The kustomization or file that configures the generator or transformer.
    pub(crate) configured_in: String,
    /// The generator or transformer.
    pub(crate) configured_by: Option<ConfiguredBy>,
}

/// A generator or transformer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConfiguredBy {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}

impl Origin {
    /// The origin of something in a file or directory below this one.
    pub(crate) fn join(&self, path: &str) -> Self {
        // kustomize takes URLs of files for repositories here, too.
        if let Ok(repository) = Repository::parse(path) {
            let below = crate::fs::clean(std::path::Path::new(&repository.directory));
            let below = below.to_string_lossy();
            let path = if below == "." { String::new() } else { below.into_owned() };
            let origin =
                Self { repository: repository.shown(), reference: repository.reference, ..self.clone() };
            return Self { path, ..origin };
        }
        let joined = crate::fs::clean(&std::path::Path::new(&self.path).join(path));
        Self { path: joined.to_string_lossy().into_owned(), ..self.clone() }
    }

    /// The origin of what a built-in generator or transformer of the kustomization at this path makes.
    pub(crate) fn builtin(&self, file: &str, kind: &str) -> Self {
        let by = ConfiguredBy { api_version: "builtin".into(), kind: kind.into(), ..ConfiguredBy::default() };
        let configured_in = self.join(file).path;
        Self { path: String::new(), configured_in, configured_by: Some(by), ..self.clone() }
    }

    /// The annotation's text.
    pub(crate) fn to_yaml(&self) -> String {
        let mut out = String::new();
        line(&mut out, "", "path", &self.path);
        line(&mut out, "", "repo", &self.repository);
        line(&mut out, "", "ref", &self.reference);
        line(&mut out, "", "configuredIn", &self.configured_in);
        if let Some(by) = &self.configured_by {
            out.push_str("configuredBy:\n");
            line(&mut out, "  ", "apiVersion", &by.api_version);
            line(&mut out, "  ", "kind", &by.kind);
            line(&mut out, "  ", "name", &by.name);
            line(&mut out, "  ", "namespace", &by.namespace);
        }
        out
    }
}

fn line(out: &mut String, indent: &str, key: &str, value: &str) {
    if !value.is_empty() {
        let scalar = sluice_yaml::to_yaml(&serde_json::Value::String(value.to_owned()));
        for part in [indent, key, ": ", &scalar] {
            out.push_str(part);
        }
    }
}

/// The text of the annotation that lists the changes.
pub(crate) fn list_to_yaml(origins: &[Arc<Origin>]) -> String {
    let mut out = String::new();
    for origin in origins {
        for (index, line) in origin.to_yaml().lines().enumerate() {
            out.push_str(if index == 0 { "- " } else { "  " });
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_as_annotations() {
        let root = Origin::default();
        assert_eq!(root.join("../base").join("a.yaml").to_yaml(), "path: ../base/a.yaml\n");
        let by = root.join("base").builtin("kustomization.yaml", "PrefixTransformer");
        let text = "configuredIn: base/kustomization.yaml\nconfiguredBy:\n  apiVersion: builtin\n  kind: PrefixTransformer\n";
        assert_eq!(by.to_yaml(), text);
        assert!(
            list_to_yaml(&[Arc::new(by)])
                .starts_with("- configuredIn: base/kustomization.yaml\n  configuredBy:\n")
        );
    }
}
