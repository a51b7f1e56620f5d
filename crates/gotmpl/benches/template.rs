//! The engine alone: a template of some 200 lines, as charts have them. `e2e/bench/template` runs the same with Go's.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use sluice_gotmpl::{Budget, MissingKey, Numbers, Scope, Set, Value};

const TEMPLATE: &str = include_str!("deployment.tpl");
const DATA: &str = include_str!("deployment.json");

fn parsed() -> Set {
    let mut set = Set::new("bench", Arc::new(sluice_gotmpl::sprig::functions()));
    set.set_missing_key(MissingKey::Zero);
    set.parse("t", TEMPLATE.as_bytes()).unwrap();
    set
}

fn template(criterion: &mut Criterion) {
    let json: serde_json::Value = serde_json::from_str(DATA).unwrap();
    let _scope = Scope::enter();
    let set = Arc::new(parsed());
    let data = Value::from_json(&json, Numbers::Float64);
    let output = set.execute("t", data.clone(), &Budget::default(), &()).unwrap();
    if let Some(path) = std::env::var_os("BENCH_OUTPUT") {
        std::fs::write(path, &output).unwrap();
    }
    println!("{} bytes of output", output.len());
    // So many times and no more, for measurements of CPU time.
    if let Some(times) = std::env::var("BENCH_TIMES").ok().and_then(|times| times.parse::<u32>().ok()) {
        for _ in 0..times {
            black_box(set.execute("t", data.clone(), &Budget::default(), &()).unwrap());
        }
        return;
    }
    criterion.bench_function("parse", |bencher| bencher.iter(|| black_box(parsed())));
    criterion.bench_function("execute", |bencher| {
        bencher.iter(|| black_box(set.execute("t", data.clone(), &Budget::default(), &()).unwrap()));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = template
}
criterion_main!(benches);
