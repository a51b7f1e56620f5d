//! Executing templates with all functions of sprig: nothing panics, and limits hold.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::texts;
use sluice_gotmpl::value::{Numbers, Scope, Value};
use sluice_gotmpl::{Budget, FuncMap, Limits, MissingKey, Set};

/// What a run may use: little, so that many runs fit into a second.
const LIMITS: Limits = Limits {
    depth: 100,
    output: 1 << 20,
    steps: 1 << 18,
    memory: 8 << 20,
    time: Some(Duration::from_secs(5)),
};

/// All functions but those that take long by design.
fn functions() -> FuncMap {
    let mut functions = sluice_gotmpl::sprig::functions();
    let slow = |name: &str| name.starts_with("gen") || matches!(name, "bcrypt" | "htpasswd" | "derivePassword");
    for name in functions.names().filter(|name| slow(name)).collect::<Vec<_>>() {
        functions.remove(name);
    }
    functions
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let [template, json] = texts(&text).unwrap_or([&text, "{}"]);
    let json: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let mut set = Set::new("fuzz", Arc::new(functions()));
    set.set_missing_key(MissingKey::Zero);
    if set.parse("t", template.as_bytes()).is_err() {
        return;
    }
    let _scope = Scope::enter();
    let output = Arc::new(set).execute("t", Value::from_json(&json, Numbers::Float64), &Budget::new(LIMITS), &());
    match output {
        Ok(output) => assert!(output.len() as u64 <= LIMITS.output),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
