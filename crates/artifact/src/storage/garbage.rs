//! Retention: which files of an object have to go.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::StorageError;

/// Files of one object that a collection looks at; the rest is for the next one.
const MAX_FILES: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    path: PathBuf,
    modified: SystemTime,
}

/// Removes what is too old or too many beside `current`, together with the lock files.
pub(super) fn collect(current: &Path, ttl: Duration, records: usize) -> Result<Vec<PathBuf>, StorageError> {
    let io_error = |path: &Path, source| StorageError::Io { path: path.to_owned(), source };
    let dir = current.parent().unwrap_or(current);
    let candidates = list(dir).map_err(|e| io_error(dir, e))?;
    let mut removed = Vec::new();
    for path in select(candidates, current, SystemTime::now(), ttl, records) {
        for file in [path.clone(), lock_of(&path)] {
            match fs::remove_file(&file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error(&file, e)),
                _ => {}
            }
        }
        removed.push(path);
    }
    Ok(removed)
}

fn list(dir: &Path) -> io::Result<Vec<Candidate>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let metadata = entry.metadata()?;
        // Links are not followed: `latest` is not an artifact of its own.
        if metadata.is_file() && path.extension() != Some(OsStr::new("lock")) {
            found.push(Candidate { path, modified: metadata.modified()? });
        }
        if found.len() >= MAX_FILES {
            break;
        }
    }
    Ok(found)
}

/// The files to remove: all that are older than `ttl`, then the oldest until `records` are left. The current
/// artifact counts and always stays.
fn select(
    mut files: Vec<Candidate>,
    current: &Path,
    now: SystemTime,
    ttl: Duration,
    records: usize,
) -> Vec<PathBuf> {
    files.sort_by(|a, b| a.modified.cmp(&b.modified).then_with(|| a.path.cmp(&b.path)));
    let expired = |file: &Candidate| now.duration_since(file.modified).is_ok_and(|age| age > ttl);
    let (mut garbage, kept): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.path != current && expired(file));
    let excess = kept.len().saturating_sub(records);
    garbage.extend(kept.into_iter().filter(|file| file.path != current).take(excess));
    garbage.into_iter().map(|file| file.path).collect()
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files by their age in seconds; the name is the age.
    fn garbage(ages: &[u64], current: u64, ttl: u64, records: usize) -> Vec<String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let files = ages
            .iter()
            .map(|age| Candidate { path: age.to_string().into(), modified: now - Duration::from_secs(*age) })
            .collect();
        select(files, Path::new(&current.to_string()), now, Duration::from_secs(ttl), records)
            .iter()
            .map(|path| path.display().to_string())
            .collect()
    }

    #[test]
    fn old_files_go_even_if_few() {
        assert_eq!(garbage(&[1, 100], 1, 60, 5), ["100"]);
    }

    #[test]
    fn surplus_goes_oldest_first() {
        assert_eq!(garbage(&[1, 2, 3, 4], 1, 60, 2), ["4", "3"]);
        assert_eq!(garbage(&[1, 2, 3, 100], 1, 60, 2), ["100", "3"]);
    }

    #[test]
    fn the_current_artifact_stays_however_old() {
        assert!(garbage(&[500], 500, 60, 0).is_empty());
        assert_eq!(garbage(&[1, 2, 500], 500, 60, 1), ["2", "1"]);
    }

    #[test]
    fn a_file_from_the_future_is_not_old() {
        let now = SystemTime::UNIX_EPOCH;
        let file = Candidate { path: "x".into(), modified: now + Duration::from_secs(9) };
        assert!(select(vec![file], Path::new("y"), now, Duration::ZERO, 2).is_empty());
    }
}
