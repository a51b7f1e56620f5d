//! A bound on what references make of a schema.

use std::collections::HashMap;

use serde_json::Value as Json;

/// How many schemas one may expand to, its references followed.
const MAX_EXPANSION: u64 = 2_000_000;

/// Refuses a schema whose references double at every step. Schemas that refer to themselves are counted once: what
/// they cost depends on the values.
pub(super) fn check(schema: &Json) -> Result<(), String> {
    let mut counter = Counter { root: schema, known: HashMap::new() };
    if counter.count(schema) > MAX_EXPANSION {
        return Err(format!(
            "the schema expands to more than {MAX_EXPANSION} schemas when its references are followed"
        ));
    }
    Ok(())
}

struct Counter<'s> {
    root: &'s Json,
    /// What a reference expands to; none while it is being counted.
    known: HashMap<&'s str, Option<u64>>,
}

impl<'s> Counter<'s> {
    fn count(&mut self, schema: &'s Json) -> u64 {
        match schema {
            Json::Object(map) => {
                let mut sum = 1_u64;
                for (key, value) in map {
                    let part = match (key.as_str(), value) {
                        ("$ref" | "$dynamicRef" | "$recursiveRef", Json::String(target)) => {
                            self.reference(target)
                        }
                        // Counted where they are referred to.
                        ("definitions" | "$defs", _) => 0,
                        _ => self.count(value),
                    };
                    sum = sum.saturating_add(part);
                }
                sum
            }
            Json::Array(items) => items.iter().fold(0, |sum: u64, item| sum.saturating_add(self.count(item))),
            _ => 0,
        }
    }

    fn reference(&mut self, target: &'s str) -> u64 {
        match self.known.get(target) {
            Some(Some(count)) => return *count,
            Some(None) => return 1,
            None => {}
        }
        let Some(schema) = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else {
            return 1;
        };
        self.known.insert(target, None);
        let count = self.count(schema);
        self.known.insert(target, Some(count));
        count
    }
}
