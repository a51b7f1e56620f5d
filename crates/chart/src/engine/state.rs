//! What functions share during a render.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::{Value as Json, json};
use sluice_gotmpl::parse::Parsed;

/// Finds objects in a cluster for the template function `lookup`, and addresses for `getHostByName`.
pub trait Lookup {
    /// The object with that name, or without a name the list of all; an empty object if there is none. Without a
    /// namespace, that of all namespaces.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Json, String>;

    /// An address of a host. Unless somebody wants it otherwise there is none: a chart must not send what it knows to a
    /// name server.
    fn address(&self, _host: &str) -> Result<String, String> {
        Ok(String::new())
    }
}

/// Finds nothing, as `helm template` does.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCluster;

impl Lookup for NoCluster {
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Json, String> {
        Ok(json!({}))
    }
}

/// How often a template may be included within itself.
const MAX_INCLUDES: u32 = 1000;

pub(super) struct State {
    pub(super) lookup: Rc<dyn Lookup>,
    /// How often templates are being included right now.
    included: RefCell<HashMap<String, u32>>,
    /// Texts that `tpl` has parsed.
    parsed: RefCell<HashMap<Rc<[u8]>, Rc<Parsed>>>,
}

impl State {
    pub(super) fn new(lookup: Rc<dyn Lookup>) -> Self {
        Self { lookup, included: RefCell::default(), parsed: RefCell::default() }
    }

    /// Counts the inclusion of a template; false if it is included too deep.
    pub(super) fn enter(&self, name: &str) -> bool {
        let mut included = self.included.borrow_mut();
        match included.get_mut(name) {
            Some(count) if *count > MAX_INCLUDES => false,
            Some(count) => {
                *count += 1;
                true
            }
            None => {
                included.insert(name.to_owned(), 1);
                true
            }
        }
    }

    pub(super) fn leave(&self, name: &str) {
        if let Some(count) = self.included.borrow_mut().get_mut(name) {
            *count = count.saturating_sub(1);
        }
    }

    /// The parsed text; parsed by `parse` if it is met for the first time.
    pub(super) fn parsed<E>(
        &self,
        text: &[u8],
        parse: impl FnOnce() -> Result<Parsed, E>,
    ) -> Result<Rc<Parsed>, E> {
        if let Some(parsed) = self.parsed.borrow().get(text) {
            return Ok(parsed.clone());
        }
        let parsed = Rc::new(parse()?);
        self.parsed.borrow_mut().insert(text.into(), parsed.clone());
        Ok(parsed)
    }
}
