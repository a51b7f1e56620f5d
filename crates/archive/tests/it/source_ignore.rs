//! Which files of a source are archived.

use sluice_archive::ignore::{self, Matcher};

/// Paths that survive, given the patterns of the root's ignore file.
fn kept<'a>(text: &str, paths: &[&'a str]) -> Vec<&'a str> {
    let matcher = Matcher::for_source(ignore::parse(text, &[]));
    let keep = |path: &&&str| {
        let is_dir = path.ends_with('/');
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        !matcher.excludes(&parts, is_dir)
    };
    paths.iter().filter(keep).copied().collect()
}

const TREE: [&str; 14] = [
    ".gitattributes",
    ".github/",
    ".github/ci.yaml",
    ".gitignore",
    ".sops.yaml",
    ".sourceignore",
    "a.yaml",
    "deploy/",
    "deploy/.sops.yaml",
    "deploy/app.yaml",
    "deploy/logo.png",
    "docs/",
    "docs/a.md",
    "x.tar.gz",
];

#[test]
fn defaults_apply_without_patterns() {
    let expected = [".sourceignore", "a.yaml", "deploy/", "deploy/app.yaml", "docs/", "docs/a.md"];
    assert_eq!(kept("", &TREE), expected);
}

#[test]
fn comments_and_blanks_are_no_patterns() {
    assert_eq!(kept("# nothing\n\n   \n", &TREE), kept("", &TREE));
}

#[test]
fn one_pattern_replaces_all_defaults_but_those_of_version_control() {
    let expected = [
        ".github/",
        ".github/ci.yaml",
        ".sops.yaml",
        ".sourceignore",
        "a.yaml",
        "deploy/",
        "deploy/.sops.yaml",
        "deploy/app.yaml",
        "deploy/logo.png",
        "x.tar.gz",
    ];
    assert_eq!(kept("/docs\n", &TREE), expected);
}

#[test]
fn files_of_version_control_can_be_included_again() {
    assert_eq!(kept("!.gitattributes", &[".gitattributes", ".gitignore"]), [".gitattributes"]);
}

#[test]
fn inclusion_works_below_an_excluded_directory() {
    assert_eq!(
        kept("/*\n!/deploy\n", &TREE),
        ["deploy/", "deploy/.sops.yaml", "deploy/app.yaml", "deploy/logo.png"]
    );
    // The directory itself stays out; its content comes back.
    assert_eq!(
        kept("deploy/\n!deploy/*.yaml\n", &["deploy/", "deploy/app.yaml", "deploy/x"]),
        ["deploy/app.yaml"]
    );
}

#[test]
fn nested_patterns_reach_only_their_directory() {
    let mut patterns = ignore::parse("*.txt", &["sub"]);
    patterns.extend(ignore::parse("!sub/keep.txt", &[]));
    let matcher = Matcher::for_source(patterns);
    assert!(!matcher.excludes(&["a.txt"], false));
    assert!(matcher.excludes(&["sub", "a.txt"], false));
    assert!(matcher.excludes(&["sub", "deeper", "a.txt"], false));
    assert!(!matcher.excludes(&["sub", "keep.txt"], false));
    assert!(!matcher.excludes(&["subway", "a.txt"], false));
}

#[test]
fn windows_line_ends_are_not_part_of_a_pattern() {
    assert_eq!(kept("*.md\r\n", &["a.md", "a.yaml"]), ["a.yaml"]);
}
