//! Rendering: the templates of a chart and of its dependencies, with Helm's functions and objects.

mod capabilities;
mod error;
mod files;
mod formats;
mod functions;
mod glob;
mod metadata;
mod scope;
mod state;
mod toml;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use memchr::memmem::Finder;
use sluice_gotmpl::value::{Map, Scope, Value};
use sluice_gotmpl::{Budget, Limits, MissingKey, Set};

pub use capabilities::{Capabilities, KubeVersion, KubeVersionError};
pub use error::TemplateError;
pub use state::{Lookup, NoCluster};

use crate::chart::Chart;
use scope::{GoValues, Templates};
use state::State;

/// What a chart is rendered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseInfo {
    /// Name of the release.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its revision, from 1.
    pub revision: i64,
    /// Whether the release exists already.
    pub is_upgrade: bool,
}

/// How to render.
pub(crate) struct Settings<'a> {
    pub(crate) release: &'a ReleaseInfo,
    pub(crate) capabilities: &'a Capabilities,
    pub(crate) lookup: Rc<dyn Lookup>,
    pub(crate) limits: Limits,
}

/// The name that templates have as a whole in error messages.
const SET: &str = "gotpl";
/// What Go prints for missing values, which Helm takes out of its output.
const NO_VALUE: &str = "<no value>";

/// Renders all templates but partials; the result is by path. The values must be coalesced, within an open
/// [`Scope`].
pub(crate) fn render(
    chart: &Chart,
    values: &Map,
    settings: &Settings<'_>,
) -> Result<BTreeMap<String, Vec<u8>>, TemplateError> {
    let _scope = Scope::enter();
    let templates = Templates::collect(chart, values, settings);
    let mut set = Set::new(SET, functions::all());
    set.set_missing_key(MissingKey::Zero);
    for (path, template) in templates.in_order() {
        set.parse(path, template.text.clone()).map_err(|error| TemplateError::parse(path, &error))?;
    }
    let set = Arc::new(set);
    let budget = Budget::new(settings.limits);
    let state = State::new(settings.lookup.clone());
    let mut rendered = BTreeMap::new();
    for (path, template) in templates.in_order() {
        if path.rsplit('/').next().is_some_and(|name| name.starts_with('_')) {
            continue;
        }
        let about = Map::new();
        about.insert("Name", path);
        about.insert("BasePath", template.base_path.as_str());
        template.scope.insert("Template", Value::object(GoValues(about)));
        let data = Value::object(GoValues(template.scope.clone()));
        let output =
            set.execute(path, data, &budget, &state).map_err(|error| TemplateError::execution(&error))?;
        let mut output = without_no_value(&output).unwrap_or(output);
        output.shrink_to_fit();
        rendered.insert(path.to_owned(), output);
    }
    Ok(rendered)
}

/// The output without what Go prints for missing values, if that is in it.
pub(crate) fn without_no_value(output: &[u8]) -> Option<Vec<u8>> {
    let finder = Finder::new(NO_VALUE);
    let mut found = finder.find(output)?;
    let mut out = Vec::with_capacity(output.len());
    let mut rest = output;
    loop {
        let (before, after) = rest.split_at_checked(found)?;
        out.extend_from_slice(before);
        rest = after.get(NO_VALUE.len()..).unwrap_or_default();
        match finder.find(rest) {
            Some(next) => found = next,
            None => break,
        }
    }
    out.extend_from_slice(rest);
    Some(out)
}
