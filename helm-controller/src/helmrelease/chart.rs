//! The chart of a release: downloaded, loaded, and given the version that its source's revision makes of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::meta::format_duration;
use sluice_apis::source::v1::Artifact;
use sluice_artifact::{FetchError, Fetcher};
use sluice_chart::{Chart, LoadOptions, load};
use sluice_semver::Version;

use super::source::SourceKey;

/// How large a chart's archive may be.
const MAX_ARCHIVE_BYTES: u64 = 100 << 20;
/// How much of a digest becomes build metadata of the version.
const DIGITS: usize = 12;

/// Why there is no chart.
pub enum Failure {
    /// The artifact is gone: there will be another one.
    NotFound(String),
    /// Anything else.
    Failed(String),
}

/// How much of charts' archives is behind the charts that are kept for a while.
const KEPT_BYTES: usize = 16 << 20;
/// How long a chart is kept after it was loaded: long enough for all releases of it that are due together.
const KEPT: Duration = Duration::from_secs(30);

struct Kept {
    digest: String,
    since: Instant,
    bytes: usize,
    chart: Arc<Chart>,
}

/// Downloads and loads charts. One that many releases use at the same time is loaded once.
#[derive(Clone)]
pub struct Charts {
    fetcher: Fetcher,
    kept: Arc<Mutex<Vec<Kept>>>,
}

impl Charts {
    /// Downloads with `fetcher`.
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, kept: Arc::default() }
    }

    /// The chart of an artifact.
    pub async fn load(&self, artifact: &Artifact, look_again: Duration) -> Result<Arc<Chart>, Failure> {
        if let Some(kept) = self.lock().iter().find(|kept| kept.digest == artifact.digest) {
            return Ok(Arc::clone(&kept.chart));
        }
        let bytes = self.fetcher.archive(artifact, MAX_ARCHIVE_BYTES).await.map_err(|error| match error {
            FetchError::NotFound => Failure::NotFound(format!(
                "Source not ready: artifact not found. Retrying in {}",
                format_duration(look_again)
            )),
            error => Failure::Failed(error.to_string()),
        })?;
        let size = bytes.len();
        let work =
            move || load::load_archive(&bytes, &LoadOptions { any_format: true, ..LoadOptions::default() });
        let loaded = tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Failure::Failed(format!("loading was stopped: {error}")))?
            .map_err(|error| Failure::Failed(error.to_string()))?;
        for warning in &loaded.warnings {
            tracing::info!("{warning}");
        }
        // Flux installs what is there of it.
        if let Err(error) = loaded.chart.check_installable() {
            tracing::warn!(chart = loaded.chart.name(), %error, "the chart is not complete");
        }
        let chart = Arc::new(loaded.chart);
        self.keep(&artifact.digest, &chart, size);
        Ok(chart)
    }

    fn keep(&self, digest: &str, chart: &Arc<Chart>, bytes: usize) {
        if bytes > KEPT_BYTES {
            return;
        }
        let mut kept = self.lock();
        kept.retain(|other| other.digest != digest);
        while kept.iter().map(|other| other.bytes).sum::<usize>() + bytes > KEPT_BYTES {
            kept.remove(0);
        }
        let (digest, chart) = (digest.to_owned(), Arc::clone(chart));
        kept.push(Kept { digest, since: Instant::now(), bytes, chart });
        drop(kept);
        let charts = self.clone();
        // Nothing stays while nothing happens.
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            charts.lock().retain(|kept| kept.since.elapsed() < KEPT);
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        // Each change leaves a list that holds: a panic can't leave it half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version of a chart by its source's revision, and the digest in that; the version alone if there is none.
pub fn version(
    object: &HelmRelease,
    source: &SourceKey,
    revision: &str,
    version: &str,
    track: bool,
) -> Result<(String, Option<String>), String> {
    let has_digest = match source.kind.as_str() {
        "OCIRepository" => true,
        "ExternalArtifact" => revision.contains(':'),
        _ => false,
    };
    if !has_digest || object.spec.chart_ref.is_none() {
        return Ok((version.to_owned(), None));
    }
    let parsed = Version::parse(version).map_err(|_| format!("invalid chart version {version}"))?;
    let (tag, rest) = revision.split_once('@').unwrap_or((revision, ""));
    // A plus sign can't stand in a tag: an underscore stands for it.
    let tagged = if revision.contains('@') { tag.replace('_', "+") } else { tag.to_owned() };
    let digest = match Version::parse(&tagged) {
        Ok(of_tag) => {
            if rest.is_empty() || rest.contains('@') || of_tag.cmp(&parsed).is_ne() {
                return Err(format!("artifact revision {tag} does not match chart version {version}"));
            }
            rest
        }
        Err(_) => revision,
    };
    let invalid = || format!("invalid artifact revision {digest}");
    let (_, hex) = digest.split_once(':').filter(|(_, hex)| !hex.contains(':')).ok_or_else(invalid)?;
    let short = hex.get(..DIGITS).ok_or_else(invalid)?;
    let pre =
        if parsed.prerelease().is_empty() { String::new() } else { format!("-{}", parsed.prerelease()) };
    let version = if track {
        format!("{}.{}.{}{pre}+{short}", parsed.major(), parsed.minor(), parsed.patch())
    } else {
        version.to_owned()
    };
    Ok((version, Some(digest.to_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_runtime::ObjectKey;

    use super::*;

    fn of(kind: &str, revision: &str, chart: &str) -> Result<(String, Option<String>), String> {
        let object: HelmRelease = serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "a"},
            "spec": {"interval": "1m", "chartRef": {"kind": kind, "name": "x"}},
        }))
        .unwrap();
        let source = SourceKey { kind: kind.to_owned(), key: ObjectKey::new("ns", "x") };
        version(&object, &source, revision, chart, true)
    }

    #[test]
    fn the_digest_becomes_build_metadata() {
        let digest = "sha256:0123456789abcdef";
        let with = |version: &str, digest: &str| Ok((version.to_owned(), Some(digest.to_owned())));
        assert_eq!(
            of("OCIRepository", &format!("1.2.3@{digest}"), "1.2.3"),
            with("1.2.3+0123456789ab", digest)
        );
        assert_eq!(
            of("OCIRepository", &format!("1.2.3_x@{digest}"), "1.2.3+x"),
            with("1.2.3+0123456789ab", digest)
        );
        let latest = format!("latest@{digest}");
        assert_eq!(of("OCIRepository", &latest, "1.2.3-rc.1"), with("1.2.3-rc.1+0123456789ab", &latest));
        assert_eq!(
            of("OCIRepository", &format!("1.2.4@{digest}"), "1.2.3"),
            Err("artifact revision 1.2.4 does not match chart version 1.2.3".to_owned())
        );
        assert_eq!(of("ExternalArtifact", "1.2.3", "1.2.3"), Ok(("1.2.3".to_owned(), None)));
        assert_eq!(of("HelmChart", "1.2.3", "1.2.3"), Ok(("1.2.3".to_owned(), None)));
        assert!(of("OCIRepository", "1.2.3@sha256:abc", "1.2.3").is_err());
    }
}
