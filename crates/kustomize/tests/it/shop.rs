//! A shop with a base, a component and an overlay: what most repositories use, all together. The expectation is
//! what kustomize 5.8.1 prints for the same files.

use sluice_kustomize::fs::Memory;

use crate::built;

const BASE: &str = "\
resources:
- web.yaml
- web-service.yaml
configMapGenerator:
- name: settings
  literals:
  - color=blue
  - 'note=<a & b>'
";

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccountName: default
      containers:
      - name: web
        image: registry.example:5000/shop/web:1.0
        envFrom:
        - configMapRef: {name: settings}
        ports:
        - containerPort: 8080
";

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
  - port: 80
    targetPort: 8080
";

const COMPONENT: &str = "\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- target: {kind: Deployment, name: w.*}
  patch: |-
    - op: add
      path: /spec/template/spec/containers/0/env
      value: [{name: PROXY, value: 'yes'}]
";

const OVERLAY: &str = "\
resources: [../base]
components: [../proxy]
namespace: shop
namePrefix: prod-
labels:
- pairs: {env: prod}
  includeSelectors: true
images:
- name: registry.example:5000/shop/web
  newTag: '2.0'
configMapGenerator:
- name: settings
  behavior: merge
  literals: [color=red]
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
    spec:
      replicas: 3
      template:
        spec:
          containers:
          - name: sidecar
            image: sidecar:1
          - name: web
            resources: {limits: {memory: 64Mi}}
replacements:
- source: {kind: Service, name: web}
  targets:
  - select: {kind: Deployment}
    fieldPaths: ['spec.template.metadata.annotations.service']
    options: {create: true}
";

const EXPECTED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  labels:
    env: prod
  name: prod-web
  namespace: shop
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web
      env: prod
  template:
    metadata:
      annotations:
        service: prod-web
      labels:
        app: web
        env: prod
    spec:
      containers:
      - image: sidecar:1
        name: sidecar
      - env:
        - name: PROXY
          value: \"yes\"
        envFrom:
        - configMapRef:
            name: prod-settings-HASH
        image: registry.example:5000/shop/web:2.0
        name: web
        ports:
        - containerPort: 8080
        resources:
          limits:
            memory: 64Mi
      serviceAccountName: default
---
apiVersion: v1
kind: Service
metadata:
  labels:
    env: prod
  name: prod-web
  namespace: shop
spec:
  ports:
  - port: 80
    targetPort: 8080
  selector:
    app: web
    env: prod
---
apiVersion: v1
data:
  color: red
  note: <a & b>
kind: ConfigMap
metadata:
  labels:
    env: prod
  name: prod-settings-HASH
  namespace: shop
";

/// The end of the name of the merged ConfigMap.
const HASH: &str = "742km48k6h";

fn shop() -> Memory {
    Memory::new()
        .with("/shop/base/kustomization.yaml", BASE)
        .with("/shop/base/web.yaml", WEB)
        .with("/shop/base/web-service.yaml", SERVICE)
        .with("/shop/proxy/kustomization.yaml", COMPONENT)
        .with("/shop/prod/kustomization.yaml", OVERLAY)
}

#[test]
fn everything_together() {
    assert_eq!(built(&shop(), "/shop/prod").unwrap(), EXPECTED.replace("HASH", HASH));
}

#[test]
fn the_result_is_the_same_every_time() {
    let first = built(&shop(), "/shop/prod").unwrap();
    for _ in 0..3 {
        assert_eq!(built(&shop(), "/shop/prod").unwrap(), first);
    }
}

#[test]
fn a_component_is_no_resource() {
    let fs = shop().with("/shop/bad/kustomization.yaml", "resources: [../proxy]\n");
    let error = built(&fs, "/shop/bad").unwrap_err().to_string();
    assert!(error.contains("expected kind != 'Component' for path '/shop/proxy'"), "{error}");
}

#[test]
fn the_same_object_twice_is_an_error() {
    let fs = shop().with("/shop/bad/kustomization.yaml", "resources: [../base, ../base]\n");
    let error = built(&fs, "/shop/bad").unwrap_err().to_string();
    assert!(
        error.contains("may not add resource with an already registered id: Deployment.v1.apps/web.[noNs]"),
        "{error}"
    );
}

#[test]
fn a_label_set_in_several_places_is_one_label() {
    // An overlay that means to change only the object's own label changes the selector as well: kustomize does.
    let fs = shop()
        .with(
            "/shop/a/kustomization.yaml",
            "resources: [../base]\nlabels: [{pairs: {env: a}, includeSelectors: true}]\n",
        )
        .with("/shop/b/kustomization.yaml", "resources: [../a]\nlabels: [{pairs: {env: b}}]\n");
    let out = built(&fs, "/shop/b").unwrap();
    assert_eq!((out.matches("env: a").count(), out.matches("env: b").count()), (0, 6), "{out}");
}
