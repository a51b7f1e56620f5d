//! How long one rendering of a template takes: `speed TEMPLATE VALUES.json [SECONDS]`.
//!
//! Prints nanoseconds for parsing and for executing once, and the size of the output.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_gotmpl::value::{Numbers, Scope, Value};
use sluice_gotmpl::{Budget, MissingKey, Set};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [template, values, rest @ ..] = args.as_slice() else {
        return Err("usage: speed TEMPLATE VALUES.json [SECONDS]".into());
    };
    let seconds: u64 = rest.first().map_or(Ok(3), |seconds| seconds.parse())?;
    let text = std::fs::read(template)?;
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(values)?)?;
    let functions = Arc::new(sluice_gotmpl::sprig::functions());
    let parse = || -> Result<Arc<Set>, Failure> {
        let mut set = Set::new("speed", functions.clone());
        set.set_missing_key(MissingKey::Zero);
        set.parse("t", text.as_slice())?;
        Ok(Arc::new(set))
    };
    let parsing = measure(seconds, || parse().map(drop))?;
    let set = parse()?;
    let data = Value::from_json(&json, Numbers::Float64);
    let mut output = Vec::new();
    let executing = measure(seconds, || {
        let _scope = Scope::enter();
        output = set.execute("t", data.clone(), &Budget::default(), &())?;
        Ok(())
    })?;
    println!("parse_ns={} execute_ns={} bytes={}", parsing.as_nanos(), executing.as_nanos(), output.len());
    Ok(())
}

/// The shortest mean of ten rounds that take so many seconds in all.
fn measure(seconds: u64, mut once: impl FnMut() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let start = Instant::now();
    once()?;
    let round = Duration::from_secs(seconds) / 10;
    let count =
        u32::try_from(round.as_nanos() / start.elapsed().as_nanos().max(1)).unwrap_or(u32::MAX).max(1);
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for _ in 0..count {
            once()?;
        }
        best = best.min(start.elapsed() / count);
    }
    Ok(best)
}
