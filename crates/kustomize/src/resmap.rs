//! The resources of a build, in order, found by id.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::error::Error;
use crate::generate::merge_data;
use crate::ids::{IdKey, ResId};
use crate::resource::{Behavior, Memory, Resource};

/// Resources in order. No two have the same id when they are added; lookups by id take no scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResMap {
    resources: Vec<Resource>,
    index: Option<Index>,
    /// Whether a change left nothing of a resource.
    has_empties: bool,
}

/// Where ids are. Made when first asked for, kept while resources are only added. It holds hashes, and places where
/// the ids may be: copies of the ids would take as much memory as small resources.
#[derive(Clone, Debug, Default)]
struct Index {
    hasher: RandomState,
    current: HashMap<u64, Vec<u32>>,
    any: HashMap<u64, Vec<u32>>,
}

impl Index {
    fn new(resources: &[Resource]) -> Self {
        let mut index = Self::default();
        for (at, resource) in resources.iter().enumerate() {
            index.add(at, resource);
        }
        index
    }

    fn add(&mut self, at: usize, resource: &Resource) {
        let Ok(at) = u32::try_from(at) else { return };
        let current = self.hasher.hash_one(resource.key());
        push(&mut self.current, current, at);
        if !resource.is_empty() {
            for key in resource.previous_keys() {
                push(&mut self.any, self.hasher.hash_one(key), at);
            }
            push(&mut self.any, current, at);
        }
    }

    /// Whether a resource has the id.
    fn is_current(&self, key: IdKey<'_>, resources: &[Resource]) -> bool {
        let places = self.current.get(&self.hasher.hash_one(key)).into_iter().flatten();
        places.filter_map(|at| resources.get(*at as usize)).any(|resource| resource.key() == key)
    }

    /// The places of the resources that have or had the id.
    fn any(&self, key: IdKey<'_>, resources: &[Resource]) -> Vec<usize> {
        let places = self.any.get(&self.hasher.hash_one(key)).into_iter().flatten().map(|at| *at as usize);
        let has =
            |resource: &Resource| resource.key() == key || resource.previous_keys().any(|had| had == key);
        places.filter(|at| resources.get(*at).is_some_and(has)).collect()
    }
}

fn push(places: &mut HashMap<u64, Vec<u32>>, hash: u64, at: u32) {
    let places = places.entry(hash).or_default();
    if places.last() != Some(&at) {
        places.reserve_exact(1);
        places.push(at);
    }
}

impl ResMap {
    pub(crate) fn from_resources(resources: Vec<Resource>) -> Result<Self, Error> {
        let mut map = Self::default();
        map.append_all(resources)?;
        Ok(map)
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.resources.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.resources.len()
    }

    pub(crate) fn as_slice(&self) -> &[Resource] {
        &self.resources
    }

    pub(crate) fn into_resources(self) -> Vec<Resource> {
        self.resources
    }

    /// All resources for changing; what is changed here is not checked for clashing ids.
    pub(crate) fn resources_mut(&mut self) -> &mut Vec<Resource> {
        self.index = None;
        &mut self.resources
    }

    /// What is remembered about each resource, for changing anything but ids.
    pub(crate) fn memories_mut(&mut self) -> impl Iterator<Item = &mut Memory> {
        self.resources.iter_mut().map(|resource| &mut resource.memory)
    }

    /// Changes one resource. Lookups stay fast when its ids stay the same.
    pub(crate) fn update<T>(
        &mut self,
        place: usize,
        change: impl FnOnce(&mut Resource) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let Some(resource) = self.resources.get_mut(place) else { return Ok(None) };
        let before = resource.id();
        let changed = change(resource)?;
        let same =
            resource.id() == before && !resource.is_empty() && resource.previous_ids().all(|id| id == before);
        self.has_empties |= resource.is_empty();
        if !same {
            self.index = None;
        }
        Ok(Some(changed))
    }

    /// Adds a resource whose id is new.
    pub(crate) fn append(&mut self, resource: Resource) -> Result<(), Error> {
        let at = self.resources.len();
        let index = self.index.get_or_insert_with(|| Index::new(&self.resources));
        if index.is_current(resource.key(), &self.resources) {
            return Err(Error::DuplicateId { id: resource.id().to_string() });
        }
        index.add(at, &resource);
        self.resources.push(resource);
        Ok(())
    }

    pub(crate) fn append_all(&mut self, resources: Vec<Resource>) -> Result<(), Error> {
        // As they are if there are no others yet: a build of thousands needs no second list.
        if self.resources.is_empty() {
            let mut index = Index::default();
            for (at, resource) in resources.iter().enumerate() {
                if index.is_current(resource.key(), &resources) {
                    return Err(Error::DuplicateId { id: resource.id().to_string() });
                }
                index.add(at, resource);
            }
            (self.resources, self.index) = (resources, Some(index));
            return Ok(());
        }
        resources.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// The places of the resources that have or had the id.
    pub(crate) fn places_by_any_id(&mut self, id: &ResId) -> Vec<usize> {
        let index = self.index.get_or_insert_with(|| Index::new(&self.resources));
        index.any(id.key(), &self.resources)
    }

    /// The place of the one resource that has or had the id.
    pub(crate) fn place_by_any_id(&mut self, id: &ResId) -> Result<usize, Error> {
        match self.places_by_any_id(id).as_slice() {
            [] => Err(Error::NoMatch { id: id.to_string() }),
            [one] => Ok(*one),
            _ => Err(Error::MultipleMatches { id: id.to_string() }),
        }
    }

    /// Adds what generators make, by the behaviour each asks for.
    pub(crate) fn absorb(&mut self, generated: Vec<Resource>) -> Result<(), Error> {
        generated.into_iter().try_for_each(|resource| self.absorb_one(resource))
    }

    fn absorb_one(&mut self, mut resource: Resource) -> Result<(), Error> {
        let id = resource.id();
        let behavior = resource.memory.behavior;
        let place = match self.places_by_any_id(&id).as_slice() {
            [] if matches!(behavior, Behavior::Merge | Behavior::Replace) => {
                return Err(Error::NothingToMerge { id: id.to_string() });
            }
            [] => return self.append(resource),
            [one] => *one,
            several => {
                let found: Vec<_> = several
                    .iter()
                    .filter_map(|at| self.resources.get(*at))
                    .map(|r| r.id().to_string())
                    .collect();
                return Err(Error::AmbiguousMerge { found: found.join(", "), id: id.to_string() });
            }
        };
        let Some(old) = self.resources.get(place) else { return Ok(()) };
        match behavior {
            Behavior::Replace => resource.inherit_metadata(old),
            Behavior::Merge => {
                let origin = old.memory.origin.clone();
                resource.inherit_metadata(old);
                merge_data(&mut resource, old);
                if origin.is_some() {
                    resource.memory.origin = origin;
                }
                resource.source.clone_from(&old.source);
            }
            _ => {
                return Err(Error::BehaviorConflict {
                    id: id.to_string(),
                    behavior: behavior.name().to_owned(),
                });
            }
        }
        // It has taken over all ids, so the index stays right.
        if let Some(slot) = self.resources.get_mut(place) {
            *slot = resource;
        }
        Ok(())
    }

    /// Removes resources of which a patch left nothing.
    pub(crate) fn drop_empties(&mut self) {
        if std::mem::take(&mut self.has_empties) {
            self.resources_mut().retain(|resource| !resource.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str, namespace: &str) -> Resource {
        let text = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, namespace: {namespace}}}}}"
        );
        Resource::new(sluice_yaml::parse_first(&text).unwrap().unwrap())
    }

    #[test]
    fn ids_are_unique() {
        let mut map = ResMap::from_resources(vec![config("a", "x"), config("a", "y")]).unwrap();
        assert!(matches!(map.append(config("a", "x")), Err(Error::DuplicateId { .. })));
        assert!(map.append(config("b", "x")).is_ok());
    }

    #[test]
    fn found_by_every_name_it_had() {
        let mut map = ResMap::from_resources(vec![config("a", "x")]).unwrap();
        let old = map.as_slice()[0].id();
        for resource in map.resources_mut() {
            resource.store_previous_id();
            resource.set_name("b");
        }
        let new = map.as_slice()[0].id();
        assert_eq!(map.places_by_any_id(&old), [0]);
        assert_eq!(map.places_by_any_id(&new), [0]);
    }

    #[test]
    fn generators_must_say_when_they_change_what_exists() {
        let mut map = ResMap::from_resources(vec![config("a", "x")]).unwrap();
        assert!(matches!(map.absorb(vec![config("a", "x")]), Err(Error::BehaviorConflict { .. })));
        let mut merge = config("c", "x");
        merge.memory.behavior = Behavior::Merge;
        assert!(matches!(map.absorb(vec![merge]), Err(Error::NothingToMerge { .. })));
    }
}
