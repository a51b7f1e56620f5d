//! Sets of field paths in the form of `fieldsV1`: a trie whose keys are `f:<name>`,
//! `k:<key fields>`, `v:<value>` or `i:<index>`, with `.` for the path of the node itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A set of field paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Path elements that end a path of the set.
    members: BTreeSet<String>,
    /// Path elements with longer paths below. Never empty sets.
    children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// Reads a `fieldsV1` value. What isn't a map is the empty set.
    pub fn from_json(value: &Value) -> Self {
        let mut set = Self::default();
        for (element, below) in value.as_object().into_iter().flatten().filter(|(element, _)| *element != ".")
        {
            let child = Self::from_json(below);
            let is_member = below.get(".").is_some() || child.is_empty();
            if is_member {
                set.members.insert(element.clone());
            }
            if !child.is_empty() {
                set.children.insert(element.clone(), child);
            }
        }
        set
    }

    /// The `fieldsV1` value.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        for element in &self.members {
            map.insert(element.clone(), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            let mut below = child.to_json();
            if self.members.contains(element) {
                below["."] = Value::Object(Map::new());
            }
            map.insert(element.clone(), below);
        }
        Value::Object(map)
    }

    /// Whether the set holds no path.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.is_empty()
    }

    /// The paths of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.members.extend(other.members.iter().cloned());
        for (element, child) in &other.children {
            let merged = union.children.get(element).map_or_else(|| child.clone(), |own| own.union(child));
            union.children.insert(element.clone(), merged);
        }
        union
    }

    /// The paths of this set that aren't in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let members = self.members.difference(&other.members).cloned().collect();
        let children = self
            .children
            .iter()
            .map(|(element, child)| {
                let left = other
                    .children
                    .get(element)
                    .map_or_else(|| child.clone(), |other| child.difference(other));
                (element.clone(), left)
            })
            .filter(|(_, child)| !child.is_empty())
            .collect();
        Self { members, children }
    }

    /// Whether the path, or one below it, is in the set.
    pub fn touches(&self, path: &[String]) -> bool {
        match path {
            [] => false,
            [last] => self.members.contains(last) || self.children.contains_key(last),
            [first, rest @ ..] => self.children.get(first).is_some_and(|child| child.touches(rest)),
        }
    }

    /// The elements directly below a path.
    pub fn elements_below(&self, path: &[String]) -> BTreeSet<&str> {
        match path {
            [] => self.members.iter().chain(self.children.keys()).map(String::as_str).collect(),
            [first, rest @ ..] => {
                self.children.get(first).map(|child| child.elements_below(rest)).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn sets() -> impl Strategy<Value = FieldSet> {
        let element = prop::sample::select(vec!["f:a", "f:b", "k:{\"name\":\"x\"}", "v:\"y\""]);
        let path = prop::collection::vec(element, 1..4);
        prop::collection::vec(path, 0..8).prop_map(|paths| {
            let mut set = FieldSet::default();
            for path in paths {
                set = set.union(&single(&path));
            }
            set
        })
    }

    fn single(path: &[&str]) -> FieldSet {
        let mut set = FieldSet::default();
        match path {
            [] => {}
            [last] => drop(set.members.insert((*last).to_owned())),
            [first, rest @ ..] => drop(set.children.insert((*first).to_owned(), single(rest))),
        }
        set
    }

    proptest! {
        #[test]
        fn json_round_trips(set in sets()) {
            prop_assert_eq!(FieldSet::from_json(&set.to_json()), set);
        }

        #[test]
        fn union_is_a_semilattice(a in sets(), b in sets(), c in sets()) {
            prop_assert_eq!(a.union(&b), b.union(&a));
            prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
            prop_assert_eq!(a.union(&a), a);
        }

        #[test]
        fn difference_and_union_split_a_set(a in sets(), b in sets()) {
            let union = a.union(&b);
            prop_assert!(a.difference(&union).is_empty());
            prop_assert_eq!(union.difference(&b).union(&b), union);
        }
    }

    #[test]
    fn a_node_with_a_dot_is_a_path_itself() {
        let with_dot = json!({"f:a": {".": {}, "f:b": {}}});
        let set = FieldSet::from_json(&with_dot);
        assert_eq!(set.to_json(), with_dot);
        assert_eq!(
            FieldSet::from_json(&json!({"f:a": {"f:b": {}}}))
                .union(&FieldSet::from_json(&json!({"f:a": {}}))),
            set
        );
        assert!(set.touches(&["f:a".to_owned()]));
        assert!(set.touches(&["f:a".to_owned(), "f:b".to_owned()]));
        assert!(!set.touches(&["f:b".to_owned()]));
    }
}
