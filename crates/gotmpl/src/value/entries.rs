//! The entries of a map, sorted by their keys.
//!
//! Values consist of many small maps, for each of which a tree would take room for eleven entries. So a few entries lie
//! side by side, and only a map that has more of them is a tree.

use std::collections::{BTreeMap, btree_map};
use std::slice;

use super::{Str, Value};

/// The most entries that lie side by side.
const FEW: usize = 32;

#[derive(Clone)]
pub(super) enum Entries {
    Few(Vec<(Str, Value)>),
    Many(BTreeMap<Str, Value>),
}

impl Entries {
    pub(super) const fn new() -> Entries {
        Entries::Few(Vec::new())
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Entries::Few(few) => few.len(),
            Entries::Many(many) => many.len(),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Value> {
        match self {
            Entries::Few(few) => few.get(place(few, key).ok()?).map(|(_, value)| value),
            Entries::Many(many) => many.get(key),
        }
    }

    /// Sets the value at the key and returns the one before.
    pub(super) fn insert(&mut self, key: Str, value: Value) -> Option<Value> {
        let few = match self {
            Entries::Few(few) => few,
            Entries::Many(many) => return many.insert(key, value),
        };
        match place(few, &key) {
            Ok(index) => few.get_mut(index).map(|(_, old)| std::mem::replace(old, value)),
            Err(index) if few.len() < FEW => {
                few.insert(index, (key, value));
                None
            }
            Err(_) => {
                let mut many: BTreeMap<Str, Value> = std::mem::take(few).into_iter().collect();
                let old = many.insert(key, value);
                *self = Entries::Many(many);
                old
            }
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) -> Option<Value> {
        match self {
            Entries::Few(few) => {
                let index = place(few, key).ok()?;
                Some(few.remove(index).1)
            }
            Entries::Many(many) => many.remove(key),
        }
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        match self {
            Entries::Few(few) => Iter::Few(few.iter()),
            Entries::Many(many) => Iter::Many(many.iter()),
        }
    }

    /// Takes all values out.
    pub(super) fn take_values(&mut self) -> Vec<Value> {
        match std::mem::replace(self, Entries::new()) {
            Entries::Few(few) => few.into_iter().map(|(_, value)| value).collect(),
            Entries::Many(many) => many.into_values().collect(),
        }
    }
}

/// Where the key is, or where it would be.
fn place(few: &[(Str, Value)], key: &[u8]) -> Result<usize, usize> {
    few.binary_search_by(|(known, _)| known.as_bytes().cmp(key))
}

/// Of entries with the same key the last one counts.
impl FromIterator<(Str, Value)> for Entries {
    fn from_iter<I: IntoIterator<Item = (Str, Value)>>(entries: I) -> Entries {
        let entries = entries.into_iter();
        let mut made = Entries::Few(Vec::with_capacity(entries.size_hint().0.min(FEW)));
        for (key, value) in entries {
            match &mut made {
                // Most come in order.
                Entries::Few(few) if few.len() < FEW && few.last().is_none_or(|(last, _)| *last < key) => {
                    few.push((key, value));
                }
                _ => drop(made.insert(key, value)),
            }
        }
        made
    }
}

pub(super) enum Iter<'e> {
    Few(slice::Iter<'e, (Str, Value)>),
    Many(btree_map::Iter<'e, Str, Value>),
}

impl<'e> Iterator for Iter<'e> {
    type Item = (&'e Str, &'e Value);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Iter::Few(few) => few.next().map(|(key, value)| (key, value)),
            Iter::Many(many) => many.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Iter::Few(few) => few.size_hint(),
            Iter::Many(many) => many.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that looks random, and is the same each time.
    fn random(state: &mut u32) -> usize {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 8) as usize
    }

    #[test]
    fn few_and_many_are_a_sorted_map() {
        let state = &mut 7;
        for size in [1, 3, FEW, FEW + 1, 4 * FEW] {
            let (mut entries, mut known) = (Entries::new(), BTreeMap::new());
            for round in 0..20 * size {
                let key = format!("k{}", random(state) % size);
                if random(state).is_multiple_of(4) {
                    let removed = entries.remove(key.as_bytes()).is_some();
                    assert_eq!(removed, known.remove(&key).is_some());
                } else {
                    let old = entries.insert(key.as_str().into(), Value::int(round as i64));
                    assert_eq!(old.is_some(), known.insert(key, round as i64).is_some());
                }
                assert_eq!(entries.len(), known.len());
            }
            for index in 0..size {
                let key = format!("k{index}");
                let found = entries.get(key.as_bytes()).map(|value| format!("{value:?}"));
                assert_eq!(found, known.get(&key).map(|value| format!("int({value})")));
            }
            let keys: Vec<String> = entries.iter().map(|(key, _)| key.to_string()).collect();
            assert_eq!(keys, known.keys().cloned().collect::<Vec<_>>());
            let copied: Entries = entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            assert_eq!(copied.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>(), keys);
            assert_eq!(entries.take_values().len(), keys.len());
            assert_eq!(entries.len(), 0);
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        for count in [3, 3 * FEW] {
            let twice = (0..2 * count).map(|index| {
                (Str::from((index % count).to_string().as_str()), Value::int(i64::from(index >= count)))
            });
            let entries: Entries = twice.collect();
            assert_eq!(entries.len(), count);
            assert!(entries.iter().all(|(_, value)| matches!(value, Value::Int(_, 1))));
        }
    }
}
