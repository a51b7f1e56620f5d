//! Texts that stand in manifests again and again are held once.

use std::cell::RefCell;
use std::sync::Arc;

/// Texts held at once by a thread: a power of two.
const SLOTS: usize = 1024;
/// The longest text that is looked up, in bytes. Field names are shorter.
const LONGEST: usize = 32;

thread_local! {
    static TEXTS: RefCell<Vec<Option<Arc<str>>>> = const { RefCell::new(Vec::new()) };
}

/// The text, shared with an equal one that was asked for before, if that is still known.
pub fn shared(text: &str) -> Arc<str> {
    if text.len() > LONGEST {
        return text.into();
    }
    TEXTS.with_borrow_mut(|texts| {
        if texts.is_empty() {
            texts.resize(SLOTS, None);
        }
        let Some(slot) = texts.get_mut(slot(text)) else { return text.into() };
        match slot {
            Some(known) if **known == *text => Arc::clone(known),
            _ => Arc::clone(slot.insert(text.into())),
        }
    })
}

/// FNV-1a, folded to the number of slots.
fn slot(text: &str) -> usize {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as usize & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one() {
        let first = shared("apiVersion");
        assert!(Arc::ptr_eq(&first, &shared("apiVersion")));
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(*shared(&long), *long);
        for number in 0..10 * SLOTS {
            assert_eq!(*shared(&number.to_string()), *number.to_string());
        }
    }
}
