//! Renders templates to compare with Go: reads `{"template": …, "data": …}`, one a line, and prints for each
//! `{"output": base 64}` or `{"error": text}`.

use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use sluice_gotmpl::value::{Numbers, Scope, Value};
use sluice_gotmpl::{Budget, FuncMap, MissingKey, Set};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let functions = Arc::new(sluice_gotmpl::sprig::functions());
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Json = serde_json::from_str(&line?)?;
        let rendered = catch_unwind(AssertUnwindSafe(|| render(&functions, &case)));
        let result = match rendered.unwrap_or_else(|_| Err("panic".to_owned())) {
            Ok(output) => json!({ "output": STANDARD.encode(output) }),
            Err(error) => json!({ "error": error }),
        };
        writeln!(out, "{result}")?;
    }
    Ok(())
}

fn render(functions: &Arc<FuncMap>, case: &Json) -> Result<Vec<u8>, String> {
    let _scope = Scope::enter();
    let mut set = Set::new("root", functions.clone());
    set.set_missing_key(MissingKey::Zero);
    let template = case["template"].as_str().unwrap_or_default();
    set.parse("t", template.as_bytes()).map_err(|error| error.to_string())?;
    let data = Value::from_json(&case["data"], Numbers::Float64);
    Arc::new(set).execute("t", data, &Budget::default(), &()).map_err(|error| error.to_string())
}
