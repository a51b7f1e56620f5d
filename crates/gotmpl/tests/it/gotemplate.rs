//! `text/template` against recordings of Go.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sluice_gotmpl::function::{Call, FuncError};
use sluice_gotmpl::gojson;
use sluice_gotmpl::{Budget, FuncMap, Function, Map, MissingKey, Scope, Set, Type, Value};

use crate::corpus::{self, Verdict};

#[test]
fn execution_as_in_go() {
    corpus::run("gotemplate/go_exec.public.jsonl", execution);
}

#[test]
fn parsing_as_in_go() {
    corpus::run("gotemplate/go_parse.public.jsonl", parsing);
}

#[test]
fn execution_as_helm_needs_it() {
    corpus::run("gotemplate/own.public.jsonl", execution);
}

#[test]
fn every_verb_on_every_kind() {
    corpus::run("gotemplate/printf_grid.public.jsonl", execution);
}

/// The functions that the recordings were made with.
const FUNCTIONS: &[Function] = &[
    Function::variadic("add", &[Type::INT], |_, args| Ok(Value::int(args.iter().map(int).sum()))),
    Function::new("echo", &[Type::Any], |_, args| Ok(args[0].clone())),
    Function::variadic("makemap", &[Type::String], make_map),
    Function::new("mapOfThree", &[], |_, _| {
        Ok(Value::Map(Map::with_entries(Type::Map(&Type::INT), [("three".into(), Value::int(3))])))
    }),
    Function::new("zeroArgs", &[], |_, _| Ok("zeroArgs".into())),
    Function::new("oneArg", &[Type::String], |_, args| Ok(format!("oneArg={}", text(&args[0])).into())),
    Function::new("twoArgs", &[Type::String, Type::String], |_, args| {
        Ok(format!("twoArgs={}{}", text(&args[0]), text(&args[1])).into())
    }),
    Function::new("typeOf", &[Type::Any], |_, args| Ok(args[0].type_name().into())),
    Function::variadic("dddArg", &[Type::INT, Type::String], |_, args| {
        let texts: Vec<String> = args[1..].iter().map(text).collect();
        Ok(format!("{} [{}]", int(&args[0]), texts.join(" ")).into())
    }),
    Function::new("valueString", &[Type::String], |_, _| Ok("value is ignored".into())),
    Function::new("returnInt", &[], |_, _| Ok(Value::int(7))),
    Function::new("die", &[], |_, _| Err("die".into())),
];

fn int(value: &Value) -> i64 {
    match value {
        Value::Int(_, value) => *value,
        _ => unreachable!("the executor checks types"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_string()
}

fn make_map(_: &mut Call<'_>, args: &[Value]) -> Result<Value, FuncError> {
    if !args.len().is_multiple_of(2) {
        return Err("bad makemap".into());
    }
    let pairs = args.chunks(2).map(|pair| (pair[0].as_str().unwrap().clone(), pair[1].clone()));
    Ok(Map::with_entries(Type::STRING_MAP, pairs).into())
}

fn functions(case: &Json) -> FuncMap {
    let mut functions = FuncMap::new();
    let wanted = case["funcs"].as_array();
    let is_wanted = |name: &str| wanted.is_some_and(|names| names.iter().any(|wanted| wanted == name));
    functions.extend(FUNCTIONS.iter().filter(|function| is_wanted(function.name())).cloned());
    functions
}

fn execution(case: &Json, text: &str) -> Verdict {
    let _scope = Scope::enter();
    let got = execute(case, text);
    let want = match (&case["want"], &case["want_b64"], &case["error"]) {
        (Json::String(want), ..) => Ok(want.clone().into_bytes()),
        (_, Json::String(want), _) => Ok(STANDARD.decode(want).unwrap()),
        (.., Json::String(error)) => Err(error.clone()),
        _ => return Verdict::Failed("the case expects nothing".to_owned()),
    };
    if got == want {
        return Verdict::Passed;
    }
    let shown =
        |result: Result<Vec<u8>, String>| result.map(|output| String::from_utf8_lossy(&output).into_owned());
    Verdict::Failed(format!("{}\n    got  {:?}\n    want {:?}", case["template"], shown(got), shown(want)))
}

fn execute(case: &Json, text: &str) -> Result<Vec<u8>, String> {
    let mut set = Set::new("root", Arc::new(functions(case)));
    set.set_missing_key(match case["missingkey"].as_str() {
        Some("zero") => MissingKey::Zero,
        Some("error") => MissingKey::Error,
        _ => MissingKey::Default,
    });
    for (index, definitions) in case["defs"].as_array().into_iter().flatten().enumerate() {
        let definitions = definitions.as_str().unwrap().as_bytes();
        set.parse(&format!("defs{index}"), definitions).map_err(|error| error.to_string())?;
    }
    set.parse("t", case["template"].as_str().unwrap().as_bytes()).map_err(|error| error.to_string())?;
    // `serde_json` reads some floats a bit off.
    let exact = gojson::decode(text.as_bytes())?;
    let data = data(&case["data"], exact.as_map().and_then(|case| case.get("data")).unwrap_or_default());
    Arc::new(set).execute("t", data, &Budget::default(), &()).map_err(|error| error.to_string())
}

/// The value with its whole numbers as `int`.
fn data(json: &Json, exact: Value) -> Value {
    match (json, &exact) {
        (Json::Number(number), _) => number.as_i64().map_or(exact, Value::int),
        (Json::Array(items), Value::List(list)) => {
            Value::list(items.iter().zip(list.iter()).map(|(item, exact)| data(item, exact)).collect())
        }
        (Json::Object(entries), Value::Map(map)) => {
            let entries = entries
                .iter()
                .map(|(key, item)| (key.as_str().into(), data(item, map.get(key).unwrap_or_default())));
            Map::with_entries(Type::ANY_MAP, entries).into()
        }
        _ => exact,
    }
}

fn parsing(case: &Json, _: &str) -> Verdict {
    let mut functions = FuncMap::new();
    functions.add(Function::new("contains", &[Type::String, Type::String], |_, _| Ok(false.into())));
    let set = Set::new("root", Arc::new(functions));
    let parsed = set.parse_only("t", case["template"].as_str().unwrap().as_bytes());
    let got = parsed.map_err(|error| error.to_string()).map(|parsed| {
        let own = parsed.templates().iter().find(|template| template.name() == "t");
        own.map(|template| template.canonical()).unwrap_or_default()
    });
    let want = match (&case["canonical"], &case["error"]) {
        (Json::String(canonical), _) => Ok(canonical.clone()),
        (_, error) => Err(error.as_str().unwrap_or_default().to_owned()),
    };
    if got == want {
        return Verdict::Passed;
    }
    Verdict::Failed(format!("{}\n    got  {got:?}\n    want {want:?}", case["template"]))
}
