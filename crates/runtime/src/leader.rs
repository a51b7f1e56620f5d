//! Leader election by a Lease: one replica works, the others wait.

use std::time::Duration;

use jiff::Timestamp;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use sha2::{Digest, Sha256};
use sluice_apis::k8s::{Lease, LeaseSpec, MicroTime};
use tokio::time::{Instant, sleep, timeout_at};

/// Why a process does not lead.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// The lease could not be renewed in time, or another replica took it.
    #[error("leader election lost: {0}")]
    Lost(String),
}

/// How the election is held.
#[derive(Clone, Debug)]
pub struct Election {
    /// The namespace of the lease.
    pub namespace: String,
    /// The name of the lease, see [`lease_name`].
    pub name: String,
    /// This replica; unique.
    pub identity: String,
    /// How long others wait before they take over a lease that is not renewed.
    pub lease_duration: Duration,
    /// How long renewal is tried before leadership counts as lost.
    pub renew_deadline: Duration,
    /// The time between two attempts.
    pub retry_period: Duration,
}

/// The lease's name: `<controller>-leader-election`, and a digest of the label selector for a shard.
pub fn lease_name(controller: &str, label_selector: &str) -> String {
    if label_selector.is_empty() {
        return format!("{controller}-leader-election");
    }
    let digest = Sha256::digest(label_selector.as_bytes());
    let short = digest.iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    format!("{controller}-leader-election-{short:08x}")
}

/// One replica's view of the lease.
pub struct Candidate {
    api: Api<Lease>,
    election: Election,
    /// The lease as last seen, and when its record last changed by our own clock: clocks of replicas may differ.
    seen: Option<(Lease, Instant)>,
}

/// What an attempt to acquire or renew saw.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    Held,
    HeldBy(String),
}

impl Candidate {
    /// A candidate that has not tried yet.
    pub fn new(client: Client, election: Election) -> Self {
        let api = Api::namespaced(client, &election.namespace);
        Self { api, election, seen: None }
    }

    /// Waits until this replica leads.
    pub async fn acquire(&mut self) {
        tracing::info!(
            "attempting to acquire leader lease {}/{}...",
            self.election.namespace,
            self.election.name
        );
        let mut told = String::new();
        loop {
            match self.attempt().await {
                Ok(Attempt::Held) => break,
                Ok(Attempt::HeldBy(holder)) => {
                    if told != holder {
                        tracing::info!(holder, "another replica leads");
                        told = holder;
                    }
                }
                Err(error) => tracing::error!(%error, "leader lease could not be acquired, retrying"),
            }
            // Replicas that start together must not collide for ever.
            sleep(self.election.retry_period.mul_f64(rand::random_range(1.0..1.2))).await;
        }
        tracing::info!("successfully acquired lease {}/{}", self.election.namespace, self.election.name);
    }

    /// Keeps the lease. Returns why it was lost.
    pub async fn keep(&mut self) -> LeaderError {
        loop {
            sleep(self.election.retry_period).await;
            let deadline = Instant::now() + self.election.renew_deadline;
            if let Err(lost) = self.renew_until(deadline).await {
                return lost;
            }
        }
    }

    async fn renew_until(&mut self, deadline: Instant) -> Result<(), LeaderError> {
        let mut problem = "no answer from the API server".to_owned();
        loop {
            match timeout_at(deadline, self.attempt()).await {
                Ok(Ok(Attempt::Held)) => return Ok(()),
                Ok(Ok(Attempt::HeldBy(holder))) => {
                    return Err(LeaderError::Lost(format!("{holder} holds the lease")));
                }
                Ok(Err(error)) => problem = error.to_string(),
                Err(_) => return Err(LeaderError::Lost(problem)),
            }
            if timeout_at(deadline, sleep(self.election.retry_period)).await.is_err() {
                return Err(LeaderError::Lost(problem));
            }
        }
    }

    /// Gives the lease up, so that another replica can take it at once.
    pub async fn release(&mut self) {
        let Some((lease, _)) = self.seen.take() else { return };
        let mut released = lease;
        if let Some(spec) = &mut released.spec {
            if spec.holder_identity.as_ref() != Some(&self.election.identity) {
                return;
            }
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        if let Err(error) = self.api.replace(&self.election.name, &PostParams::default(), &released).await {
            tracing::warn!(%error, "leader lease could not be released");
        }
    }

    async fn attempt(&mut self) -> Result<Attempt, kube::Error> {
        let Some(current) = self.api.get_opt(&self.election.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.election.name.clone()),
                    namespace: Some(self.election.namespace.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.next_spec(None)),
            };
            let created = self.api.create(&PostParams::default(), &lease).await?;
            self.seen = Some((created, Instant::now()));
            return Ok(Attempt::Held);
        };
        self.observe(&current);
        let spec = current.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        if holder != self.election.identity && !holder.is_empty() && !self.is_expired(&spec) {
            return Ok(Attempt::HeldBy(holder));
        }
        // The resource version guards against another replica that does the same now.
        let next = Lease { metadata: current.metadata, spec: Some(self.next_spec(Some(spec))) };
        let written = self.api.replace(&self.election.name, &PostParams::default(), &next).await?;
        self.seen = Some((written, Instant::now()));
        Ok(Attempt::Held)
    }

    fn observe(&mut self, current: &Lease) {
        if self.seen.as_ref().is_none_or(|(seen, _)| seen.spec != current.spec) {
            self.seen = Some((current.clone(), Instant::now()));
        }
    }

    /// Whether the holder did not renew for as long as it promised to.
    fn is_expired(&self, spec: &LeaseSpec) -> bool {
        let promised = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let promised = promised.map_or(self.election.lease_duration, Duration::from_secs);
        self.seen.as_ref().is_some_and(|(_, since)| since.elapsed() > promised)
    }

    fn next_spec(&self, current: Option<LeaseSpec>) -> LeaseSpec {
        let now = Some(MicroTime(Timestamp::now()));
        let current = current.unwrap_or_default();
        let mine = current.holder_identity.as_ref() == Some(&self.election.identity);
        LeaseSpec {
            holder_identity: Some(self.election.identity.clone()),
            lease_duration_seconds: i32::try_from(self.election.lease_duration.as_secs()).ok(),
            acquire_time: if mine { current.acquire_time } else { now.clone() },
            renew_time: now,
            lease_transitions: Some(current.lease_transitions.unwrap_or_default() + i32::from(!mine)),
            ..LeaseSpec::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_leases_of_their_own() {
        assert_eq!(lease_name("source-controller", ""), "source-controller-leader-election");
        // printf %s 'sharding.fluxcd.io/key=shard1' | sha256sum
        assert_eq!(
            lease_name("source-controller", "sharding.fluxcd.io/key=shard1"),
            "source-controller-leader-election-73fdc1be"
        );
    }
}
