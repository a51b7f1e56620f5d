//! The functions that Helm adds to sprig's.

use std::sync::{Arc, OnceLock};

use sluice_gotmpl::value::{Map, Numbers, Str, Type, Value};
use sluice_gotmpl::{Call, FuncError, FuncMap, Function, Set};

use super::state::State;
use super::{SET, formats, without_no_value};
use crate::gotext::quote;

/// Marks the text of `fail` and `required`, which stands alone in the error.
pub(super) const WARN_START: &str = "HELM_ERR_START";
/// The end of such a text.
pub(super) const WARN_END: &str = "HELM_ERR_END";

const OWN: &[Function] = &[
    Function::new("include", &[Type::String, Type::Any], include),
    Function::new("tpl", &[Type::String, Type::Any], tpl),
    Function::new("required", &[Type::String, Type::Any], required),
    Function::new("fail", &[Type::String], |_, args| Err(warning(&text(args, 0)))),
    Function::new("lookup", &[Type::String, Type::String, Type::String, Type::String], lookup),
    Function::new("getHostByName", &[Type::String], address),
];

/// All functions that templates of charts may call: neither the environment nor the network is among them.
pub(super) fn all() -> Arc<FuncMap> {
    static FUNCTIONS: OnceLock<Arc<FuncMap>> = OnceLock::new();
    let make = || {
        let mut functions = sluice_gotmpl::sprig::functions();
        for name in ["env", "expandenv"] {
            functions.remove(name);
        }
        functions.extend(OWN.iter().chain(formats::FUNCTIONS).cloned());
        Arc::new(functions)
    };
    FUNCTIONS.get_or_init(make).clone()
}

fn text(args: &[Value], index: usize) -> Str {
    args.get(index).and_then(Value::as_str).cloned().unwrap_or_default()
}

fn any(args: &[Value], index: usize) -> Value {
    args.get(index).cloned().unwrap_or_default()
}

fn warning(message: &Str) -> FuncError {
    FuncError::new(format!("{WARN_START}{message}{WARN_END}"))
}

fn include(call: &mut Call<'_>, args: &[Value]) -> Result<Value, FuncError> {
    let name = text(args, 0).to_string();
    if !call.state::<State>().is_none_or(|state| state.enter(&name)) {
        return Err(FuncError::new(format!(
            "rendering template has a nested reference name: {name}: unable to execute template"
        )));
    }
    let result = call.execute(&name, any(args, 1));
    if let Some(state) = call.state::<State>() {
        state.leave(&name);
    }
    result.map(Value::Str)
}

/// Executes a text as a template that sees all others. What it defines is gone afterwards.
fn tpl(call: &mut Call<'_>, args: &[Value]) -> Result<Value, FuncError> {
    let source = text(args, 0);
    let parent = call.templates();
    let parse = || parent.parse_only(SET, source.as_bytes());
    let parsed = match call.state::<State>() {
        Some(state) => state.parsed(&source, parse),
        None => parse().map(std::rc::Rc::new),
    };
    let parsed = parsed.map_err(|error| {
        FuncError::new(format!("cannot parse template {}: {error}", quote(&source.to_text())))
    })?;
    // A text of spaces, comments and defines alone does not replace a template of its name, which is that of the
    // text around it: it has to stand alone.
    let is_blank = parsed.templates().iter().any(|template| template.name() == SET && template.is_empty());
    let mut set = if is_blank { Set::new(SET, parent.functions().clone()) } else { Set::overlay(&parent) };
    set.add(&parsed);
    let output = call.execute_in(&Arc::new(set), SET, any(args, 1)).map_err(|error| {
        error.context(format!("error during tpl function execution for {}: ", quote(&source.to_text())))
    })?;
    Ok(Value::Str(match without_no_value(&output) {
        Some(output) => output.into(),
        None => output,
    }))
}

fn required(_: &mut Call<'_>, args: &[Value]) -> Result<Value, FuncError> {
    let value = any(args, 1);
    let is_missing = match &value {
        Value::Nil => true,
        Value::Str(text) => text.is_empty(),
        _ => false,
    };
    if is_missing { Err(warning(&text(args, 0))) } else { Ok(value) }
}

fn address(call: &mut Call<'_>, args: &[Value]) -> Result<Value, FuncError> {
    let Some(state) = call.state::<State>() else { return Ok("".into()) };
    let found = state.lookup.address(&text(args, 0).to_string())?;
    Ok(Value::Str(found.as_str().into()))
}

fn lookup(call: &mut Call<'_>, args: &[Value]) -> Result<Value, FuncError> {
    let word = |index| text(args, index).to_string();
    let found = match call.state::<State>() {
        Some(state) => state.lookup.lookup(&word(0), &word(1), &word(2), &word(3))?,
        None => return Ok(Value::Map(Map::new())),
    };
    Ok(match Value::from_json(&found, Numbers::Int64) {
        Value::Map(map) => Value::Map(map),
        _ => Value::Map(Map::new()),
    })
}
