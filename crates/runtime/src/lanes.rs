//! How many fetches go to one host at a time.
//!
//! A fetch mostly waits for somebody else, so it holds no worker. What bounds fetches instead are lanes, a few
//! for each host and namespace: a host that hangs is in the way of those who use it, and of nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::{Cause, Object, Pass};

/// From this many entries on, those that nobody uses are dropped.
const TIDY_FROM: usize = 64;

/// The object changed while the work went on, or the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded;

/// The lanes to all hosts.
pub struct Lanes {
    width: usize,
    hosts: Mutex<HashMap<Host, Weak<Semaphore>>>,
}

/// A host, as one namespace sees it.
#[derive(PartialEq, Eq, Hash)]
struct Host {
    namespace: String,
    name: String,
    port: Option<u16>,
}

impl Lanes {
    /// So many to each host, for each namespace.
    pub fn new(width: usize) -> Self {
        Self { width: width.max(1), hosts: Mutex::default() }
    }

    /// Talks to the host of `url`. Holds no worker meanwhile: it may be long in answering, and others are waiting.
    /// Ends early when the object changes or the process ends, which makes the work pointless.
    pub async fn ask<K: Object, T>(
        &self,
        pass: &Pass<K>,
        url: &Url,
        work: impl AsyncFnOnce() -> T,
    ) -> Result<T, Superseded> {
        let work = async {
            let _lane = pass.stand_in_line(self.enter(&pass.key().namespace, url)).await;
            // Made and boxed only now: those that stand in line hold no room for what they will do.
            Box::pin(work()).await
        };
        pass.park(unless_superseded(pass, work)).await
    }

    /// Waits for something else than a host, likewise without a worker and until the object changes or the process ends.
    pub async fn aside<K: Object, T>(pass: &Pass<K>, work: impl Future<Output = T>) -> Result<T, Superseded> {
        pass.park(unless_superseded(pass, work)).await
    }

    /// Waits for a free lane, first come, first served; it is free again when the permit is dropped.
    async fn enter(&self, namespace: &str, url: &Url) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        self.lanes(namespace, url).acquire_owned().await.ok()
    }

    fn lanes(&self, namespace: &str, url: &Url) -> Arc<Semaphore> {
        let host = Host {
            namespace: namespace.to_owned(),
            name: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default(),
        };
        // Each change leaves the map whole: a panic elsewhere leaves nothing half done.
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lanes) = hosts.get(&host).and_then(Weak::upgrade) {
            return lanes;
        }
        if hosts.len() >= TIDY_FROM {
            hosts.retain(|_, lanes| lanes.strong_count() > 0);
        }
        let lanes = Arc::new(Semaphore::new(self.width));
        hosts.insert(host, Arc::downgrade(&lanes));
        lanes
    }
}

async fn unless_superseded<K: Object, T>(
    pass: &Pass<K>,
    work: impl Future<Output = T>,
) -> Result<T, Superseded> {
    let superseded = async {
        match pass.preempted().await.cause {
            Cause::Spec | Cause::Deletion | Cause::Shutdown => {}
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = superseded => Err(Superseded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_host_is_in_the_way_of_its_own_users_only() {
        let lanes = Lanes::new(1);
        let url = |text: &str| Url::parse(text).unwrap();
        let hung = url("https://hung.example/a.git");
        let held = lanes.enter("ns", &hung).await;
        let again = url("https://hung.example:443/b.git");
        assert_eq!(lanes.lanes("ns", &again).available_permits(), 0);
        for (namespace, other) in [("other", &hung), ("ns", &url("https://hung.example:8443/a.git"))] {
            assert!(lanes.enter(namespace, other).await.is_some());
        }
        drop(held);
        assert!(lanes.enter("ns", &again).await.is_some());
    }

    #[tokio::test]
    async fn hosts_that_nobody_uses_are_forgotten() {
        let lanes = Lanes::new(1);
        for index in 0..3 * TIDY_FROM {
            let url = Url::parse(&format!("https://host-{index}.example/a.git")).unwrap();
            assert!(lanes.enter("ns", &url).await.is_some());
        }
        assert!(lanes.hosts.lock().unwrap().len() <= TIDY_FROM);
    }
}
