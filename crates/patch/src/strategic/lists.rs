//! Lists whose items are paired by keys.

use sluice_yaml::ScalarStyle;

use super::arena::Id;
use super::walk::Walk;
use crate::error::Error;
use crate::schema::Type;

impl<'s> Walk<'s> {
    /// Merges a list that the schema merges.
    pub(super) fn merged_list(
        &mut self,
        dest: Option<Id>,
        patch: Option<Id>,
        of: Option<&Type<'s>>,
    ) -> Result<Option<Id>, Error> {
        let Some(dest) = self.visit_list(dest, patch)? else { return Ok(None) };
        let keys: Vec<String> =
            of.map(Type::merge_keys).unwrap_or_default().into_iter().map(str::to_owned).collect();
        let sources = [Some(dest), patch];
        if keys.is_empty() {
            let values = self.scalar_values(sources);
            return self.merge_items(values, &[String::new()], dest, sources, of);
        }
        let values = self.key_values(sources, &keys);
        self.merge_items(values, &keys, dest, sources, of)
    }

    /// The values of the keys of each item, the patch's items first; each combination once.
    fn key_values(&self, [dest, patch]: [Option<Id>; 2], keys: &[String]) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = Vec::new();
        for list in [patch, dest].into_iter().flatten() {
            for item in self.arena.items(list) {
                let value = |key: &String| match self.arena.field(*item, key) {
                    Some(id) if self.arena.has(Some(id)) => self.arena.text(id).to_owned(),
                    _ => String::new(),
                };
                let values: Vec<String> = keys.iter().map(value).collect();
                if !all.contains(&values) {
                    all.push(values);
                }
            }
        }
        all
    }

    /// The texts of a list of scalars, the patch's first; each once.
    fn scalar_values(&self, [dest, patch]: [Option<Id>; 2]) -> Vec<Vec<String>> {
        let mut all: Vec<Vec<String>> = Vec::new();
        for list in [patch, dest].into_iter().flatten() {
            for item in self.arena.items(list) {
                let values = vec![self.arena.text(*item).to_owned()];
                if !all.contains(&values) {
                    all.push(values);
                }
            }
        }
        all
    }

    fn merge_items(
        &mut self,
        mut all: Vec<Vec<String>>,
        keys: &[String],
        dest: Id,
        sources: [Option<Id>; 2],
        of: Option<&Type<'s>>,
    ) -> Result<Option<Id>, Error> {
        let merged = self.arena.empty_list();
        if keys.len() > 1 {
            join_partial(&mut all);
        }
        if all.is_empty() {
            return Ok(Some(dest));
        }
        let mut used = Vec::new();
        for values in &all {
            let (valid_keys, valid_values) = valid(&all, values, keys);
            let (find_keys, find_values) =
                valid(std::slice::from_ref(&valid_values), &valid_values, &valid_keys);
            let [old, new] =
                sources.map(|list| list.and_then(|list| self.find(list, &find_keys, &find_values)));
            let item = self.node(old, new, of.and_then(Type::items))?;
            used.clone_from(&valid_keys);
            match item.filter(|id| self.arena.has(Some(*id)) && !self.arena.is_empty_map(*id)) {
                Some(item) => {
                    self.complete_keys(item, &valid_keys, &valid_values);
                    self.set_element(merged, Some(item), &valid_keys, &valid_values)?;
                }
                None => self.set_element(dest, None, &valid_keys, &valid_values)?,
            }
        }
        self.append(merged, dest, &used)?;
        Ok(Some(merged))
    }

    /// Sets the keys that an item was found by and does not have itself.
    fn complete_keys(&mut self, item: Id, keys: &[String], values: &[String]) {
        for (key, value) in keys.iter().zip(values) {
            if self.arena.is_map(item) && self.arena.field(item, key).is_none() && !value.is_empty() {
                let scalar = self.arena.scalar(value);
                self.arena.set_field(item, key, scalar, ScalarStyle::Plain);
            }
        }
    }

    /// The first item whose keys have these texts; of a list of scalars (the key is empty), the first of that text.
    fn find(&self, list: Id, keys: &[String], values: &[String]) -> Option<Id> {
        let first = values.first().map(String::as_str).unwrap_or_default();
        let scalars = keys.first().is_none_or(String::is_empty);
        self.arena.items(list).iter().copied().find(|item| {
            if scalars {
                return self.arena.text(*item) == first;
            }
            self.arena.is_map(*item)
                && keys.iter().zip(values).all(|(key, value)| {
                    self.arena.field(*item, key).is_some_and(|field| self.arena.text(field) == value)
                })
        })
    }

    /// Appends the items of `src` to `list`, in place of those with the same keys.
    fn append(&mut self, list: Id, src: Id, keys: &[String]) -> Result<(), Error> {
        for item in self.arena.items(src).to_vec() {
            if keys.first().is_none_or(String::is_empty) {
                let text = self.arena.text(item).to_owned();
                self.set_element(list, Some(item), &[String::new()], &[text])?;
                continue;
            }
            let mut values = Vec::new();
            for key in keys {
                self.expect(item, "MappingNode")?;
                if let Some(field) = self.arena.field(item, key) {
                    values.push(self.arena.text(field).to_owned());
                } else {
                    let mut items = self.arena.items(list).to_vec();
                    items.push(item);
                    self.arena.set_items(list, items);
                }
            }
            if keys.len() > 1 {
                self.set_element(list, None, keys, &values)?;
            }
            self.set_element(list, Some(item), keys, &values)?;
        }
        Ok(())
    }

    /// Puts an item in place of each item of the list with these keys, or at its end if there is none; without an
    /// item, removes them. Nulls and empty maps leave the list.
    pub(super) fn set_element(
        &mut self,
        list: Id,
        element: Option<Id>,
        keys: &[String],
        values: &[String],
    ) -> Result<(), Error> {
        let by_map =
            keys.first().is_some_and(|key| !key.is_empty()) && values.first().is_some_and(|v| !v.is_empty());
        let mut items = Vec::new();
        let mut found = false;
        for item in self.arena.items(list).to_vec() {
            if self.arena.is_null(item) || self.arena.is_empty_map(item) {
                continue;
            }
            if by_map && !self.arena.is_map(item) {
                items.push(item);
                continue;
            }
            if self.matches(item, keys, values)? {
                found = true;
                items.extend(element);
            } else if !values.is_empty() {
                items.push(item);
            }
        }
        if let Some(element) = element
            && !found
            && self.arena.has(Some(element))
        {
            items.push(element);
        }
        self.arena.set_items(list, items);
        Ok(())
    }

    /// Whether an item has all the keys with these texts; an empty text asks for the key only.
    fn matches(&self, item: Id, keys: &[String], values: &[String]) -> Result<bool, Error> {
        let mut last = false;
        for (index, key) in keys.iter().enumerate() {
            if let Some(value) = values.get(index) {
                last = if key.is_empty() {
                    self.expect(item, "ScalarNode")?;
                    self.arena.text(item) == value
                } else {
                    self.expect(item, "MappingNode")?;
                    self.arena
                        .field(item, key)
                        .is_some_and(|field| value.is_empty() || self.arena.text(field) == value)
                };
            }
            if !last {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The keys that any item has a value for, and the item's values of them; all keys if no item has any.
fn valid(all: &[Vec<String>], values: &[String], keys: &[String]) -> (Vec<String>, Vec<String>) {
    let used =
        |index: usize| all.iter().any(|values| values.get(index).is_some_and(|value| !value.is_empty()));
    if !(0..keys.len()).any(used) {
        return (keys.to_vec(), values.to_vec());
    }
    let pick = |from: &[String]| {
        from.iter().enumerate().filter(|(index, _)| used(*index)).map(|(_, v)| v.clone()).collect()
    };
    (pick(keys), pick(values))
}

/// Items that share a key, and differ otherwise only where one has none, are the same item.
fn join_partial(all: &mut [Vec<String>]) {
    for index in 0..all.len() {
        let Some(one) = all.get(index).cloned() else { continue };
        for other in 0..all.len() {
            if let Some(joined) = all.get(other).and_then(|other| join(&one, other)) {
                for place in [index, other] {
                    if let Some(slot) = all.get_mut(place) {
                        slot.clone_from(&joined);
                    }
                }
            }
        }
    }
}

fn join(one: &[String], other: &[String]) -> Option<Vec<String>> {
    let mut common = false;
    let mut joined = Vec::with_capacity(one.len());
    for (a, b) in one.iter().zip(other) {
        common |= a == b;
        if a != b && !a.is_empty() && !b.is_empty() {
            return None;
        }
        joined.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    common.then_some(joined)
}
