//! The stages of a build of 1,000 resources: reading, transforming, writing. `cargo bench -p sluice-kustomize`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Options, build};
use sluice_yaml::Version;

/// Files with four resources each.
const APPS: usize = 250;

fn app(number: usize) -> String {
    let name = format!("app{number}");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec:\n  replicas: 1\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
         serviceAccountName: {name}\n      containers:\n      - name: app\n        image: registry.example/app:1.0\n        \
         ports: [{{containerPort: 8080, name: http}}]\n        env: [{{name: CFG, valueFrom: {{configMapKeyRef: {{name: cfg, key: a}}}}}}]\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: http}}]}}\n\
         ---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}}}\n\
         ---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}}}\nspec:\n  rules:\n  - host: {name}.example.com\n    \
         http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}\n"
    )
}

/// The apps in a base, and overlays with the given fields over it.
fn tree(overlays: &[&str]) -> Memory {
    let names: Vec<String> = (0..APPS).map(|number| format!("app{number}.yaml")).collect();
    let base =
        format!("resources: [{}]\nconfigMapGenerator: [{{name: cfg, literals: [a=b]}}]\n", names.join(", "));
    let mut files = Memory::new().with("/0/kustomization.yaml", base);
    for (number, name) in names.iter().enumerate() {
        files.insert(format!("/0/{name}"), app(number));
    }
    for (at, fields) in overlays.iter().enumerate() {
        files.insert(format!("/{}/kustomization.yaml", at + 1), format!("resources: [../{at}]\n{fields}"));
    }
    files
}

fn stages(criterion: &mut Criterion) {
    let text: String = (0..APPS).flat_map(|number| [app(number), "---\n".to_owned()]).collect();
    let mut group = criterion.benchmark_group("yaml");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    group.bench_function("parse", |bencher| bencher.iter(|| sluice_yaml::parse(black_box(&text)).unwrap()));
    let documents = sluice_yaml::parse(&text).unwrap();
    let to_json =
        || documents.iter().map(|document| document.root.to_json(Version::V3).unwrap()).collect::<Vec<_>>();
    group.bench_function("to JSON", |bencher| bencher.iter(to_json));
    let values = to_json();
    group.bench_function("write", |bencher| {
        bencher.iter(|| values.iter().map(sluice_yaml::to_yaml).map(|text| text.len()).sum::<usize>());
    });
    group.finish();

    let mut group = criterion.benchmark_group("build");
    group.throughput(Throughput::Elements(4 * APPS as u64)).sample_size(20);
    let patch = "patches: [{target: {kind: Deployment}, patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {template: {spec: {containers: [{name: app, resources: {limits: {memory: 64Mi}}}]}}}}'}]\n";
    let json = "patches: [{target: {kind: Ingress}, patch: '[{\"op\": \"replace\", \"path\": \"/spec/rules/0/host\", \"value\": \"h\"}]'}]\n";
    for (name, overlays) in [
        ("accumulate", &[][..]),
        ("name prefix", &["namePrefix: p-\n"]),
        ("namespace", &["namespace: prod\n"]),
        ("labels", &["commonLabels: {team: a}\n"]),
        ("images", &["images: [{name: registry.example/app, newTag: '2.0'}]\n"]),
        ("strategic patch", &[patch]),
        ("JSON patch", &[json]),
        (
            "replacement",
            &[
                "replacements: [{source: {kind: ConfigMap, fieldPath: metadata.name}, targets: [{select: {kind: Ingress}, fieldPaths: ['spec.rules.0.host']}]}]\n",
            ],
        ),
        ("three overlays", &["namePrefix: p-\n", patch, "namespace: prod\ncommonLabels: {team: a}\n"]),
    ] {
        let files = tree(overlays);
        let top = format!("/{}", overlays.len());
        group.bench_function(name, |bencher| {
            bencher.iter(|| build(&files, Path::new(&top), &Options::flux()).unwrap());
        });
    }
    let built = build(&tree(&[]), Path::new("/0"), &Options::flux()).unwrap();
    group.bench_function("print", |bencher| bencher.iter(|| built.to_yaml().unwrap()));
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
