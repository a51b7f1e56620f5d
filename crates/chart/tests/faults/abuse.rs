//! Charts that want to do harm: what they are known to try in Helm's history.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};
use std::{fs, os::unix::fs::symlink};

use flate2::Compression;
use flate2::write::GzEncoder;
use sluice_chart::load::{Limits, load_archive, load_directory};
use sluice_chart::{LoadOptions, RenderLimits, render, values};

use crate::support::{chart, failure, options, output, rendered};

/// A gzipped tar of entries as they are, names unchecked.
fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for (name, kind, data) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let content: &[u8] = if kind.is_file() { data } else { &[] };
        if !kind.is_file() {
            header.set_link_name(std::str::from_utf8(data).unwrap()).unwrap();
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        gzip.write_all(header.as_bytes()).unwrap();
        gzip.write_all(content).unwrap();
        gzip.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
    }
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap()
}

const FILE: tar::EntryType = tar::EntryType::Regular;
const CHART: &[u8] = b"apiVersion: v2\nname: app\nversion: 1.0.0\n";

fn load_error(entries: &[(&str, tar::EntryType, &[u8])], limits: Limits) -> String {
    let error = |leave_files| {
        let options = LoadOptions { limits, leave_files, ..LoadOptions::default() };
        load_archive(&archive(entries), &options).unwrap_err().to_string()
    };
    assert_eq!(error(true), error(false));
    error(false)
}

#[test]
fn archives_stay_below_their_directory() {
    let limits = Limits::default();
    for name in ["app/../../x", "app/..", "app//etc/passwd", "app\\..\\..\\x", "app/c:/x"] {
        let error = load_error(&[("app/Chart.yaml", FILE, CHART), (name, FILE, b"x")], limits);
        assert!(error.contains("illegally"), "{name}: {error}");
    }
}

#[test]
fn links_in_archives_read_nothing() {
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link] {
        let bytes = archive(&[
            ("app/Chart.yaml", FILE, CHART),
            ("app/Chart.lock", kind, b"/etc/passwd"),
            ("app/templates/a.yaml", kind, b"/etc/passwd"),
        ]);
        let loaded = load_archive(&bytes, &LoadOptions::default());
        let has_content = |chart: &sluice_chart::Chart| {
            chart.templates.iter().chain(&chart.files).any(|file| !file.data.is_empty())
        };
        assert!(loaded.is_err() || !has_content(&loaded.unwrap().chart), "{kind:?}");
    }
}

#[test]
fn links_in_directories_stay_in_the_source() {
    let directory = tempfile::tempdir().unwrap();
    let chart = directory.path().join("source/app");
    fs::create_dir_all(chart.join("templates")).unwrap();
    fs::write(chart.join("Chart.yaml"), CHART).unwrap();
    fs::write(directory.path().join("secret"), "s").unwrap();
    symlink("../../secret", chart.join("Chart.lock")).unwrap();
    let options = LoadOptions { root: Some(directory.path().join("source")), ..LoadOptions::default() };
    let error = load_directory(&chart, &options).unwrap_err().to_string();
    assert!(error.contains("leads out of the source"), "{error}");
}

#[test]
fn links_in_circles_end() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Chart.yaml"), CHART).unwrap();
    fs::create_dir(directory.path().join("a")).unwrap();
    symlink("..", directory.path().join("a/b")).unwrap();
    assert!(load_directory(directory.path(), &LoadOptions::default()).is_err());
}

#[test]
fn bombs_are_found_while_they_inflate() {
    let zeros = vec![0; 6 << 20];
    let error =
        load_error(&[("app/Chart.yaml", FILE, CHART), ("app/zeros", FILE, &zeros)], Limits::default());
    assert!(error.contains("larger than the maximum file size"), "{error}");
    let small = Limits { chart: 1 << 20, ..Limits::default() };
    let part = vec![0; 600 << 10];
    let error =
        load_error(&[("app/Chart.yaml", FILE, CHART), ("app/a", FILE, &part), ("app/b", FILE, &part)], small);
    assert!(error.contains("larger than the maximum size"), "{error}");
    let few = Limits { files: 2, ..Limits::default() };
    let error =
        load_error(&[("app/Chart.yaml", FILE, CHART), ("app/a", FILE, b""), ("app/b", FILE, b"")], few);
    assert!(error.contains("more than 2 files"), "{error}");
}

#[test]
fn archives_within_archives_share_the_bounds() {
    let mut bytes = archive(&[("app/Chart.yaml", FILE, CHART)]);
    for _ in 0..40 {
        let inner = bytes;
        bytes = archive(&[("app/Chart.yaml", FILE, CHART), ("app/charts/app-1.tgz", FILE, &inner)]);
    }
    let error = load_archive(&bytes, &LoadOptions::default()).unwrap_err();
    let mut text = error.to_string();
    text.truncate(4000);
    assert!(text.contains("nested more than 32 levels deep"), "{text}");
}

#[test]
fn damaged_archives_are_errors() {
    let good = archive(&[("app/Chart.yaml", FILE, CHART), ("app/values.yaml", FILE, b"a: 1\n")]);
    for cut in 0..good.len().min(200) {
        let _ = load_archive(&good[..cut], &LoadOptions::default());
    }
    assert!(load_archive(&good[..good.len() / 2], &LoadOptions::default()).is_err());
    assert!(load_archive(b"", &LoadOptions::default()).is_err());
}

#[test]
fn templates_can_neither_ask_name_servers_nor_read_the_environment() {
    assert_eq!(output("a: '{{ getHostByName \"example.com\" }}'", ""), "a: ''");
    for name in ["env", "expandenv"] {
        let error = failure(&format!("a: {{{{ {name} \"HOME\" }}}}"), "");
        assert!(error.contains(&format!("function \"{name}\" not defined")), "{error}");
    }
    assert_eq!(
        output("a: {{ .Files.Get \"/etc/passwd\" | quote }}{{ .Files.Get \"../../etc/passwd\" }}", ""),
        "a: \"\""
    );
}

#[test]
fn endless_includes_end() {
    let files = [
        ("templates/_a.tpl", "{{ define \"a\" }}{{ include \"a\" . }}{{ end }}"),
        ("templates/x.yaml", "{{ include \"a\" . }}"),
    ];
    let error = rendered(&files, "").unwrap_err().to_string();
    assert!(
        error.contains("rendering template has a nested reference name: a"),
        "{}",
        &error[..error.len().min(400)]
    );
    let files = [
        ("templates/_a.tpl", "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}"),
        ("templates/x.yaml", "{{ template \"a\" . }}"),
    ];
    let mut options = options();
    options.limits = RenderLimits { depth: 5000, ..RenderLimits::default() };
    let error = render(chart(&files), &serde_json::Map::new(), &options).unwrap_err().to_string();
    assert!(
        error.contains("exceeded maximum template depth (5000)"),
        "{}",
        &error[error.len().saturating_sub(400)..]
    );
}

#[test]
fn work_and_output_are_bounded() {
    let limited = |template: &str| {
        let mut options = options();
        options.limits = RenderLimits {
            output: 1 << 20,
            steps: 1 << 20,
            time: Some(Duration::from_secs(10)),
            ..RenderLimits::default()
        };
        let began = Instant::now();
        let error =
            render(chart(&[("templates/a.yaml", template)]), &serde_json::Map::new(), &options).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(20), "{template}");
        error.to_string()
    };
    for template in [
        "{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}",
        "{{ range $i := until 1000 }}{{ repeat 100000 \"x\" }}{{ end }}",
        "{{ repeat 999999999999 \"x\" }}",
        "{{ until 999999999999 }}",
        "{{ range until 1000000000 }}{{ end }}",
    ] {
        let error = limited(template);
        assert!(error.contains("exceed") || error.contains("error calling"), "{template}: {error}");
    }
}

#[test]
fn regular_expressions_take_linear_time() {
    let began = Instant::now();
    let text = "a".repeat(5000);
    let _ = output(&format!("a: {{{{ regexMatch \"^(a+)+$\" \"{text}b\" }}}}"), "");
    assert!(began.elapsed() < Duration::from_secs(5));
    let error = failure("a: {{ mustRegexMatch \"(((a{1000}){1000}){1000})\" \"a\" }}", "");
    assert!(error.contains("error"), "{error}");
}

#[test]
fn schemas_that_explode_are_refused() {
    let mut definitions = String::new();
    for level in 0..40 {
        let next = format!("{{\"$ref\":\"#/$defs/d{}\"}}", level + 1);
        write!(definitions, "\"d{level}\":{{\"allOf\":[{next},{next}]}},").unwrap();
    }
    let schema =
        format!("{{\"$ref\":\"#/$defs/d0\",\"$defs\":{{{definitions}\"d40\":{{\"type\":\"object\"}}}}}}");
    let error = rendered(&[("values.schema.json", &schema)], "a: 1").unwrap_err().to_string();
    assert!(error.contains("expands to more than"), "{error}");
    let remote = "{\"$ref\":\"http://169.254.169.254/latest\"}";
    let error = rendered(&[("values.schema.json", remote)], "a: 1").unwrap_err().to_string();
    assert!(error.contains("is not fetched"), "{error}");
    for schema in ["{\"$ref\":\"file:///etc/passwd\"}", "{\"$ref\":\"#\"}", "{", "[]", "{\"type\":7}"] {
        assert!(
            rendered(&[("values.schema.json", schema)], "a: 1").is_err() || schema.contains("\"#\""),
            "{schema}"
        );
    }
}

#[test]
fn yaml_that_explodes_is_refused() {
    let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let last = vec![format!("*a{}", level - 1); 8].join(", ");
        writeln!(yaml, "a{level}: &a{level} [{last}]").unwrap();
    }
    assert!(sluice_chart::load::parse_values(yaml.as_bytes()).is_err());
    assert!(sluice_chart::load::parse_values("[".repeat(100_000).as_bytes()).is_err());
    let chart = crate::support::load(&[("Chart.yaml", &yaml)]);
    assert!(chart.is_err());
}

#[test]
fn set_does_not_allocate_what_it_is_told() {
    for text in [
        "a[2147483647]=1",
        "a[-1]=1",
        "a[9999999999999999999]=1",
        &"a[0]".repeat(100_000),
        &"a.".repeat(100_000),
    ] {
        let mut map = serde_json::Map::new();
        let _ = values::parse_typed(text, &mut map);
        assert!(map.values().all(|value| value.as_array().is_none_or(|list| list.len() <= 65_537)));
    }
}

#[test]
fn what_is_no_object_is_told() {
    for text in ["null\n", "~\n", "# nothing\n", "{}\n"] {
        let _ = rendered(&[("templates/a.yaml", text)], "").unwrap();
    }
    for text in ["- a\n", "text\n", "a: [\n", "\0\n"] {
        assert!(rendered(&[("templates/a.yaml", text)], "").is_err(), "{text:?}");
    }
}
