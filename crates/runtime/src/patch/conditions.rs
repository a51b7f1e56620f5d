//! Merging conditions when somebody else wrote some meanwhile.

use std::cmp::Ordering;

use serde_json::Value;

/// Takes what changed from `before` to `after` over to `latest`.
///
/// For types in `owned` our state wins, whatever others wrote. For other types our change is taken only if
/// nobody else changed that condition. Conditions that we did not touch stay as they are in `latest`.
pub(super) fn merge(before: &[Value], after: &[Value], latest: &[Value], owned: &[&str]) -> Vec<Value> {
    let mut merged = latest.to_vec();
    for kind in types(before).chain(types(after)) {
        let (old, new, theirs) = (find(before, kind), find(after, kind), find(latest, kind));
        let ours_wins = owned.contains(&kind) || theirs == old;
        if old == new && !(owned.contains(&kind) && theirs != new) || !ours_wins {
            continue;
        }
        merged.retain(|condition| type_of(condition) != Some(kind));
        merged.extend(new.cloned());
    }
    merged.sort_by(by_type);
    merged
}

/// Ready first, then by name.
fn by_type(a: &Value, b: &Value) -> Ordering {
    let rank = |condition| (type_of(condition) != Some("Ready"), type_of(condition).map(str::to_owned));
    rank(a).cmp(&rank(b))
}

fn types(conditions: &[Value]) -> impl Iterator<Item = &str> {
    conditions.iter().filter_map(type_of)
}

fn type_of(condition: &Value) -> Option<&str> {
    condition.get("type")?.as_str()
}

fn find<'a>(conditions: &'a [Value], kind: &str) -> Option<&'a Value> {
    conditions.iter().find(|condition| type_of(condition) == Some(kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn conditions(list: &[(&str, &str)]) -> Vec<Value> {
        list.iter().map(|(kind, status)| json!({"type": kind, "status": status})).collect()
    }

    #[test]
    fn foreign_conditions_survive_and_owned_ones_win() {
        let before = conditions(&[("Ready", "Unknown"), ("Reconciling", "True")]);
        let after = conditions(&[("Ready", "True")]);
        let latest = conditions(&[("Ready", "False"), ("Audited", "True"), ("Reconciling", "True")]);
        assert_eq!(
            merge(&before, &after, &latest, &["Ready", "Reconciling"]),
            conditions(&[("Ready", "True"), ("Audited", "True")])
        );
    }

    #[test]
    fn owned_conditions_win_even_where_we_changed_nothing() {
        let ours = conditions(&[("Ready", "True")]);
        let latest = conditions(&[("Ready", "False")]);
        assert_eq!(merge(&ours, &ours, &latest, &["Ready"]), ours);
        assert_eq!(merge(&ours, &ours, &latest, &[]), latest);
    }

    #[test]
    fn other_conditions_are_changed_only_where_nobody_else_did() {
        let before = conditions(&[("Extra", "Unknown")]);
        let after = conditions(&[("Extra", "True")]);
        assert_eq!(merge(&before, &after, &before, &[]), after);
        let theirs = conditions(&[("Extra", "False")]);
        assert_eq!(merge(&before, &after, &theirs, &[]), theirs);
    }

    #[test]
    fn ready_comes_first() {
        let after = conditions(&[("Ready", "True"), ("ArtifactInStorage", "True")]);
        let latest = conditions(&[("Zeta", "True"), ("Alpha", "True")]);
        let order: Vec<_> = merge(&[], &after, &latest, &["Ready", "ArtifactInStorage"])
            .iter()
            .filter_map(type_of)
            .map(str::to_owned)
            .collect();
        assert_eq!(order, ["Ready", "Alpha", "ArtifactInStorage", "Zeta"]);
    }
}
