//! What the status of a `HelmRepository` says.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_apis::conditions::{Summary, delete, mark_true};
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::{HelmRepository, Source};
use sluice_runtime::{EventType, Pass};

use crate::conditions::reasons::ARTIFACT_UP_TO_DATE;
use crate::conditions::types::{
    ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED, STORAGE_OPERATION_FAILED,
};
use crate::kind::SourceKind;

/// How often an index is fetched where nothing is said.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);

/// Conditions that only this controller writes.
pub(super) const OWNED: &[&str] = &[
    STORAGE_OPERATION_FAILED,
    FETCH_FAILED,
    ARTIFACT_OUTDATED,
    ARTIFACT_IN_STORAGE,
    READY,
    RECONCILING,
    STALLED,
];

impl SourceKind for HelmRepository {
    const KIND: &'static str = "HelmRepository";
    const SUMMARY: Summary<'static> = Summary {
        order: &[
            STORAGE_OPERATION_FAILED,
            FETCH_FAILED,
            ARTIFACT_OUTDATED,
            ARTIFACT_IN_STORAGE,
            STALLED,
            RECONCILING,
        ],
        negative_polarity: &[STORAGE_OPERATION_FAILED, FETCH_FAILED, ARTIFACT_OUTDATED, STALLED, RECONCILING],
        overriding_when_false: &[],
    };
    const FAILURES: &'static [&'static str] = &[FETCH_FAILED, STORAGE_OPERATION_FAILED];

    fn interval(&self) -> Duration {
        self.spec.interval.as_ref().map_or(DEFAULT_INTERVAL, |interval| interval.0)
    }

    fn link_mut(&mut self) -> Option<&mut Option<String>> {
        self.status.as_mut().map(|status| &mut status.url)
    }
}

/// Says that the index of this revision is stored.
pub(super) fn mark_stored(object: &mut HelmRepository, revision: &str) {
    delete(object, ARTIFACT_OUTDATED);
    mark_true(object, ARTIFACT_IN_STORAGE, SUCCEEDED, format!("stored artifact: revision '{revision}'"));
}

/// Says that the repository has what is stored.
pub(super) fn mark_up_to_date(pass: &mut Pass<HelmRepository>, revision: &str) {
    let message = format!("artifact up-to-date with remote revision: '{revision}'");
    pass.event(EventType::Trace, ARTIFACT_UP_TO_DATE, &message, &BTreeMap::new());
    mark_stored(&mut pass.object, revision);
}

/// The message of an event about a stored index.
pub(super) fn stored_message(object: &HelmRepository) -> String {
    let size = object.artifact().and_then(|artifact| artifact.size);
    let size = size.map_or_else(|| "unknown size".to_owned(), |size| format!("size {}", human_size(size)));
    format!("stored fetched index of {size} from '{}'", sluice_http::redact(&object.spec.url))
}

/// Four digits and an SI unit, as Go's units library prints sizes.
#[allow(clippy::cast_precision_loss, reason = "four digits are printed")]
fn human_size(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    // `%.4g`: four significant digits, without zeros at the end.
    let whole_digits = format!("{}", size.trunc()).len();
    let text = format!("{size:.*}", 4_usize.saturating_sub(whole_digits));
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::human_size;

    #[test]
    fn sizes_have_four_digits() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.234kB"),
            (12_345, "12.35kB"),
            (1_500_000, "1.5MB"),
            (123_456_789, "123.5MB"),
        ] {
            assert_eq!(human_size(bytes), text);
        }
    }
}
