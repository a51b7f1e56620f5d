//! When a repository is to be scanned, and why.

use std::time::Duration;

use jiff::Timestamp;
use sluice_apis::image::v1::ImageRepository;

use crate::progress::new_request;

/// The reason when there are no tags of the image.
pub(super) const NO_TAGS: &str = "no tags in database";
/// A scan that is due in less than this is made now.
const SOON: Duration = Duration::from_secs(1);

/// When to scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Now, and why.
    Now(&'static str),
    /// After this time.
    In(Duration),
}

/// Why to scan whatever the time.
pub(super) fn demand(object: &ImageRepository, canonical: &str) -> Option<&'static str> {
    let status = object.status.as_ref();
    if status.is_none_or(|status| status.last_scan_result.is_none()) {
        return Some("first scan");
    }
    if new_request(object).is_some() {
        return Some("reconcile requested");
    }
    if status.and_then(|status| status.canonical_image_name.as_deref()) != Some(canonical) {
        return Some("new image name");
    }
    let observed = status.map(|status| status.observed_exclusion_list.as_slice()).unwrap_or_default();
    let wanted = object.spec.exclusions();
    let same = observed.len() == wanted.len() && wanted.iter().all(|pattern| observed.contains(pattern));
    (!same).then_some("updated exclusion list")
}

/// When to scan if nothing demands it.
pub(super) fn by_interval(object: &ImageRepository, now: Timestamp) -> Due {
    let last = object.status.as_ref().and_then(|status| status.last_scan_result.as_ref());
    let scanned = last.and_then(|last| last.scan_time.as_ref()).map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let elapsed = now.duration_since(scanned);
    // A clock that was set back does not put off a scan by more than the interval.
    let elapsed = Duration::try_from(elapsed).unwrap_or_default();
    match object.spec.interval.0.saturating_sub(elapsed) {
        rest if rest < SOON => Due::Now("triggered by interval"),
        rest => Due::In(rest),
    }
}

#[cfg(test)]
mod tests {
    use sluice_apis::image::v1::{ImageRepositorySpec, ImageRepositoryStatus, ScanResult};
    use sluice_apis::k8s::Time;
    use sluice_apis::meta::REQUESTED_AT_ANNOTATION;

    use super::*;

    fn scanned(ago: i64) -> (ImageRepository, Timestamp) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let spec = ImageRepositorySpec {
            interval: sluice_apis::meta::Duration(Duration::from_mins(10)),
            exclusion_list: vec!["a".to_owned(), "b".to_owned()],
            ..ImageRepositorySpec::default()
        };
        let mut object = ImageRepository::new("app", spec);
        object.status = Some(ImageRepositoryStatus {
            canonical_image_name: Some("ghcr.io/org/app".to_owned()),
            observed_exclusion_list: vec!["b".to_owned(), "a".to_owned()],
            last_scan_result: Some(ScanResult {
                scan_time: Some(Time(Timestamp::from_second(1_000_000 - ago).unwrap())),
                ..ScanResult::default()
            }),
            ..ImageRepositoryStatus::default()
        });
        (object, now)
    }

    fn at(ago: i64, change: impl FnOnce(&mut ImageRepository)) -> Due {
        let (mut object, now) = scanned(ago);
        change(&mut object);
        demand(&object, "ghcr.io/org/app").map_or_else(|| by_interval(&object, now), Due::Now)
    }

    #[test]
    fn the_first_reason_counts() {
        assert_eq!(at(60, |_| {}), Due::In(Duration::from_mins(9)));
        assert_eq!(at(599, |_| {}), Due::In(Duration::from_secs(1)));
        assert_eq!(at(600, |_| {}), Due::Now("triggered by interval"));
        assert_eq!(at(-60, |_| {}), Due::In(Duration::from_mins(10)));
        assert_eq!(at(60, |object| object.status = None), Due::Now("first scan"));
        let request = |object: &mut ImageRepository| {
            let annotations = object.metadata.annotations.get_or_insert_default();
            annotations.insert(REQUESTED_AT_ANNOTATION.to_owned(), "now".to_owned());
        };
        assert_eq!(at(60, request), Due::Now("reconcile requested"));
        let handled = |object: &mut ImageRepository| {
            request(object);
            object.status.as_mut().unwrap().last_handled_reconcile_at = Some("now".to_owned());
        };
        assert_eq!(at(60, handled), Due::In(Duration::from_mins(9)));
        let empty = |object: &mut ImageRepository| {
            let annotations = object.metadata.annotations.get_or_insert_default();
            annotations.insert(REQUESTED_AT_ANNOTATION.to_owned(), String::new());
        };
        assert_eq!(at(60, empty), Due::In(Duration::from_mins(9)));
        assert_eq!(demand(&scanned(60).0, "ghcr.io/org/other"), Some("new image name"));
        assert_eq!(
            at(60, |object| object.spec.exclusion_list.push("c".to_owned())),
            Due::Now("updated exclusion list")
        );
    }
}
