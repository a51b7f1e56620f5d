//! What a hostile or broken source can't do.

use std::fmt::Write;
use std::path::Path;

use sluice_kustomize::fs::{Jail, Memory};
use sluice_kustomize::{Error, Limits, Options, build};

use crate::{built, config};

#[test]
fn nothing_outside_of_the_root_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("source");
    std::fs::create_dir_all(root.join("app")).unwrap();
    std::fs::write(dir.path().join("secret.yaml"), config("secret")).unwrap();
    std::os::unix::fs::symlink("../../secret.yaml", root.join("app/link.yaml")).unwrap();
    let jail = Jail::new(&root).unwrap();
    let secret = dir.path().join("secret.yaml");
    std::fs::write(root.join("app/r.yaml"), config("r")).unwrap();
    std::os::unix::fs::symlink("../..", root.join("app/up")).unwrap();
    for entry in ["../../secret.yaml", "link.yaml", "up/secret.yaml", secret.to_str().unwrap()] {
        let fields = [
            format!("resources: ['{entry}']\n"),
            format!("configMapGenerator: [{{name: a, files: ['x={entry}']}}]\n"),
            format!("patches: [{{path: '{entry}'}}]\n"),
            format!("configurations: ['{entry}']\n"),
            format!("openapi: {{path: '{entry}'}}\n"),
            format!("replacements: [{{path: '{entry}'}}]\n"),
            format!("crds: ['{entry}']\n"),
            format!("components: ['{entry}']\n"),
            format!("bases: ['{entry}']\n"),
            format!("transformers: ['{entry}']\n"),
            format!("generators: ['{entry}']\n"),
            format!("validators: ['{entry}']\n"),
            format!("secretGenerator: [{{name: a, files: ['x={entry}']}}]\n"),
            format!("secretGenerator: [{{name: a, envs: ['{entry}']}}]\n"),
            format!("patchesStrategicMerge: ['{entry}']\n"),
            format!(
                "patchesJson6902: [{{target: {{version: v1, kind: ConfigMap, name: r}}, path: '{entry}'}}]\n"
            ),
        ];
        for field in fields {
            let kustomization = format!("resources: [r.yaml]\n{field}");
            let kustomization = if field.starts_with("resources") { &field } else { &kustomization };
            std::fs::write(root.join("app/kustomization.yaml"), kustomization).unwrap();
            let error = build(&jail, &root.join("app"), &Options::flux()).unwrap_err().to_string();
            let told = ["is not in or below", "cannot be absolute", "not a valid directory"];
            assert!(told.iter().any(|words| error.contains(words)), "{field}: {error}");
        }
    }
}

#[test]
fn cycles_are_found() {
    let fs = Memory::new()
        .with("/a/kustomization.yaml", "resources: [../b]\n")
        .with("/b/kustomization.yaml", "resources: [../a]\n");
    let error = built(&fs, "/a").unwrap_err();
    assert!(matches!(error.root(), Error::Cycle { .. }), "{error}");
}

#[test]
fn bases_that_double_at_each_level_end() {
    // Each level uses the next one twice, by prefixes that keep the ids apart: 2^40 loads without a bound.
    let mut fs = Memory::new()
        .with("/l40/kustomization.yaml", "resources: [r.yaml]\n")
        .with("/l40/r.yaml", config("a"));
    for level in 0..40 {
        let next = level + 1;
        fs.insert(format!("/l{level}/kustomization.yaml"), "resources: [left, right]\n");
        for side in ["left", "right"] {
            let content = format!("namePrefix: {side}\nresources: [../../l{next}]\n");
            fs.insert(format!("/l{level}/{side}/kustomization.yaml"), content);
        }
    }
    let limits = Limits { files: 2_000, depth: 200, ..Limits::default() };
    let error = build(&fs, Path::new("/l0"), &Options { limits, ..Options::flux() }).unwrap_err();
    assert!(matches!(error.root(), Error::Limit(_)), "{error}");
    let limits = Limits { depth: 10, ..Limits::default() };
    let error = build(&fs, Path::new("/l0"), &Options { limits, ..Options::flux() }).unwrap_err();
    assert!(error.to_string().contains("10 deep"), "{error}");
}

#[test]
fn aliases_that_double_end() {
    let mut bomb = String::from("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx0: &x0 [a, a]\n");
    for level in 1..40 {
        let below = level - 1;
        writeln!(bomb, "x{level}: &x{level} [*x{below}, *x{below}]").unwrap();
    }
    let fs =
        Memory::new().with("/a/kustomization.yaml", "resources: [bomb.yaml]\n").with("/a/bomb.yaml", bomb);
    assert!(built(&fs, "/a").is_err());
}

#[test]
fn errors_name_the_file_and_the_line() {
    let fs = Memory::new()
        .with("/a/kustomization.yaml", "resources: [r.yaml]\n")
        .with("/a/r.yaml", config("r") + "---\na: b\n\tc: d\n");
    let error = built(&fs, "/a").unwrap_err();
    let detail = error.detail().unwrap();
    assert!(error.to_string().contains("r.yaml") && detail.contains("line 7"), "{error}; {detail}");
    let fs = Memory::new().with("/a/kustomization.yaml", "resource: [r.yaml]\n");
    let error = built(&fs, "/a").unwrap_err();
    assert_eq!(error.to_string(), r#"invalid Kustomization: json: unknown field "resource""#);
    assert_eq!(error.detail().unwrap(), r#"in /a/kustomization.yaml: did you mean "resources"?"#);
}

#[test]
fn secrets_are_not_in_errors() {
    let fs = Memory::new().with(
        "/a/kustomization.yaml",
        "secretGenerator:\n- name: a\n  literals: [key=topsecret, hiddenvalue]\n",
    );
    let error = built(&fs, "/a").unwrap_err().to_string();
    assert!(error.contains("expected key=value") && !error.contains("hiddenvalue"), "{error}");
}

#[test]
fn what_would_run_a_program_is_refused() {
    let charts = "helmCharts: [{name: nginx, repo: 'https://example.com'}]\n";
    let error = built(&Memory::new().with("/a/kustomization.yaml", charts), "/a").unwrap_err().to_string();
    assert!(error.contains("must specify --enable-helm"), "{error}");
    let plugin = "transformers:\n- |-\n  apiVersion: someteam/v1\n  kind: Run\n  metadata: {name: x}\n";
    let error = built(&Memory::new().with("/a/kustomization.yaml", plugin), "/a").unwrap_err().to_string();
    assert!(error.contains("external plugins disabled; unable to load external plugin 'Run'"), "{error}");
    let remote = "resources: ['https://github.com/o/r?ref=v1']\n";
    let error = built(&Memory::new().with("/a/kustomization.yaml", remote), "/a").unwrap_err();
    assert!(matches!(error.root(), Error::RemoteRefused { .. }), "{error}");
}
