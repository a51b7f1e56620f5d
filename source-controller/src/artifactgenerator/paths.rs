//! Relative paths as text, and what is in a directory.

use std::fs;
use std::io;
use std::path::Path;

/// Something below a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path from the root, with `/` between parts.
    pub(super) path: String,
    pub(super) is_dir: bool,
}

/// The shortest path that means the same, as Go's `path.Clean` has it; `.` if nothing is left.
pub(super) fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// One path after the other, cleaned. An empty one does not count.
pub(super) fn join(a: &str, b: &str) -> String {
    match (a, b) {
        ("", path) | (path, "") => clean(path),
        (a, b) => clean(&format!("{a}/{b}")),
    }
}

/// The names in a directory, sorted. Those that are not UTF-8 are left out: no pattern can name them.
pub(super) fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// All files and directories below `root/start`, each directory before its content, names in order. Paths are those
/// from `root`. An error comes with the path where it happened.
pub(super) fn walk(root: &Path, start: &str) -> Result<Vec<Entry>, (String, io::Error)> {
    let mut found = Vec::new();
    let mut pending = vec![Entry { path: start.to_owned(), is_dir: true }];
    while let Some(entry) = pending.pop() {
        if entry.is_dir {
            let failed = |source| (entry.path.clone(), source);
            for name in names(&root.join(&entry.path)).map_err(failed)?.into_iter().rev() {
                let path = if entry.path.is_empty() { name } else { format!("{}/{name}", entry.path) };
                let kind = fs::symlink_metadata(root.join(&path)).map_err(failed)?;
                if kind.is_dir() || kind.is_file() {
                    pending.push(Entry { path, is_dir: kind.is_dir() });
                }
            }
        }
        if entry.path != start {
            found.push(entry);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_in_go() {
        for (path, cleaned) in [
            ("", "."),
            ("./", "."),
            ("a//b/.", "a/b"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("a/../../b", "../b"),
            ("/../a", "/a"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
        assert_eq!(join("a/", "./b"), "a/b");
        assert_eq!(join("", "b"), "b");
        assert_eq!(join("a", "."), "a");
    }

    #[test]
    fn directories_come_before_their_content() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        for file in ["a.txt", "a/b/c", "a/z", "z"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("z", dir.path().join("link")).unwrap();
        let paths = |start| -> Vec<String> {
            walk(dir.path(), start).unwrap().into_iter().map(|entry| entry.path).collect()
        };
        assert_eq!(paths(""), ["a", "a/b", "a/b/c", "a/z", "a.txt", "z"]);
        assert_eq!(paths("a"), ["a/b", "a/b/c", "a/z"]);
    }
}
