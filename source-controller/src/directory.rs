//! The content of a directory as an archive.

use std::fs::{self, File, FileType};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sluice_archive::ignore::{self, IGNORE_FILE, Matcher, Pattern};
use sluice_archive::{Algorithm, Summary, WriteError, Writer, walk_order};

/// Largest file of ignore patterns in bytes.
const MAX_IGNORE_FILE: u64 = 1 << 20;

/// Why a directory could not be archived.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// A file of ignore patterns cannot be read.
    #[error("'{path}': {source}")]
    Ignore {
        /// The file, relative to the directory.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something in the directory cannot be read.
    #[error("'{path}': {source}")]
    Read {
        /// What, relative to the directory.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Something in the directory, by its path relative to it.
struct Entry {
    path: String,
    kind: FileType,
}

/// What is in a directory, in the order of archives. Names that are not UTF-8 are an error.
pub(crate) struct Directory {
    root: PathBuf,
    entries: Vec<Entry>,
}

impl Directory {
    /// Lists the directory. Links are neither followed nor kept.
    pub(crate) fn read(root: &Path) -> Result<Self, DirectoryError> {
        let mut entries = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(dir) = pending.pop() {
            let failed = |source| DirectoryError::Read { path: dir.clone(), source };
            for entry in fs::read_dir(root.join(&dir)).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let kind = entry.file_type().map_err(failed)?;
                let name = entry.file_name().into_string().map_err(|name| {
                    failed(io::Error::other(format!("the name {} is not UTF-8", name.display())))
                })?;
                let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
                if kind.is_dir() {
                    pending.push(path.clone());
                }
                if kind.is_dir() || kind.is_file() {
                    entries.push(Entry { path, kind });
                }
            }
        }
        entries.sort_by(|a, b| walk_order(a.path.as_bytes(), b.path.as_bytes()));
        Ok(Self { root: root.to_owned(), entries })
    }

    /// The rules for what belongs to the archive: those of ignore files, then those of the spec.
    pub(crate) fn matcher(&self, spec: Option<&str>) -> Result<Matcher, DirectoryError> {
        let mut patterns: Vec<Pattern> = Vec::new();
        // The last pattern that matches wins: those of a directory go before those of the directories in it.
        let mut files: Vec<(&str, &Entry)> = self
            .entries
            .iter()
            .filter(|entry| entry.kind.is_file())
            .filter_map(|entry| match entry.path.rsplit_once('/') {
                Some((dir, IGNORE_FILE)) => Some((dir, entry)),
                None if entry.path == IGNORE_FILE => Some(("", entry)),
                _ => None,
            })
            .collect();
        files.sort_by(|(a, _), (b, _)| walk_order(a.as_bytes(), b.as_bytes()));
        for (dir, entry) in files {
            let failed = |source| DirectoryError::Ignore { path: entry.path.clone(), source };
            let text = read_limited(&self.root.join(&entry.path), MAX_IGNORE_FILE).map_err(failed)?;
            let domain: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
            patterns.extend(ignore::parse(&String::from_utf8_lossy(&text), &domain));
        }
        patterns.extend(ignore::parse(spec.unwrap_or_default(), &[]));
        Ok(Matcher::for_source(patterns))
    }

    /// Writes the files that `matcher` does not exclude.
    pub(crate) fn write<W: Write>(
        &self,
        matcher: &Matcher,
        algorithm: Algorithm,
        out: W,
    ) -> Result<(W, Summary), DirectoryError> {
        let mut writer = Writer::new(out, algorithm)?;
        for entry in &self.entries {
            let parts: Vec<&str> = entry.path.split('/').collect();
            // What is in an excluded directory is judged by itself: a pattern may include it.
            if matcher.excludes(&parts, entry.kind.is_dir()) {
                continue;
            }
            if entry.kind.is_dir() {
                writer.dir(entry.path.as_bytes())?;
                continue;
            }
            let failed = |source| DirectoryError::Read { path: entry.path.clone(), source };
            let file = File::open(self.root.join(&entry.path)).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            let executable = metadata.permissions().mode() & 0o111 != 0;
            writer.file(entry.path.as_bytes(), executable, metadata.len(), file)?;
        }
        Ok(writer.finish()?)
    }
}

fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::other(format!("longer than {limit} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sluice_archive::{Limits, Symlinks, extract};

    use super::*;

    /// Archives the files with these rules; gives what comes out again, with what is executable.
    fn archived(files: &[(&str, &str)], spec: Option<&str>) -> BTreeMap<String, (String, bool)> {
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (path, content) in files {
            let path = source.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            if content.starts_with("#!") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        std::os::unix::fs::symlink("/etc/passwd", source.path().join("link")).unwrap();
        let directory = Directory::read(source.path()).unwrap();
        let matcher = directory.matcher(spec).unwrap();
        let (bytes, _) = directory.write(&matcher, Algorithm::Sha256, Vec::new()).unwrap();
        extract(&bytes[..], target.path(), &Limits::default(), Symlinks::Reject).unwrap();
        let found = Directory::read(target.path()).unwrap().entries;
        let files = found.into_iter().filter(|entry| entry.kind.is_file()).map(|entry| {
            let path = target.path().join(&entry.path);
            let executable = fs::metadata(&path).unwrap().permissions().mode() & 0o111 != 0;
            (entry.path, (fs::read_to_string(path).unwrap(), executable))
        });
        files.collect()
    }

    fn names(files: &[(&str, &str)], spec: Option<&str>) -> Vec<String> {
        archived(files, spec).into_keys().collect()
    }

    #[test]
    fn content_and_executable_bits_survive_and_links_do_not() {
        let found = archived(&[("a/b/run.sh", "#!/bin/sh"), ("a.yaml", "a: 1"), ("a/b.yaml", "")], None);
        assert_eq!(found["a/b/run.sh"], ("#!/bin/sh".to_owned(), true));
        assert_eq!(found["a.yaml"], ("a: 1".to_owned(), false));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn rules_of_files_and_of_the_spec_are_followed() {
        let files = [("a.yaml", ""), ("b/a.yaml", ""), ("b/c.yaml", ""), ("x.jpg", "")];
        assert_eq!(names(&files, None), ["a.yaml", "b/a.yaml", "b/c.yaml"]);
        assert_eq!(names(&files, Some("a.yaml")), ["b/c.yaml", "x.jpg"]);
        assert_eq!(names(&files, Some("/a.yaml\n!/b/a.yaml")), ["b/a.yaml", "b/c.yaml", "x.jpg"]);
        let with_file = [("b/.sourceignore", "a.yaml"), ("a.yaml", ""), ("b/a.yaml", "")];
        assert_eq!(names(&with_file, None), ["a.yaml", "b/.sourceignore"]);
        assert_eq!(names(&with_file, Some("!a.yaml")), ["a.yaml", "b/.sourceignore", "b/a.yaml"]);
    }
}
