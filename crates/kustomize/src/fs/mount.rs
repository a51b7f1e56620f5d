//! A tree under another name.

use std::path::{Path, PathBuf};

use super::{DirEntry, FileKind, FileSystem, FsError, clean};

/// A tree that is told under another path than it has: what is fetched into a temporary directory keeps one name in
/// messages, build after build.
pub struct Mount {
    files: Box<dyn FileSystem>,
    root: PathBuf,
    shown: PathBuf,
}

impl Mount {
    /// Shows the tree that begins at `root` as one that begins at `shown`. Both are absolute.
    pub fn new(files: Box<dyn FileSystem>, root: PathBuf, shown: PathBuf) -> Self {
        Self { files, root, shown }
    }

    /// Where the tree begins, as it is shown.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    fn inside(&self, path: &Path) -> Result<PathBuf, FsError> {
        let path = clean(path);
        match path.strip_prefix(&self.shown) {
            Ok(below) => Ok(self.root.join(below)),
            Err(_) => Err(self.outside(path)),
        }
    }

    fn outside(&self, path: PathBuf) -> FsError {
        FsError::Outside { path, root: self.shown.clone(), shown: self.shown.clone() }
    }

    fn shown_as(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(below) => clean(&self.shown.join(below)),
            Err(_) => path.to_owned(),
        }
    }

    fn translate(&self, mut error: FsError) -> FsError {
        use FsError as E;
        if let E::NoDirectory { missing, .. } = &mut error {
            *missing = self.shown_as(missing);
        }
        match &mut error {
            E::NotFound { path }
            | E::NoDirectory { path, .. }
            | E::IsDirectory { path }
            | E::NotDirectory { path }
            | E::Outside { path, .. }
            | E::Special { path }
            | E::Io { path, .. } => *path = self.shown_as(path),
        }
        error
    }
}

impl FileSystem for Mount {
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError> {
        let real = self.files.canonical(&self.inside(path)?).map_err(|error| self.translate(error))?;
        match real.strip_prefix(&self.root) {
            Ok(below) => Ok(clean(&self.shown.join(below))),
            Err(_) => Err(self.outside(path.to_owned())),
        }
    }

    fn kind(&self, path: &Path) -> Result<FileKind, FsError> {
        self.files.kind(&self.inside(path)?).map_err(|error| self.translate(error))
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError> {
        self.files.read(&self.inside(path)?).map_err(|error| self.translate(error))
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError> {
        self.files.list(&self.inside(directory)?).map_err(|error| self.translate(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Memory;

    #[test]
    fn keeps_its_name() {
        let files = Memory::new().with("/tmp/x1/a/f", "f").with("/tmp/secret", "s");
        let mount = Mount::new(Box::new(files), "/tmp/x1".into(), "/example.com/repo".into());
        assert_eq!(mount.read(Path::new("/example.com/repo/a/./f")).unwrap(), b"f");
        let canonical = mount.canonical(Path::new("/example.com/repo/a/../a/f")).unwrap();
        assert_eq!(canonical, Path::new("/example.com/repo/a/f"));
        let error = mount.read(Path::new("/example.com/repo/none")).unwrap_err().to_string();
        assert_eq!(error, "open /example.com/repo/none: no such file or directory");
        for path in ["/example.com/secret", "/example.com/repo/../../tmp/secret", "/tmp/secret"] {
            assert!(matches!(mount.read(Path::new(path)), Err(FsError::Outside { .. })), "{path}");
        }
    }
}
