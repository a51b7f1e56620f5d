//! What lies in the storage.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use sluice_artifact::{ArtifactPath, IntegrityError, Storage, StorageConfig, StorageError};
use tempfile::TempDir;

use crate::{storage, store};

#[test]
fn an_artifact_lies_where_flux_puts_it() {
    let dir = TempDir::new().unwrap();
    let storage = storage(dir.path(), "files.example");
    let artifact = store(&storage, "app", "abc.tar.gz", b"a: 1\n");
    assert_eq!(artifact.path, "gitrepository/ns/app/abc.tar.gz");
    assert_eq!(artifact.url, "http://files.example/gitrepository/ns/app/abc.tar.gz");
    let file = dir.path().join(&artifact.path);
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!(artifact.size, Some(metadata.len() as i64));
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(storage.contains(&artifact));
    storage.verify(&artifact).unwrap();
    let mut names: Vec<_> = fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["abc.tar.gz", "abc.tar.gz.lock"]);
}

#[test]
fn equal_content_has_an_equal_digest() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = store(&storage(one.path(), "h"), "app", "x.tar.gz", b"same");
    let second = store(&storage(two.path(), "h"), "app", "x.tar.gz", b"same");
    assert_eq!(first.digest, second.digest);
}

#[test]
fn a_changed_file_is_noticed_even_if_its_size_and_time_are_kept() {
    let dir = TempDir::new().unwrap();
    let storage = storage(dir.path(), "h");
    let artifact = store(&storage, "app", "x.tar.gz", b"a: 1\n");
    let file = dir.path().join(&artifact.path);
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    let error = storage.verify(&artifact).unwrap_err();
    assert!(matches!(error, IntegrityError::Mismatch(_)));
    assert_eq!(error.to_string(), format!("computed digest doesn't match '{}'", artifact.digest));
    // Also for a process that never saw the good file.
    assert!(crate::storage(dir.path(), "h").verify(&artifact).is_err());
    storage.remove(&artifact).unwrap();
    assert!(!storage.contains(&artifact));
    storage.remove(&artifact).unwrap();
}

#[test]
fn a_path_from_a_status_cannot_leave_the_storage() {
    let outer = TempDir::new().unwrap();
    let root = outer.path().join("root");
    fs::create_dir(&root).unwrap();
    let storage = storage(&root, "h");
    fs::write(outer.path().join("secret"), "x").unwrap();
    for path in ["../secret", "a/../../secret", "", "a//b", "./x"] {
        let mut artifact = store(&storage, "app", "x.tar.gz", b"");
        artifact.path = path.to_owned();
        assert!(!storage.contains(&artifact), "{path:?}");
        assert!(storage.verify(&artifact).is_err(), "{path:?}");
        assert!(matches!(storage.remove(&artifact), Err(StorageError::Path(_))), "{path:?}");
    }
    assert!(outer.path().join("secret").exists());
}

#[test]
fn a_staged_artifact_that_is_given_up_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let storage = storage(dir.path(), "h");
    let path = ArtifactPath::new("GitRepository", "ns", "app", "x.tar.gz");
    storage.make_dir(&path).unwrap();
    drop(storage.stage(&path).unwrap());
    assert_eq!(fs::read_dir(dir.path().join(path.dir())).unwrap().count(), 0);
}

#[test]
fn retention_keeps_the_newest_and_the_current() {
    let dir = TempDir::new().unwrap();
    let storage = storage(dir.path(), "h");
    let artifacts: Vec<_> = (0..4).map(|i| store(&storage, "app", &format!("{i}.tar.gz"), &[i])).collect();
    let now = SystemTime::now();
    for (artifact, age) in artifacts.iter().zip([10, 20, 300, 30]) {
        let file = fs::File::options().write(true).open(dir.path().join(&artifact.path)).unwrap();
        file.set_modified(now - Duration::from_secs(age)).unwrap();
    }
    let other = store(&storage, "other", "x.tar.gz", b"");
    let mut removed = storage.collect_garbage(&artifacts[3]).unwrap();
    removed.sort();
    let root = dir.path().join("gitrepository/ns/app");
    assert_eq!(removed, [root.join("1.tar.gz"), root.join("2.tar.gz")]);
    assert!(!root.join("1.tar.gz.lock").exists());
    assert!(storage.contains(&artifacts[0]) && storage.contains(&artifacts[3]) && storage.contains(&other));
    assert!(storage.collect_garbage(&artifacts[3]).unwrap().is_empty());
}

#[test]
fn removing_an_object_removes_all_of_it() {
    let dir = TempDir::new().unwrap();
    let storage = storage(dir.path(), "h");
    let artifact = store(&storage, "app", "x.tar.gz", b"");
    let path = ArtifactPath::new("GitRepository", "ns", "app", "*");
    assert!(storage.remove_object(&path).unwrap());
    assert!(!storage.contains(&artifact));
    assert!(!storage.remove_object(&path).unwrap());
}

#[test]
fn the_link_moves_to_the_newest() {
    let dir = TempDir::new().unwrap();
    let storage = storage(dir.path(), "https://files.example");
    for file in ["one.tar.gz", "two.tar.gz"] {
        let artifact = store(&storage, "app", file, file.as_bytes());
        let path = ArtifactPath::new("GitRepository", "ns", "app", file);
        let url = storage.link(&path, "latest.tar.gz").unwrap();
        assert_eq!(url, "https://files.example/gitrepository/ns/app/latest.tar.gz");
        let link = dir.path().join("gitrepository/ns/app/latest.tar.gz");
        assert_eq!(fs::read_link(link).unwrap(), dir.path().join(artifact.path));
    }
}

#[test]
fn the_root_must_exist() {
    let config = StorageConfig {
        path: "/nonexistent/sluice".into(),
        address: ":1".into(),
        advertised_address: String::new(),
        retention_ttl: Duration::ZERO,
        retention_records: 1,
        algorithm: sluice_archive::Algorithm::Sha256,
    };
    let error = Storage::open(config).unwrap_err().to_string();
    assert!(error.starts_with("invalid dir path: /nonexistent/sluice"), "{error}");
}
