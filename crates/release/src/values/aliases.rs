//! Values that are merged as Go merges maps: by reference.
//!
//! Where a value at a path wins over an inline one, and where it does not, follows from which maps and lists the
//! merged values share with the inline ones: what is changed in a shared one is changed in both, and the inline
//! values are merged again at the end. Maps keep their place when they are merged, so that a shared one stands at the
//! same path in both.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

/// What of a map is shared with the inline values.
#[derive(Clone, Debug, Default)]
struct Shared(BTreeMap<String, Share>);

#[derive(Clone, Debug)]
enum Share {
    /// The same map or list.
    Whole,
    /// A map of its own, which holds shared ones.
    Within(Shared),
}

/// Values in the making.
pub struct Composition {
    inline: Map<String, Json>,
    result: Map<String, Json>,
    shared: Shared,
}

impl Composition {
    /// Nothing but the inline values, which come last.
    pub fn new(inline: Map<String, Json>) -> Self {
        Self { inline, result: Map::new(), shared: Shared::default() }
    }

    /// Merges values that share nothing with the inline ones.
    pub fn merge(&mut self, values: Map<String, Json>) {
        self.shared = unshared(std::mem::take(&mut self.shared), &self.result, &values);
        self.result = super::merged(std::mem::take(&mut self.result), values);
    }

    /// Merges the inline values, then sets something at a path.
    pub fn set(
        &mut self,
        path: &str,
        set: impl FnOnce(&mut Map<String, Json>) -> Result<(), String>,
    ) -> Result<(), String> {
        self.shared = share(std::mem::take(&mut self.shared), &self.result, &self.inline);
        self.result = super::merged(std::mem::take(&mut self.result), self.inline.clone());
        let before = self.result.clone();
        set(&mut self.result)?;
        // Without an index, a path that ends at a list replaces it; an index changes one element in place.
        let replaces_list = !path.contains('[');
        self.write_back(&before, replaces_list);
        Ok(())
    }

    /// The values, with the inline ones over them.
    pub fn finish(self) -> Map<String, Json> {
        super::merged(self.result, self.inline)
    }

    /// Brings what changed in shared maps and lists to the inline values.
    fn write_back(&mut self, before: &Map<String, Json>, replaces_list: bool) {
        sync(&mut self.shared, before, &self.result, &mut self.inline, replaces_list);
    }
}

/// What is shared after the inline values were merged over `base`.
fn share(mut shared: Shared, base: &Map<String, Json>, inline: &Map<String, Json>) -> Shared {
    for (key, value) in inline {
        let was = shared.0.remove(key);
        let share = match (base.get(key), value) {
            (Some(Json::Object(below)), Json::Object(above)) => {
                let within = match was {
                    Some(Share::Whole) => whole(below),
                    Some(Share::Within(within)) => within,
                    None => Shared::default(),
                };
                Share::Within(share(within, below, above))
            }
            (_, Json::Object(_) | Json::Array(_)) => Share::Whole,
            _ => continue,
        };
        shared.0.insert(key.clone(), share);
    }
    shared
}

/// What is still shared after other values were merged over `base`.
fn unshared(mut shared: Shared, base: &Map<String, Json>, values: &Map<String, Json>) -> Shared {
    for (key, value) in values {
        let Some(was) = shared.0.remove(key) else { continue };
        if let (Some(Json::Object(below)), Json::Object(above)) = (base.get(key), value) {
            let within = match was {
                Share::Whole => whole(below),
                Share::Within(within) => within,
            };
            shared.0.insert(key.clone(), Share::Within(unshared(within, below, above)));
        }
    }
    shared
}

/// Everything in a map that is shared as a whole.
fn whole(map: &Map<String, Json>) -> Shared {
    let holders = map.iter().filter(|(_, value)| value.is_object() || value.is_array());
    Shared(holders.map(|(key, _)| (key.clone(), Share::Whole)).collect())
}

fn sync(
    shared: &mut Shared,
    before: &Map<String, Json>,
    after: &Map<String, Json>,
    inline: &mut Map<String, Json>,
    replaces_list: bool,
) {
    shared.0.retain(|key, share| {
        let (Some(old), Some(new)) = (before.get(key), after.get(key)) else { return false };
        match share {
            Share::Within(within) => match (old, new, inline.get_mut(key)) {
                (Json::Object(old), Json::Object(new), Some(Json::Object(inline))) => {
                    sync(within, old, new, inline, replaces_list);
                    true
                }
                _ => false,
            },
            Share::Whole if old == new => true,
            Share::Whole => {
                let same = match (old, new) {
                    (Json::Object(_), Json::Object(_)) => true,
                    // A list that grows, or is replaced, is another one.
                    (Json::Array(old), Json::Array(new)) => old.len() == new.len() && !replaces_list,
                    _ => false,
                };
                if same {
                    inline.insert(key.clone(), new.clone());
                }
                same
            }
        }
    });
}
