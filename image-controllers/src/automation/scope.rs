//! Which files of a repository are updated.

/// A directory or file of a repository, by its path from the root without `.` and `..`; empty for the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope(String);

/// What a path of the repository has to do with a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory on the way to it.
    Above,
    /// Itself.
    Root,
    /// In it.
    Inside,
    /// Somewhere else.
    Outside,
}

impl Scope {
    /// Reads `spec.update.path`; None if it leads out of the repository.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(Self(parts.join("/")))
    }

    pub(super) fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a path is.
    pub(super) fn place(&self, path: &str) -> Place {
        if self.0.is_empty() {
            return Place::Inside;
        }
        let below =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        match path {
            path if path == self.0 => Place::Root,
            path if below(path, &self.0) => Place::Inside,
            path if below(&self.0, path) => Place::Above,
            _ => Place::Outside,
        }
    }

    /// A file's path as messages name it: from the scope, or from the directory of a file that is the scope itself.
    pub(super) fn relative<'p>(&self, path: &'p str) -> &'p str {
        if path == self.0 {
            return path.rsplit('/').next().unwrap_or(path);
        }
        path.strip_prefix(self.0.as_str()).map_or(path, |rest| rest.trim_start_matches('/'))
    }
}

/// Whether a file of this name is looked into.
pub(super) fn is_candidate(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    name == "Kustomization" || matches!(extension, Some("yaml" | "yml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let scope = |path: &str| Scope::parse(path).map(|scope| scope.0);
        assert_eq!(scope("./clusters/../apps/"), Some("apps".to_owned()));
        assert_eq!(scope("/a//b/."), Some("a/b".to_owned()));
        assert_eq!(scope(""), Some(String::new()));
        assert_eq!(scope("../x"), None);
        assert_eq!(scope("a/../../x"), None);
    }

    #[test]
    fn places_and_names() {
        let scope = Scope::parse("apps/web").unwrap();
        assert_eq!(scope.place("apps"), Place::Above);
        assert_eq!(scope.place("apps/web"), Place::Root);
        assert_eq!(scope.place("apps/web/a.yaml"), Place::Inside);
        assert_eq!(scope.place("apps/website/a.yaml"), Place::Outside);
        assert_eq!(scope.relative("apps/web/x/a.yaml"), "x/a.yaml");
        let file = Scope::parse("apps/a.yaml").unwrap();
        assert_eq!(file.relative("apps/a.yaml"), "a.yaml");
        assert_eq!(Scope::default().relative("apps/a.yaml"), "apps/a.yaml");
    }

    #[test]
    fn files_by_name() {
        for name in ["a/b.yaml", "b.yml", "x/Kustomization", ".yaml"] {
            assert!(is_candidate(name), "{name}");
        }
        for name in ["a.json", "a.YAML", "yaml", "Kustomization.txt", "a.yaml.tpl"] {
            assert!(!is_candidate(name), "{name}");
        }
    }
}
