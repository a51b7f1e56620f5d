//! What authors and users of charts get wrong, and what they are told: the template, the line, the expression, the
//! value that is nil, and who included whom.

use crate::support::{chart, failure, load, options, rendered};
use sluice_chart::release::sort;
use sluice_chart::render;

#[track_caller]
fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in:\n{error}");
    }
}

#[test]
fn a_value_whose_parent_is_missing() {
    let error = failure("a: 1\nb: {{ .Values.image.tag.name }}\n", "image: {}");
    says(
        &error,
        &["app/templates/a.yaml:2:", "<.Values.image.tag.name>", "nil pointer evaluating interface {}.name"],
    );
}

#[test]
fn a_field_of_a_text() {
    let error = failure("a: {{ .Values.image.tag }}\n", "image: nginx");
    says(&error, &["app/templates/a.yaml:1:", "<.Values.image.tag>", "can't evaluate field tag in type"]);
}

#[test]
fn a_value_that_is_given_an_argument() {
    for template in
        ["a: {{ .Values.image 1 }}\n", "a: {{ 1 | .Values.image }}\n", "a: {{ .Values.other 1 }}\n"]
    {
        let error = failure(template, "image: nginx");
        says(&error, &["app/templates/a.yaml:1:", "<.Values.", "is not a method but has arguments"]);
    }
}

#[test]
fn a_chain_of_includes_is_shown() {
    let files = [
        ("templates/_a.tpl", "{{ define \"outer\" }}{{ include \"inner\" . }}{{ end }}"),
        ("templates/_b.tpl", "{{ define \"inner\" }}\n{{ .Values.a.b.c }}{{ end }}"),
        ("templates/x.yaml", "x: {{ include \"outer\" . }}"),
    ];
    let error = rendered(&files, "").unwrap_err().to_string();
    says(
        &error,
        &[
            "app/templates/x.yaml:1:",
            "<include \"outer\" .>",
            "app/templates/_a.tpl:1:",
            "<include \"inner\" .>",
            "app/templates/_b.tpl:2:",
            "executing \"inner\"",
            "<.Values.a.b.c>",
        ],
    );
}

#[test]
fn an_included_template_that_nobody_defines() {
    let error = failure("a: {{ include \"app.nothing\" . }}", "");
    says(
        &error,
        &["app/templates/a.yaml:1:", "no template \"app.nothing\" associated with template \"gotpl\""],
    );
}

#[test]
fn a_function_that_does_not_exist() {
    says(
        &failure("\na: {{ toYamll .Values }}", ""),
        &["parse error at (app/templates/a.yaml:2)", "function \"toYamll\" not defined"],
    );
}

#[test]
fn an_end_that_is_missing() {
    says(
        &failure("{{ if .Values.a }}\na: 1\n", ""),
        &["parse error at (app/templates/a.yaml:", "unexpected EOF"],
    );
}

#[test]
fn an_end_too_many() {
    says(&failure("a: 1\n{{ end }}", ""), &["parse error at (app/templates/a.yaml:2)", "unexpected {{end}}"]);
}

/// As Helm tells it: the line on which the block begins.
#[test]
fn an_else_within_a_block() {
    let error = failure("a: 1\n{{ block \"b\" . }}\n\n{{ else }}{{ end }}\n", "");
    assert_eq!(error, "parse error at (app/templates/a.yaml:2): unexpected {{else}} in block clause");
}

#[test]
fn braces_that_do_not_close() {
    says(
        &failure("a: {{ .Values.a }\n", ""),
        &["parse error at (app/templates/a.yaml:1)", "unexpected \"}\""],
    );
}

#[test]
fn a_variable_that_is_not_defined() {
    says(
        &failure("a: {{ $x }}", ""),
        &["parse error at (app/templates/a.yaml:1)", "undefined variable \"$x\""],
    );
}

#[test]
fn a_required_value() {
    let error = failure("a: {{ required \"set image.tag\" .Values.image.tag }}", "image: {}");
    assert_eq!(error, "execution error at (app/templates/a.yaml:1:6): set image.tag");
}

#[test]
fn a_chart_that_fails_on_purpose() {
    let error = failure("{{ fail \"choose one of a and b\" }}", "");
    assert_eq!(error, "execution error at (app/templates/a.yaml:1:3): choose one of a and b");
}

#[test]
fn too_few_arguments() {
    says(
        &failure("a: {{ trunc 3 }}", ""),
        &["app/templates/a.yaml:1:", "wrong number of args for trunc: want 2 got 1"],
    );
}

#[test]
fn an_argument_of_the_wrong_type() {
    says(
        &failure("a: {{ upper .Values.num }}", "num: 1"),
        &["app/templates/a.yaml:1:", "wrong type for value; expected string; got float64"],
    );
}

#[test]
fn a_comparison_of_number_types() {
    says(
        &failure("{{ if eq .Values.num 42 }}a: 1{{ end }}", "num: 42"),
        &["<eq .Values.num 42>", "incompatible types for comparison"],
    );
}

#[test]
fn a_range_over_a_number_with_fraction() {
    says(
        &failure("{{ range .Values.num }}{{ end }}", "num: 1.5"),
        &["app/templates/a.yaml:1:", "range can't iterate over 1.5"],
    );
}

#[test]
fn an_indentation_that_is_no_yaml() {
    let error = failure("a:\n  b: 1\n c: 2\n", "");
    says(&error, &["YAML parse error on app/templates/a.yaml", "line 3"]);
}

#[test]
fn a_tab_in_yaml() {
    let error = failure("a:\n\tb: 1\n", "");
    says(
        &error,
        &[
            "YAML parse error on app/templates/a.yaml",
            "line 2",
            "found character that cannot start any token",
        ],
    );
}

#[test]
fn a_value_that_breaks_the_yaml_around_it() {
    let error = failure("a: {{ .Values.text }}\n", "text: 'b: c: d'");
    says(
        &error,
        &["YAML parse error on app/templates/a.yaml", "mapping values are not allowed in this context"],
    );
}

#[test]
fn a_template_within_values_that_fails() {
    let error = failure("a: {{ tpl .Values.t . }}", "t: '{{ .Values.x.y }}'");
    says(
        &error,
        &[
            "app/templates/a.yaml:1:",
            "error during tpl function execution for \"{{ .Values.x.y }}\"",
            "<.Values.x.y>",
        ],
    );
}

#[test]
fn values_that_do_not_meet_the_schema() {
    let files = [
        ("values.schema.json", "{\"properties\":{\"replicas\":{\"type\":\"integer\"}}}"),
        ("templates/a.yaml", ""),
    ];
    let error = rendered(&files, "replicas: two").unwrap_err().to_string();
    says(&error, &["following chart(s):\napp:\n- at '/replicas': got string, want integer"]);
}

#[test]
fn a_cluster_that_is_too_old() {
    let files = [("Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\nkubeVersion: '>=1.99'\n")];
    let error = rendered(&files, "").unwrap_err().to_string();
    assert_eq!(error, "chart requires kubeVersion: >=1.99 which is incompatible with Kubernetes v1.36.0");
}

#[test]
fn a_dependency_that_was_not_fetched() {
    let files = [(
        "Chart.yaml",
        "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: db, version: 1.x}]\n",
    )];
    let error = chart(&files).check_installable().unwrap_err().to_string();
    says(&error, &["helm dependency build", "missing in charts/ directory: db"]);
}

#[test]
fn a_library_on_its_own() {
    let files = [("Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\ntype: library\n")];
    assert_eq!(
        chart(&files).check_installable().unwrap_err().to_string(),
        "library charts are not installable"
    );
}

#[test]
fn a_chart_without_a_version() {
    let error = load(&[("Chart.yaml", "apiVersion: v2\nname: app\n")]).unwrap_err().to_string();
    assert_eq!(error, "validation: chart.metadata.version is required");
}

#[test]
fn values_for_a_subchart_that_are_no_map() {
    let files = [
        (
            "Chart.yaml",
            "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: db, version: 1.x}]\n",
        ),
        ("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.0.0\n"),
    ];
    let error = rendered(&files, "db: text").unwrap_err().to_string();
    assert_eq!(error, "chart dependencies processing failed: type mismatch on db: %!t(string=text)");
}

#[test]
fn one_bad_document_names_its_template() {
    let files = [("app/templates/b.yaml".to_owned(), "- a\n".to_owned())].into();
    let error = sort(&files).unwrap_err().to_string();
    says(
        &error,
        &[
            "YAML parse error on app/templates/b.yaml",
            "cannot unmarshal array into Go value of type util.SimpleHead",
        ],
    );
    let rendered =
        render(chart(&[("templates/a.yaml", "kind: A\n")]), &serde_json::Map::new(), &options()).unwrap();
    assert_eq!(rendered.sorted.manifests.len(), 1);
}

/// As Helm 4.2.4 told it.
#[test]
fn types_that_do_not_fit_are_told_as_go_calls_them() {
    let unmarshaling = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal";
    for (metadata, words) in [
        (
            "[]",
            r#"array into Go struct field SimpleHead.metadata of type struct { Name string "json:\"name\""; Annotations map[string]string "json:\"annotations\"" }"#,
        ),
        ("{annotations: [a]}", "array into Go struct field .metadata.annotations of type map[string]string"),
    ] {
        let files = [("c/templates/t.yaml".to_owned(), format!("kind: A\nmetadata: {metadata}\n"))].into();
        let error = sort(&files).unwrap_err().to_string();
        assert_eq!(error, format!("YAML parse error on c/templates/t.yaml: {unmarshaling} {words}"));
    }
    let files = [("Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"), ("values.yaml", "x")];
    let error = load(&files).unwrap_err();
    let words = format!(
        "cannot load values.yaml: cannot unmarshal yaml document: {unmarshaling} string into Go value of type map[string]interface {{}}"
    );
    assert_eq!((error.to_string(), error.go_text()), (words.clone(), words));
}
