//! One kustomization file over a small tree: nothing panics, and two builds make the same.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::bounded;
use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Dialect, Options, Reorder, flux};

const RESOURCES: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {note: a-b-c}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: 'nginx:1.0', envFrom: [{configMapRef: {name: settings}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b, c.json: '{\"d\": [1]}'}
";

fuzz_target!(|data: &[u8]| {
    let files = Memory::new()
        .with("/d/kustomization.yaml", data)
        .with("/d/r.yaml", RESOURCES)
        .with("/d/values.env", "A=1\nB=two\n")
        .with("/base/kustomization.yaml", "resources: [r.yaml]\n")
        .with("/base/r.yaml", RESOURCES);
    let directory = Path::new("/d");
    let latest = Options { dialect: Dialect::Latest, reorder: Reorder::Legacy, ..Options::default() };
    for options in [Options::flux(), latest] {
        let text = || bounded(&files, directory, options.clone()).and_then(|build| build.to_yaml());
        match (text(), text()) {
            (Ok(first), Ok(second)) => assert_eq!(first, second),
            (first, second) => assert_eq!(first.is_err(), second.is_err()),
        }
    }
    let _ = flux::build(&files, directory, &flux::Spec::default(), &Options::flux()).map(|build| build.to_yaml());
});
