//! The Ready condition as the summary of others.

use super::{ConditionStatus, ConditionedObject, get, set};
use crate::k8s::Condition;
use crate::meta::condition_types::READY;

/// How Ready follows from other conditions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary<'a> {
    /// The condition types that count, the most telling first.
    pub order: &'a [&'a str],
    /// Those of them that are bad news when True.
    pub negative_polarity: &'a [&'a str],
    /// Those of them that make the object not ready when False, whatever else holds, and say nothing otherwise
    /// worse than their group.
    pub overriding_when_false: &'a [&'a str],
}

/// Sets Ready from the conditions that are there; none of them leaves Ready as it is.
///
/// Conditions fall in groups by how much they matter: bad news (negative True, then positive False), good news
/// (positive True, then negative False), then Unknown. The first of the foremost group, in the declared order, gives
/// reason and message; bad news makes Ready False, good news True, otherwise Unknown.
pub fn summarize<T: ConditionedObject>(object: &mut T, summary: &Summary<'_>) {
    let Some((status, reason, message)) = summarized(object, summary) else { return };
    set(object, READY, status, &reason, message);
}

/// Status, reason and message of the summary.
fn summarized<T: ConditionedObject>(
    object: &T,
    summary: &Summary<'_>,
) -> Option<(ConditionStatus, String, String)> {
    let listed = || summary.order.iter().filter_map(|type_| get(object, type_));
    let overriding =
        listed().find(|c| summary.overriding_when_false.contains(&c.type_.as_str()) && c.status == "False");
    let (group, condition) = match overriding {
        Some(condition) => (Group::PositiveFalse, condition),
        None => listed()
            .map(|condition| (Group::of(condition, summary.negative_polarity), condition))
            // `min_by_key` keeps the first of equals: the declared order.
            .min_by_key(|(group, _)| *group)?,
    };
    Some((group.ready(), condition.reason.clone(), condition.message.clone()))
}

/// The groups, the most important first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Group {
    NegativeTrue,
    PositiveFalse,
    PositiveTrue,
    NegativeFalse,
    Unknown,
}

impl Group {
    fn of(condition: &Condition, negative_polarity: &[&str]) -> Self {
        let negative = negative_polarity.contains(&condition.type_.as_str());
        match (condition.status.as_str(), negative) {
            ("True", true) => Self::NegativeTrue,
            ("False", false) => Self::PositiveFalse,
            ("True", false) => Self::PositiveTrue,
            ("False", true) => Self::NegativeFalse,
            _ => Self::Unknown,
        }
    }

    fn ready(self) -> ConditionStatus {
        match self {
            Self::NegativeTrue | Self::PositiveFalse => ConditionStatus::False,
            Self::PositiveTrue | Self::NegativeFalse => ConditionStatus::True,
            Self::Unknown => ConditionStatus::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{is_true, mark_false, mark_true, mark_unknown, message, reason};
    use super::*;
    use crate::source::v1::{GitRepository, GitRepositorySpec};

    const SUMMARY: Summary<'_> = Summary {
        order: &[
            "FetchFailed",
            "ArtifactOutdated",
            "ArtifactInStorage",
            "SourceVerified",
            "Stalled",
            "Reconciling",
        ],
        negative_polarity: &["FetchFailed", "ArtifactOutdated", "Stalled", "Reconciling"],
        overriding_when_false: &["SourceVerified"],
    };

    fn object() -> GitRepository {
        GitRepository::new("app", GitRepositorySpec::default())
    }

    #[test]
    fn nothing_to_summarize_leaves_ready_alone() {
        let mut object = object();
        summarize(&mut object, &SUMMARY);
        assert!(get(&object, READY).is_none());
    }

    #[test]
    fn bad_news_wins_in_declared_order() {
        let mut object = object();
        mark_true(&mut object, "ArtifactInStorage", "Succeeded", "stored");
        mark_true(&mut object, "Reconciling", "Progressing", "busy");
        mark_true(&mut object, "ArtifactOutdated", "NewRevision", "new revision");
        mark_true(&mut object, "FetchFailed", "GitOperationFailed", "no route");
        summarize(&mut object, &SUMMARY);
        assert_eq!(get(&object, READY).unwrap().status, "False");
        assert_eq!(
            (reason(&object, READY), message(&object, READY)),
            (Some("GitOperationFailed"), Some("no route"))
        );
    }

    #[test]
    fn good_news_alone_is_ready() {
        let mut object = object();
        mark_true(&mut object, "SourceVerified", "Succeeded", "verified");
        mark_true(&mut object, "ArtifactInStorage", "Succeeded", "stored");
        summarize(&mut object, &SUMMARY);
        assert!(is_true(&object, READY));
        assert_eq!(message(&object, READY), Some("stored"));
    }

    #[test]
    fn failed_verification_overrides_everything() {
        let mut object = object();
        mark_true(&mut object, "FetchFailed", "GitOperationFailed", "no route");
        mark_false(&mut object, "SourceVerified", "InvalidCommitSignature", "unknown key");
        summarize(&mut object, &SUMMARY);
        assert_eq!(reason(&object, READY), Some("InvalidCommitSignature"));
    }

    #[test]
    fn only_unknown_is_unknown() {
        let mut object = object();
        mark_unknown(&mut object, "ArtifactInStorage", "Progressing", "building");
        summarize(&mut object, &SUMMARY);
        assert_eq!(get(&object, READY).unwrap().status, "Unknown");
    }
}
