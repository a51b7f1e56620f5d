//! Freeing values: without recursion, and in spite of cycles.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use super::Value;
use super::map::Data;

/// Frees values with a loop: a chart may nest lists deeper than the stack is high.
pub(super) fn release(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        match value {
            Value::List(list) => pending.append(&mut list.into_unique()),
            Value::Map(map) => pending.append(&mut map.into_unique()),
            _ => {}
        }
    }
}

thread_local! {
    /// Maps that got a list or map as a value since the outermost scope began.
    static TRACKED: RefCell<Option<Vec<Weak<Data>>>> = const { RefCell::new(None) };
}

pub(super) fn track(map: &Rc<Data>) {
    TRACKED.with_borrow_mut(|tracked| {
        if let Some(maps) = tracked {
            maps.push(Rc::downgrade(map));
        }
    });
}

/// The time within which values live that templates make.
///
/// Maps are counted references, so `set $ "self" $` makes a cycle that would never be freed. While a
/// scope is open, this thread notes the maps that were given a list or map with [`Map::insert`]; when
/// the outermost scope ends, they are emptied. Hold one around a whole render, and don't use values
/// of the render after it.
///
/// [`Map::insert`]: super::Map::insert
#[must_use = "values are freed when the scope is dropped"]
pub struct Scope {
    outermost: bool,
}

impl Scope {
    /// Opens a scope on this thread.
    pub fn enter() -> Scope {
        TRACKED.with_borrow_mut(|tracked| {
            let outermost = tracked.is_none();
            if outermost {
                *tracked = Some(Vec::new());
            }
            Scope { outermost }
        })
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if self.outermost {
            let maps = TRACKED.take().unwrap_or_default();
            release(maps.iter().flat_map(Data::clear).collect());
        }
    }
}
