//! Sets of templates that can call each other.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::error::{ExecError, Frame};
use crate::function::FuncMap;
use crate::limits::Budget;
use crate::parse::{self, Delims, Parsed, Template};
use crate::quote::quote;
use crate::value::Value;
use crate::{ParseError, exec};

/// What a field that a map does not have evaluates to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value: `<no value>` when printed, and so is any field of it.
    #[default]
    Default,
    /// The zero value of the map's elements.
    Zero,
    /// An error.
    Error,
}

/// Templates by name, the functions they use, and options: Go's `*template.Template` with all that is
/// associated with it. Sets may be shared between threads.
#[derive(Clone, Default)]
pub struct Set {
    name: String,
    functions: Arc<FuncMap>,
    missing_key: MissingKey,
    delims: Delims,
    parent: Option<Arc<Set>>,
    templates: HashMap<Arc<str>, Arc<Template>, RandomState>,
}

impl Set {
    /// An empty set. The name is only used in errors.
    pub fn new(name: impl Into<String>, functions: Arc<FuncMap>) -> Set {
        Set { name: name.into(), functions, ..Set::default() }
    }

    /// A set that sees all templates of another one and takes more without changing it. This costs
    /// nothing, however large the other set is.
    pub fn overlay(parent: &Arc<Set>) -> Set {
        Set {
            name: parent.name.clone(),
            functions: parent.functions.clone(),
            missing_key: parent.missing_key,
            delims: parent.delims.clone(),
            parent: Some(parent.clone()),
            templates: HashMap::default(),
        }
    }

    /// Sets what missing keys evaluate to.
    pub fn set_missing_key(&mut self, missing_key: MissingKey) {
        self.missing_key = missing_key;
    }

    /// What missing keys evaluate to.
    pub fn missing_key(&self) -> MissingKey {
        self.missing_key
    }

    /// Sets the delimiters of actions for what is parsed from now on; an empty one stands for Go's
    /// `{{` or `}}`.
    pub fn set_delims(&mut self, left: &str, right: &str) {
        self.delims = Delims::new(left, right);
    }

    /// The functions that templates may call.
    pub fn functions(&self) -> &Arc<FuncMap> {
        &self.functions
    }

    /// Replaces the functions, for what is parsed from now on: a parsed template keeps those it was
    /// parsed with.
    pub fn set_functions(&mut self, functions: Arc<FuncMap>) {
        self.functions = functions;
    }

    /// Parses a text as the template with this name. It and what it defines join the set; they replace
    /// templates of the same name unless they are empty.
    pub fn parse(&mut self, name: &str, text: impl Into<Arc<[u8]>>) -> Result<(), ParseError> {
        let parsed = self.parse_only(name, text)?;
        self.add(&parsed);
        Ok(())
    }

    /// Parses a text with this set's functions and delimiters without adding it, so that the result
    /// can be [added](Set::add) to many sets.
    pub fn parse_only(&self, name: &str, text: impl Into<Arc<[u8]>>) -> Result<Parsed, ParseError> {
        parse::parse(name, text.into(), &self.functions, &self.delims)
    }

    /// Adds parsed templates.
    pub fn add(&mut self, parsed: &Parsed) {
        for template in parsed.templates() {
            if !template.is_empty() || self.lookup(template.name()).is_none() {
                self.templates.insert(template.shared_name(), template.clone());
            }
        }
    }

    /// The template with this name.
    pub fn lookup(&self, name: &str) -> Option<&Arc<Template>> {
        let mut set = self;
        loop {
            if let Some(template) = set.templates.get(name) {
                return Some(template);
            }
            set = set.parent.as_deref()?;
        }
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.templates.keys().cloned().collect();
        if let Some(parent) = &self.parent {
            names.extend(parent.names());
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Executes the template with this name. Its functions find `state` with
    /// [`Call::state`](crate::function::Call::state).
    ///
    /// An error leaves no output. Hold a [`Scope`](crate::value::Scope) around it.
    pub fn execute(
        self: &Arc<Self>,
        name: &str,
        data: Value,
        budget: &Budget,
        state: &dyn Any,
    ) -> Result<Vec<u8>, ExecError> {
        exec::execute(self, name, data, budget, state)
    }

    /// The error of executing what the set does not have.
    pub(crate) fn no_template(&self, name: &str) -> ExecError {
        ExecError::new(format!(
            "no template {} associated with template {}",
            quote(name.as_bytes()),
            quote(self.name.as_bytes())
        ))
        .within(Frame::Context("template: ".to_owned()))
    }
}
