//! Where an object's artifacts lie.

use std::fmt;

/// The path of an artifact below the storage's root: `<kind>/<namespace>/<name>/<file>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactPath {
    dir: String,
    file: String,
}

impl ArtifactPath {
    /// The path of a file of an object. Kind, namespace and name come from the API server, which allows
    /// neither slashes nor `..` in them; a slash in `file` would begin a new part, so it becomes `_`.
    pub fn new(kind: &str, namespace: &str, name: &str, file: &str) -> Self {
        let dir = format!("{}/{namespace}/{name}", kind.to_lowercase());
        Self { dir, file: file.replace('/', "_") }
    }

    /// The directory of the object.
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Another file of the same object.
    #[must_use]
    pub fn sibling(&self, file: &str) -> Self {
        Self { dir: self.dir.clone(), file: file.replace('/', "_") }
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.dir, self.file)
    }
}
