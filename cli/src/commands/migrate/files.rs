//! Files with manifests.

use std::fs::{self, DirEntry};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::line::{self, Upgrade};
use super::versions::Latest;
use crate::output::Output;

/// Where to look.
#[derive(Debug)]
pub(super) struct Files<'a> {
    pub(super) path: &'a Path,
    pub(super) extensions: &'a [String],
}

impl Files<'_> {
    /// The file, or those below the directory, in the order of their names. Links are not followed.
    pub(super) fn list(&self, output: Output) -> Result<Vec<PathBuf>> {
        let path = clean(self.path);
        let shown = path.display();
        let metadata = fs::metadata(&path).with_context(|| format!("failed to stat path {shown}"))?;
        let mut files = Vec::new();
        if metadata.is_dir() {
            self.walk(&path, output, &mut files)
                .with_context(|| format!("failed to walk directory {shown}"))?;
            return Ok(files);
        }
        if !self.is_wanted(&path) {
            bail!("file {shown} does not match the specified extensions: {}", self.extensions.join(", "));
        }
        if !fs::symlink_metadata(&path)?.is_file() {
            bail!("file {shown} is irregular");
        }
        Ok(vec![path])
    }

    fn walk(&self, directory: &Path, output: Output, files: &mut Vec<PathBuf>) -> Result<()> {
        let mut entries = fs::read_dir(directory)?.collect::<Result<Vec<DirEntry>, _>>()?;
        entries.sort_by_key(DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (clean(&entry.path()), entry.file_type()?);
            if kind.is_dir() {
                self.walk(&path, output, files)?;
            } else if !self.is_wanted(&path) {
            } else if kind.is_file() {
                files.push(path);
            } else {
                output.warning(format_args!("skipping irregular file {}", path.display()));
            }
        }
        Ok(())
    }

    fn is_wanted(&self, path: &Path) -> bool {
        let name = path.as_os_str().as_encoded_bytes();
        self.extensions.iter().any(|extension| name.ends_with(extension.as_bytes()))
    }
}

/// The path without `.` in it, unless it is nothing else.
fn clean(path: &Path) -> PathBuf {
    let clean: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if clean.as_os_str().is_empty() { PathBuf::from(".") } else { clean }
}

/// What is to be changed in a file.
#[derive(Debug)]
pub(super) struct FileUpgrades {
    pub(super) file: PathBuf,
    pub(super) upgrades: Vec<Upgrade>,
    /// The lines, without their ends; bytes, as nothing says that they are UTF-8.
    lines: Vec<Vec<u8>>,
}

/// Looks for old versions in a file.
pub(super) fn inspect(file: PathBuf, latest: Latest, output: Output) -> Result<FileUpgrades> {
    let bytes = fs::read(&file).with_context(|| format!("failed to read file {}", file.display()))?;
    let lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let mut upgrades = Vec::new();
    for (number, pair) in lines.windows(2).enumerate() {
        // Places are of use only where the text is that of the file.
        let (Ok(line), Ok(next)) = (str::from_utf8(&pair[0]), str::from_utf8(&pair[1])) else { continue };
        match line::upgrade(number, line, next, latest) {
            Ok(upgrade) => upgrades.extend(upgrade),
            Err(why) => output.warning(format_args!("{}:{}: {why}", file.display(), number + 1)),
        }
    }
    Ok(FileUpgrades { file, upgrades, lines })
}

impl FileUpgrades {
    fn content(&self) -> Vec<u8> {
        let mut lines = self.lines.clone();
        for upgrade in &self.upgrades {
            lines[upgrade.line].splice(upgrade.place.clone(), upgrade.new.bytes());
        }
        lines.join(&b'\n')
    }

    /// Writes the file with the new versions; its permissions stay.
    pub(super) fn write(&self) -> Result<()> {
        let shown = self.file.display();
        fs::write(&self.file, self.content()).with_context(|| format!("failed to write file {shown}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::versions;
    use super::*;

    #[test]
    fn only_versions_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        let old = b"# \xff\napiVersion: helm.toolkit.fluxcd.io/v2beta1\r\nkind: HelmRelease\r\n---\nkind: HelmRelease\napiVersion: helm.toolkit.fluxcd.io/v2beta1";
        fs::write(&file, old).unwrap();
        let found = inspect(file.clone(), versions::latest(None).unwrap(), Output::of_process()).unwrap();
        assert_eq!(found.upgrades.len(), 1);
        found.write().unwrap();
        let expected = b"# \xff\napiVersion: helm.toolkit.fluxcd.io/v2\r\nkind: HelmRelease\r\n---\nkind: HelmRelease\napiVersion: helm.toolkit.fluxcd.io/v2beta1";
        assert_eq!(fs::read(&file).unwrap(), expected);
    }

    #[test]
    fn files_are_found_by_their_endings() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("b.yaml/deep")).unwrap();
        for name in ["z.yml", "a.yaml", "a.txt", "b.yaml/deep/c.yaml"] {
            fs::write(root.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(root.join("a.yaml"), root.join("link.yaml")).unwrap();
        let extensions = [".yaml".to_owned(), ".yml".to_owned()];
        let list = |path: &Path| Files { path, extensions: &extensions }.list(Output::of_process());
        let names = ["a.yaml", "b.yaml/deep/c.yaml", "z.yml"];
        assert_eq!(list(root).unwrap(), names.map(|name| root.join(name)));
        let message = |name: &str| list(&root.join(name)).unwrap_err().to_string();
        assert!(message("a.txt").ends_with("does not match the specified extensions: .yaml, .yml"));
        assert!(message("link.yaml").ends_with("link.yaml is irregular"));
        assert!(message("none.yaml").starts_with("failed to stat path "));
        assert_eq!(clean(Path::new("./a/./b/")), Path::new("a/b"));
        assert_eq!(clean(Path::new("./")), Path::new("."));
    }
}
