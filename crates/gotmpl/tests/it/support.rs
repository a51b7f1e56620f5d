//! Rendering for tests.

use std::sync::Arc;

use sluice_gotmpl::{Budget, ExecError, FuncMap, Limits, Scope, Set, Value};

/// Renders a template with all functions of sprig.
pub(crate) fn render(template: &str, data: Value) -> Result<String, ExecError> {
    render_within(template, data, Limits::default())
}

/// Renders a template with all functions of sprig within limits.
pub(crate) fn render_within(template: &str, data: Value, limits: Limits) -> Result<String, ExecError> {
    let _scope = Scope::enter();
    let output =
        set(template, sluice_gotmpl::sprig::functions()).execute("t", data, &Budget::new(limits), &())?;
    Ok(String::from_utf8(output).unwrap())
}

/// A set with a template named `t`.
pub(crate) fn set(template: &str, functions: FuncMap) -> Arc<Set> {
    let mut set = Set::new("root", Arc::new(functions));
    set.parse("t", template.as_bytes()).unwrap();
    Arc::new(set)
}
