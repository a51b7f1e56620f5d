//! What holds for every tree.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sluice_kustomize::fs::{Jail, Memory};
use sluice_kustomize::{Error, Options, Reorder, build, flux};

// The number is one that a float holds: a JSON patch makes floats of larger ones, here as in kustomize 5.8.
const RESOURCES: [&str; 7] = [
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {app: web}}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      serviceAccountName: web\n      containers:\n      - name: web\n        image: nginx:1.0\n        envFrom: [{configMapRef: {name: settings}}]\n        ports: [{containerPort: 80, name: http}]\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}\n",
    "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: here}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  number: \"010\"\n  text: |\n    a\n     b\n  folded: >-\n    a\n      b\n    c\n",
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: here}\n",
    "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: bind}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\nsubjects: [{kind: ServiceAccount, name: web, namespace: here}]\n",
    "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: thing, annotations: {on: 'yes'}}\nspec: {list: [{name: a}, 1, null], when: 2020-01-01, big: 1234567890123456}\n",
];

const FIELDS: [&str; 10] = [
    "namePrefix: p-\n",
    "nameSuffix: -s\n",
    "namespace: there\n",
    "commonLabels: {team: a}\n",
    "labels: [{pairs: {tier: b}, includeTemplates: true}]\n",
    "commonAnnotations: {note: 'true'}\n",
    "images: [{name: nginx, newTag: '2.0'}]\n",
    "replicas: [{name: web, count: 5}]\n",
    "configMapGenerator: [{name: made, literals: [a=1, 'b=on']}]\n",
    "secretGenerator: [{name: hidden, literals: [key=value], type: Opaque}]\n",
];

/// Files `r0.yaml` and on, and the fields of the kustomization over them.
fn tree() -> impl Strategy<Value = (Vec<&'static str>, Vec<&'static str>)> {
    let resources = subsequence(RESOURCES.to_vec(), 1..=RESOURCES.len()).prop_shuffle();
    (resources, subsequence(FIELDS.to_vec(), 0..=FIELDS.len()))
}

/// The tree's files, with an overlay in `/d/over` that has `more` besides.
fn files(resources: &[&str], fields: &[&str], more: &str) -> Memory {
    // kustomize refuses counts for a workload that is not there.
    let counted = resources.iter().any(|resource| resource.contains("kind: Deployment"));
    let fields: Vec<&str> =
        fields.iter().copied().filter(|field| counted || !field.starts_with("replicas")).collect();
    let names: Vec<String> = (0..resources.len()).map(|at| format!("r{at}.yaml")).collect();
    let mut files = Memory::new()
        .with("/d/base/kustomization.yaml", format!("resources: [{}]\n{}", names.join(", "), fields.concat()))
        .with("/d/over/kustomization.yaml", format!("resources: [../base]\n{more}"));
    for (name, resource) in names.iter().zip(resources) {
        files.insert(format!("/d/base/{name}"), *resource);
    }
    files
}

fn text(files: &Memory, options: &Options) -> Result<String, Error> {
    build(files, Path::new("/d/over"), options)?.to_yaml()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_builds_make_the_same((resources, fields) in tree(), reorder in select(vec![Reorder::None, Reorder::Legacy])) {
        let options = Options { reorder, ..Options::flux() };
        let files = files(&resources, &fields, "");
        prop_assert_eq!(text(&files, &options).unwrap(), text(&files, &options).unwrap());
    }

    #[test]
    fn what_was_built_builds_to_itself((resources, fields) in tree()) {
        let once = text(&files(&resources, &fields, "nameSuffix: -over\n"), &Options::flux()).unwrap();
        let again = Memory::new()
            .with("/d/over/kustomization.yaml", "resources: [all.yaml]\n")
            .with("/d/over/all.yaml", once.as_str());
        prop_assert_eq!(text(&again, &Options::flux()).unwrap(), once);
    }

    #[test]
    fn a_patch_that_says_nothing_changes_nothing((resources, fields) in tree(), json in any::<bool>()) {
        let patch = if json {
            "patches:\n- target: {name: .*}\n  patch: '- {op: copy, from: /kind, path: /kind}'\n"
        } else {
            "patches:\n- target: {name: .*}\n  patch: |\n    apiVersion: any/v1\n    kind: Any\n    metadata: {name: any}\n"
        };
        let plain = text(&files(&resources, &fields, ""), &Options::flux()).unwrap();
        let patched = text(&files(&resources, &fields, patch), &Options::flux()).unwrap();
        prop_assert_eq!(patched, plain);
    }

    #[test]
    fn the_order_of_files_on_the_disk_is_of_no_matter(resources in subsequence(RESOURCES.to_vec(), 2..=7).prop_shuffle()) {
        let folder = tempfile::tempdir().unwrap();
        let mut texts = Vec::new();
        for (name, reversed) in [("a", false), ("b", true)] {
            let root = folder.path().join(name);
            std::fs::create_dir_all(root.join("d/sub")).unwrap();
            let mut order: Vec<usize> = (0..resources.len()).collect();
            if reversed {
                order.reverse();
            }
            for at in order {
                let place = if at % 2 == 0 { "d" } else { "d/sub" };
                std::fs::write(root.join(place).join(format!("r{at}.yaml")), resources[at]).unwrap();
            }
            let jail = Jail::new(&root).unwrap();
            let built = flux::build(&jail, &root.join("d"), &flux::Spec::default(), &Options::flux()).unwrap();
            texts.push(built.to_yaml().unwrap());
        }
        prop_assert_eq!(&texts[0], &texts[1]);
    }
}
