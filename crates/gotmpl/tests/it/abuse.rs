//! Templates that mean harm: whatever they do ends soon, in bounded memory, with an error.

use std::time::{Duration, Instant};

use sluice_gotmpl::{Limit, Limits, Value};

use crate::support::{render, render_within};

/// The limit at which rendering ends.
#[track_caller]
fn limit_of(template: &str, limits: Limits) -> Limit {
    let error = render_within(template, Value::Nil, limits).expect_err(template);
    error.limit().unwrap_or_else(|| panic!("{template}: {error}"))
}

/// The error with which rendering ends.
#[track_caller]
fn error_of(template: &str) -> String {
    render(template, Value::Nil).expect_err(template).to_string()
}

#[test]
fn endless_recursion_is_stopped() {
    let template =
        r#"{{define "a"}}{{template "b" .}}{{end}}{{define "b"}}{{template "a" .}}{{end}}{{template "a"}}"#;
    assert_eq!(limit_of(template, Limits::default()), Limit::Depth(100_000));
    let limits = Limits { depth: 50, ..Limits::default() };
    let error = render_within(template, Value::Nil, limits).expect_err("endless");
    assert!(error.to_string().ends_with("exceeded maximum template depth (50)"), "{error}");
}

#[test]
fn endless_output_is_stopped() {
    let limits = Limits { output: 1000, ..Limits::default() };
    assert_eq!(limit_of("{{range until 200}}0123456789{{end}}", limits), Limit::Output(1000));
    let template = "{{range until 1000000}}{{range until 1000000}}0123456789{{end}}{{end}}";
    assert!(matches!(limit_of(template, Limits::default()), Limit::Output(_)));
}

#[test]
fn endless_work_is_stopped() {
    let template = "{{range until 1000000}}{{range until 1000000}}{{if false}}{{end}}{{end}}{{end}}";
    let limits = Limits { steps: 100_000, ..Limits::default() };
    assert_eq!(limit_of(template, limits), Limit::Steps(100_000));
    let limits = Limits { time: Some(Duration::from_millis(50)), ..Limits::default() };
    let start = Instant::now();
    assert!(matches!(limit_of(template, limits), Limit::Time(_)));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn texts_do_not_grow_without_end() {
    for template in [
        r#"{{repeat 1000000000 "x"}}"#,
        r#"{{$x := repeat 60000000 "x"}}{{$x = printf "%s%s" $x $x}}"#,
        r#"{{$x := repeat 60000000 "x"}}{{print $x $x $x $x $x $x $x $x $x $x $x}}"#,
        r#"{{$x := repeat 60000000 "x"}}{{cat $x $x $x $x $x $x $x $x $x $x $x}}"#,
        r#"{{$x := repeat 60000000 "x"}}{{list $x $x $x $x $x $x $x $x}}"#,
        r#"{{$x := repeat 60000000 "x"}}{{list $x $x $x $x $x $x $x $x | toString}}"#,
        r#"{{$x := repeat 60000000 "x"}}{{list $x $x $x $x $x $x $x $x | join ","}}"#,
        r#"{{indent 100000 (repeat 100000 "\n")}}"#,
        r#"{{repeat 100000 "x" | replace "x" (repeat 100000 "y")}}"#,
        r#"{{repeat 100000 "x" | replace "" (repeat 100000 "y")}}"#,
        r#"{{regexReplaceAll "x{1000}" (repeat 100000 "x") (repeat 1000 "$0")}}"#,
        r#"{{regexReplaceAll "x+" (repeat 100000 "x") (repeat 100000 "$0")}}"#,
        r#"{{wrapWith 1 (repeat 100000 "\n") (repeat 100000 "x")}}"#,
        r"{{randAlphaNum 1000000000}}",
        // Lists that hold one list twice, again and again.
        r#"{{$l := list (repeat 1000 "x")}}{{range until 60}}{{$l = list $l $l}}{{end}}{{print $l}}"#,
        r#"{{$l := list (repeat 1000 "x")}}{{range until 60}}{{$l = list $l $l}}{{end}}{{$l}}"#,
    ] {
        let limit = limit_of(template, Limits::default());
        assert!(matches!(limit, Limit::Text(_) | Limit::Memory(_)), "{template}: {limit}");
    }
    assert_eq!(render("{{printf \"%*d\" 2000000 1}}", Value::Nil).unwrap(), "%!(BADWIDTH)1");
    let encoded = error_of(
        r#"{{$l := list (repeat 1000 "x")}}{{range until 60}}{{$l = list $l $l}}{{end}}{{mustToJson $l}}"#,
    );
    assert!(encoded.contains("exceed"), "{encoded}");
}

#[test]
fn memory_does_not_grow_without_end() {
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    for template in [
        "{{$l := list}}{{range until 60}}{{$l = list $l $l}}{{end}}{{$c := deepCopy $l}}",
        r#"{{$d := dict}}{{range until 100}}{{$_ := set $d (toString .) (repeat 1000000 "x")}}{{end}}"#,
        r"{{$d := dict}}{{range until 400000}}{{$_ := set $d (toString .) .}}{{end}}",
        "{{$l := list 1}}{{range until 60}}{{$l = concat $l $l}}{{end}}",
        r#"{{$x := printf "[%s[]]" (repeat 300000 "[],")}}{{$y := fromJson $x}}{{$z := fromJson $x}}"#,
        "{{range until 4000}}{{$x := until 1000}}{{end}}",
    ] {
        assert_eq!(limit_of(template, limits), Limit::Memory(16 << 20), "{template}");
    }
    for template in ["{{until 1000000000}}", r#"{{splitList "" (repeat 5000000 "x")}}"#] {
        assert!(error_of(template).contains("a list would have more than"), "{template}");
    }
}

#[test]
fn values_that_hold_themselves() {
    for template in [
        r#"{{$d := dict}}{{$_ := set $d "a" $d}}{{deepCopy $d}}"#,
        r#"{{$d := dict}}{{$_ := set $d "a" $d}}{{mustToJson $d}}"#,
        r#"{{$d := dict}}{{$_ := set $d "a" $d}}{{$e := dict "a" (dict)}}{{$_ = set $e.a "a" $e}}{{merge $e $d}}"#,
    ] {
        assert!(render(template, Value::Nil).is_err(), "{template}");
    }
    // Printing is cut, comparing ends.
    let printed = render(r#"{{$d := dict}}{{$_ := set $d "a" $d}}{{print $d}}"#, Value::Nil).unwrap();
    assert!(printed.len() < 10_000, "{}", printed.len());
    let template =
        r#"{{$d := dict}}{{$_ := set $d "a" $d}}{{$e := dict}}{{$_ = set $e "a" $e}}{{deepEqual $d $e}}"#;
    assert_eq!(render(template, Value::Nil).unwrap(), "true");
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let nest = "{{$l := list}}{{range until 100000}}{{$l = list $l}}{{end}}";
    for end in
        ["{{print $l | len}}", "{{deepEqual $l $l}}", "{{$l | toJson | len}}", "{{$l | toString | len}}"]
    {
        // Any outcome but a crash.
        let _ = render(&format!("{nest}{end}"), Value::Nil);
    }
    for (open, close) in
        [("{{if true}}", "{{end}}"), ("{{with 1}}", "{{end}}"), ("{{range until 1}}", "{{end}}")]
    {
        let template = open.repeat(5_000) + "x" + &close.repeat(5_000);
        assert_eq!(render(&template, Value::Nil).unwrap(), "x");
    }
    let template = format!("{{{{{}1{}}}}}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(render(&template, Value::Nil).unwrap(), "1");
    let mut set = sluice_gotmpl::Set::default();
    for template in ["{{if true}}".repeat(100_000), format!("{{{{{}", "(".repeat(1_000_000))] {
        assert!(set.parse("t", template.as_bytes()).is_err());
    }
    let json = "[".repeat(1_000_000);
    assert!(render("{{mustFromJson .}}", json.as_str().into()).is_err());
}

#[test]
fn regular_expressions_do_not_blow_up() {
    let start = Instant::now();
    for template in [
        r#"{{regexMatch "(a*)*b" (repeat 100000 "a")}}"#,
        r#"{{regexMatch "(a|a)*b" (repeat 100000 "a")}}"#,
        r#"{{regexMatch "(a|aa)+$" (printf "%s!" (repeat 100000 "a"))}}"#,
        r#"{{regexFind "(x+x+)+y" (repeat 100000 "x")}}"#,
    ] {
        render(template, Value::Nil).unwrap();
    }
    for template in [
        r#"{{mustRegexMatch "((a{100}){100}){100}" "x"}}"#,
        r#"{{mustRegexMatch "(?i)[\\pL\\pN]{1000}[\\pL\\pN]{1000}" "x"}}"#,
        r#"{{mustRegexMatch (repeat 100000 "(") "x"}}"#,
        r#"{{mustRegexMatch (repeat 1000000 "(a|b)*") (repeat 1000000 "a")}}"#,
    ] {
        assert!(render(template, Value::Nil).is_err(), "{template}");
    }
    // Every search goes through the whole rest of the text: only the clock ends it.
    let limits = Limits { time: Some(Duration::from_millis(200)), ..Limits::default() };
    let template = r#"{{regexFindAll "(?:a*b|)" (repeat 1000000 "a") -1}}"#;
    assert!(matches!(limit_of(template, limits), Limit::Time(_) | Limit::Steps(_)));
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

#[test]
fn templates_reach_neither_environment_nor_network() {
    let mut set = sluice_gotmpl::Set::new("t", std::sync::Arc::new(sluice_gotmpl::sprig::functions()));
    for name in ["env", "expandenv"] {
        let error = set.parse("t", format!("{{{{{name} \"HOME\"}}}}").as_bytes()).expect_err(name);
        assert_eq!(error.to_string(), format!("template: t:1: function \"{name}\" not defined"));
    }
    assert_eq!(render(r#"{{getHostByName "localhost"}}"#, Value::Nil).unwrap(), "");
}
