//! Disks that answer slowly: everything becomes ready, and only what waits for the disk waits.
//!
//! strace holds the calls up, where it is installed and may attach to other processes; elsewhere these tests pass unseen.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::Api;
use kube::api::{WatchEvent, WatchParams};
use serde_json::json;
use sluice_apis::conditions;
use sluice_apis::source::v1::GitRepository;
use sluice_testkit::Controller;

use crate::support::{World, artifact, commit, download, git_server, main_of, message};

/// What changes a disk, but for `write`, which is also how threads wake one another.
const CALLS: &str =
    "fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,symlink,symlinkat,fchmod";

/// How long each of these calls is held up.
const DELAY: Duration = Duration::from_millis(300);

/// What nothing takes that does not wait for the disk, on a machine with other work.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A process whose disk is slow, until this is dropped.
struct SlowDisk {
    strace: Child,
    log: PathBuf,
}

impl SlowDisk {
    /// `None` where that cannot be had.
    fn of(controller: &Controller, folder: &Path) -> Option<Self> {
        let log = folder.join("strace.log");
        let pid = controller.pid();
        let strace = Command::new("strace")
            .args(["-f", "-qq", "-p", &pid.to_string(), "-e", &format!("trace={CALLS}")])
            .args(["-e", &format!("inject={CALLS}:delay_enter={}", DELAY.as_micros()), "-o"])
            .arg(&log)
            .stderr(Stdio::null())
            .spawn();
        let Ok(strace) = strace else {
            eprintln!("not tested: strace is not installed");
            return None;
        };
        let mut slow = Self { strace, log };
        // Attached to every thread.
        let tasks = PathBuf::from(format!("/proc/{pid}/task"));
        let is_traced = |task: PathBuf| {
            let status = std::fs::read_to_string(task.join("status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
        };
        let all = || std::fs::read_dir(&tasks).unwrap().all(|task| is_traced(task.unwrap().path()));
        let since = Instant::now();
        while !all() {
            if slow.strace.try_wait().unwrap().is_some() || since.elapsed() > Duration::from_secs(20) {
                eprintln!("not tested: strace may not attach to other processes here");
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(slow)
    }

    /// How many calls were held up so far.
    fn delayed(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().filter(|line| line.contains("(DELAYED)")).count()
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // It lets go of the process, which runs on.
        let _ = Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status();
        let _ = self.strace.wait();
    }
}

#[tokio::test]
async fn a_slow_disk_costs_time_and_nothing_else() {
    let world = World::new().await;
    let server = git_server();
    let names = ["a", "b", "c", "d"];
    let mut repositories = Vec::new();
    for name in names.into_iter().chain(["early"]) {
        let repository = server.repository(name).unwrap();
        commit(&repository, "a.yaml", &format!("a: {name}\n"));
        repositories.push(repository);
    }
    let controller = world.controller(&["--concurrent=2"]).await;
    world.create("early", main_of(&server, "early")).await;
    let early = world.ready("early").await;
    let Some(slow) = SlowDisk::of(&controller, world.temporary()) else { return };

    // More than may run at once.
    let api: Api<GitRepository> = world.objects();
    let version = world.get("early").await.metadata.resource_version.unwrap();
    let mut changes = Box::pin(api.watch(&WatchParams::default(), &version).await.unwrap());
    let begun = Instant::now();
    for name in names {
        world.create(name, main_of(&server, name)).await;
    }
    // Meanwhile it answers probes and serves what it has.
    let mut slowest = Duration::ZERO;
    let probe = async {
        let root = format!("http://{}/", controller.storage().unwrap());
        loop {
            let since = Instant::now();
            controller.metrics().await.unwrap();
            assert!(reqwest::get(&root).await.unwrap().status().is_success());
            assert_eq!(download(&early).await["a.yaml"].content, b"a: early\n");
            slowest = slowest.max(since.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What needs no disk does not wait for those that do.
    let others = async {
        let since = Instant::now();
        world.create("gone", json!({"url": "http://127.0.0.1:1/gone.git", "timeout": "5s"})).await;
        world.failed("gone", "GitOperationFailed").await;
        let failed = since.elapsed();
        for name in names {
            let stored = world.ready(name).await;
            assert_eq!(download(&stored).await["a.yaml"].content, format!("a: {name}\n").as_bytes());
        }
        failed
    };
    let failed = tokio::select! {
        () = probe => unreachable!("it probes for ever"),
        failed = others => failed,
    };
    let delayed = slow.delayed();
    println!("{delayed} calls of {DELAY:?}, {:?} in all; probes took {slowest:?} at most", begun.elapsed());
    assert!(delayed >= names.len(), "{delayed} calls were held up");
    assert!(begun.elapsed() > DELAY);
    assert!(slowest < AT_ONCE, "a probe took {slowest:?}");
    assert!(failed < AT_ONCE * 2, "an address that nobody serves was told of after {failed:?}");

    // None of them ever said that anything was wrong, and all said what they were doing.
    let mut said = std::collections::BTreeSet::new();
    let last = world.get("d").await.metadata.resource_version;
    while let Some(change) = changes.next().await {
        let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = change.unwrap() else { continue };
        let name = object.metadata.name.clone().unwrap_or_default();
        if name != "gone" {
            assert!(!conditions::is_false(&object, "Ready"), "{object:?}");
            said.insert(message(&object, "Reconciling").split(':').next().unwrap().to_owned());
        }
        if object.metadata.resource_version == last {
            break;
        }
    }
    assert!(said.contains("building artifact"), "{said:?}");

    // And with a disk that is quick again, it goes on.
    drop(slow);
    let sha = commit(&repositories[0], "a.yaml", "a: 2\n");
    world.request("a").await;
    world.revision("a", &format!("main@sha1:{sha}")).await;
}

#[tokio::test]
async fn deleting_from_a_slow_disk_holds_nobody_up() {
    let world = World::new().await;
    let server = git_server();
    commit(&server.repository("app").unwrap(), "a.yaml", "a: 1\n");
    let controller = world.controller(&[]).await;
    for name in ["old", "new"] {
        world.create(name, main_of(&server, "app")).await;
        world.ready(name).await;
    }
    let Some(slow) = SlowDisk::of(&controller, world.temporary()) else { return };
    world.delete("old").await;
    let since = Instant::now();
    let object = world.request("new").await;
    assert!(artifact(&object).is_some() && conditions::is_ready(&object), "{object:?}");
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
    world.gone("old").await;
    assert!(slow.delayed() > 0, "nothing was held up");
}
