//! Volumes that are full, read-only or gone: what the status says, and that it recovers by itself.
//!
//! The volumes are file systems in memory, which only root may mount: without that right these tests pass unseen.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use sluice_apis::conditions;
use sluice_apis::source::v1::GitRepository;
use sluice_testkit::GitRepository as Repo;

use crate::support::{World, artifact, commit, download, files_below, git_server, main_of, message, reason};

/// A small file system, unmounted when dropped.
struct Volume(PathBuf);

impl Volume {
    /// Mounted over a directory; `None` if that is not permitted.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("not tested: mounting file systems is not permitted here");
            return None;
        }
        Some(Self(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success(), "mount -o {options}");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Commits a file that no compression makes smaller.
fn commit_noise(repo: &Repo, kib: usize) -> String {
    let noise: String =
        hex::encode((0..kib * 64).flat_map(|_| rand::random::<u64>().to_be_bytes()).collect::<Vec<u8>>());
    commit(repo, "noise.txt", &noise)
}

#[tokio::test]
async fn a_full_volume_is_told_and_more_space_is_enough() {
    let world = World::new().await;
    let server = git_server();
    let (large, small) = (server.repository("large").unwrap(), server.repository("small").unwrap());
    commit_noise(&large, 512);
    commit(&small, "a.yaml", "a: 1\n");
    let controller = world.controller(&[]).await;
    let Some(volume) = Volume::mount(&controller.storage_path(), "64k") else { return };
    world.create("large", main_of(&server, "large")).await;
    let object = world.failed("large", "ArchiveOperationFailed").await;
    let told = message(&object, "Ready");
    assert!(told.starts_with("unable to archive artifact to storage: "), "{told}");
    assert!(told.ends_with("the volume of --storage-path is full: give it more space"), "{told}");
    assert_eq!(reason(&object, "StorageOperationFailed"), "ArchiveOperationFailed");
    assert_eq!(artifact(&object), None);
    // What does not fit is not in the way of what does.
    world.create("small", main_of(&server, "small")).await;
    download(&world.ready("small").await).await;
    // Between two attempts nothing is left of the one before.
    let is_partial = |file: &PathBuf| file.to_string_lossy().contains("large/.");
    let tidy = async {
        while files_below(&controller.storage_path()).iter().any(is_partial) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), tidy).await.expect("no partial artifact is left");

    volume.remount("size=8m");
    download(&world.ready("large").await).await;
    let object = world.get("large").await;
    assert!(conditions::get(&object, "StorageOperationFailed").is_none(), "{object:?}");
    world.event("large", "NewArtifact").await;
}

#[tokio::test]
async fn a_full_folder_for_temporary_files_is_told_too() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit_noise(&repo, 512);
    let Some(volume) = Volume::mount(world.temporary(), "256k") else { return };
    let mut controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let object = world.failed("app", "GitOperationFailed").await;
    let told = message(&object, "Ready");
    let end = "the volume of the folder for temporary files (TMPDIR) is full: give it more space";
    assert!(told.contains("no space left on device") && told.ends_with(end), "{told}");
    volume.remount("size=64m");
    world.ready("app").await;
    assert!(controller.ended().unwrap().is_none());
    controller.stop().unwrap();
}

#[tokio::test]
async fn a_read_only_volume_serves_what_it_has() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let controller = world.controller(&[]).await;
    let Some(volume) = Volume::mount(&controller.storage_path(), "8m") else { return };
    world.create("app", main_of(&server, "app")).await;
    let stored = world.ready("app").await;
    volume.remount("ro");
    let sha = commit(&repo, "a.yaml", "a: 2\n");
    let object = world.request("app").await;
    assert!(conditions::is_false(&object, "Ready"), "{object:?}");
    let told = message(&object, "StorageOperationFailed");
    assert!(told.ends_with("the volume of --storage-path is read-only: mount it writable"), "{told}");
    assert_eq!(artifact(&object), Some(&stored));
    download(&stored).await;
    volume.remount("rw");
    let newer = world.revision("app", &format!("main@sha1:{sha}")).await;
    download(&newer).await;
    assert!(conditions::get(&world.get("app").await, "StorageOperationFailed").is_none());
}

#[tokio::test]
async fn a_lost_folder_is_rebuilt_without_flapping() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("app").unwrap();
    commit(&repo, "a.yaml", "a: 1\n");
    let controller = world.controller(&[]).await;
    world.create("app", main_of(&server, "app")).await;
    let before = world.ready("app").await;
    world.event("app", "NewArtifact").await;
    let api: Api<GitRepository> = world.objects();
    let version = world.get("app").await.metadata.resource_version.unwrap();
    let mut changes = Box::pin(api.watch(&WatchParams::default(), &version).await.unwrap());

    std::fs::remove_dir_all(controller.storage_path()).unwrap();
    let done = world.request("app").await;
    let after = world.ready("app").await;
    assert_eq!((&after.digest, &after.revision, &after.url), (&before.digest, &before.revision, &before.url));
    download(&after).await;

    // All that was ever written about it: unknown once, then ready again.
    let mut seen = vec!["True".to_owned()];
    let last = done.metadata.resource_version.unwrap();
    while let Some(change) = changes.next().await {
        let WatchEvent::Modified(object) = change.unwrap() else { continue };
        let ready = conditions::get(&object, "Ready").map(|ready| ready.status.clone()).unwrap();
        if seen.last() != Some(&ready) {
            seen.push(ready);
        }
        if object.metadata.resource_version.as_ref() == Some(&last) && seen.len() > 1 {
            break;
        }
        if seen.len() >= 3 {
            break;
        }
    }
    assert_eq!(seen, ["True", "Unknown", "True"]);
    assert_eq!(world.count_events("app", "NewArtifact").await, 1);
}
