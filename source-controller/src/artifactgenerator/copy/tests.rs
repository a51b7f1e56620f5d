use std::io::Write as _;

use super::*;

/// A source `src` with a few files.
fn source() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("README.md", "read me"),
        ("apps/a/deploy.yaml", "a: deploy\n"),
        ("apps/a/notes.md", "notes"),
        ("apps/b/deploy.yaml", "b: deploy\n"),
        ("apps/b/deep/er/x.yaml", "x: 1\n"),
        ("values.yaml", "image: {tag: v1, name: app}\nlist: [1, 2]\n"),
        ("values-prod.yaml", "image: {tag: v2}\nlist: [3]\n"),
    ] {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let script = dir.path().join("run.sh");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(script, fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

fn operation(from: &str, to: &str) -> CopyOperation {
    CopyOperation { from: from.to_owned(), to: to.to_owned(), ..CopyOperation::default() }
}

fn with(strategy: CopyStrategy, from: &str, to: &str) -> CopyOperation {
    CopyOperation { strategy: Some(strategy), ..operation(from, to) }
}

fn without(exclude: &[&str], from: &str, to: &str) -> CopyOperation {
    let exclude = exclude.iter().map(|text| (*text).to_owned()).collect();
    CopyOperation { exclude, ..operation(from, to) }
}

/// The staging directory after the operations.
fn staged(source: &tempfile::TempDir, operations: &[CopyOperation]) -> Result<tempfile::TempDir, String> {
    let staging = tempfile::tempdir().unwrap();
    let sources = BTreeMap::from([("src".to_owned(), source.path().to_owned())]);
    apply(operations, &sources, staging.path()).map_err(|error| error.to_string())?;
    Ok(staging)
}

fn files(operations: &[CopyOperation]) -> Vec<String> {
    let staging = staged(&source(), operations).unwrap();
    let entries = paths::walk(staging.path(), "").unwrap();
    entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.path).collect()
}

fn error(operation: CopyOperation) -> String {
    staged(&source(), &[operation]).unwrap_err()
}

#[test]
fn names_are_copied_as_cp_does() {
    for (from, to, expected) in [
        ("@src/README.md", "@artifact/", &["README.md"][..]),
        ("@src/README.md", "@artifact/docs/", &["docs/README.md"]),
        ("@src/README.md", "@artifact/docs/readme", &["docs/readme"]),
        ("@src/apps/a", "@artifact/", &["a/deploy.yaml", "a/notes.md"]),
        ("@src/./apps/a/", "@artifact/x", &["x/a/deploy.yaml", "x/a/notes.md"]),
    ] {
        assert_eq!(files(&[operation(from, to)]), expected, "{from} {to}");
    }
    assert_eq!(files(&[operation("@src/", "@artifact/all")]).len(), 8);
    // A directory that is there already takes the file.
    let both = [operation("@src/apps/a", "@artifact/"), operation("@src/README.md", "@artifact/a")];
    assert_eq!(files(&both), ["a/README.md", "a/deploy.yaml", "a/notes.md"]);
}

#[test]
fn patterns_keep_paths() {
    for (from, to, expected) in [
        ("@src/*.md", "@artifact/", &["README.md"][..]),
        ("@src/apps/*/deploy.yaml", "@artifact/x/", &["x/apps/a/deploy.yaml", "x/apps/b/deploy.yaml"]),
        ("@src/apps/a/**", "@artifact/", &["deploy.yaml", "notes.md"]),
        ("@src/apps/b/**", "@artifact/b", &["b/deep/er/x.yaml", "b/deploy.yaml"]),
        // Two stars mean one level, like one.
        ("@src/**/deploy.yaml", "@artifact/", &[]),
        ("@src/apps/[b-z]/*.yaml", "@artifact/", &["apps/b/deploy.yaml"]),
    ] {
        let copied = staged(&source(), &[operation(from, to)]);
        match copied {
            Ok(_) => assert_eq!(files(&[operation(from, to)]), expected, "{from} {to}"),
            Err(error) => {
                assert!(expected.is_empty() && error.contains("no files match pattern"), "{from}: {error}");
            }
        }
    }
}

#[test]
fn excluded_files_are_left_out() {
    for (exclude, from, expected) in [
        (
            &["*.md"][..],
            "@src/apps",
            &["apps/a/deploy.yaml", "apps/b/deep/er/x.yaml", "apps/b/deploy.yaml"][..],
        ),
        (&["a/**"], "@src/apps", &["apps/b/deep/er/x.yaml", "apps/b/deploy.yaml"]),
        (&["apps/a"], "@src/apps", &["apps/b/deep/er/x.yaml", "apps/b/deploy.yaml"]),
        (&["**/er"], "@src/apps/b", &["b/deploy.yaml"]),
        (&["b/deep/**", "*.md"], "@src/apps/*", &["apps/a/deploy.yaml", "apps/b/deploy.yaml"]),
        (&["README.md"], "@src/README.md", &[]),
    ] {
        assert_eq!(files(&[without(exclude, from, "@artifact/")]), expected, "{exclude:?} {from}");
    }
    assert!(
        error(without(&["*.md"], "@src/*.md", "@artifact/"))
            .ends_with("all files matching pattern '*.md' in source 'src' were excluded")
    );
    assert!(error(without(&["["], "@src/*.md", "@artifact/")).ends_with("invalid exclude pattern '['"));
}

#[test]
fn modes_are_kept() {
    let staging = staged(&source(), &[operation("@src/run.sh", "@artifact/")]).unwrap();
    let mode = |name: &str| fs::metadata(staging.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("run.sh"), 0o700);
}

#[test]
fn files_that_are_there_are_merged_on_request() {
    let first = operation("@src/values.yaml", "@artifact/values.yaml");
    let second = with(CopyStrategy::Merge, "@src/values-prod.yaml", "@artifact/values.yaml");
    let staging = staged(&source(), &[first.clone(), second.clone()]).unwrap();
    let text = fs::read_to_string(staging.path().join("values.yaml")).unwrap();
    assert_eq!(text, "image:\n  name: app\n  tag: v2\nlist:\n- 3\n");
    // Nothing is there yet: a plain copy.
    let staging = staged(&source(), &[second]).unwrap();
    let text = fs::read_to_string(staging.path().join("values.yaml")).unwrap();
    assert_eq!(text, "image: {tag: v2}\nlist: [3]\n");
    // The content of a directory is never merged.
    let staging = staged(
        &source(),
        &[
            operation("@src/apps/b/deploy.yaml", "@artifact/a/"),
            with(CopyStrategy::Merge, "@src/apps/a", "@artifact/"),
        ],
    );
    let text = fs::read_to_string(staging.unwrap().path().join("a/deploy.yaml")).unwrap();
    assert_eq!(text, "a: deploy\n");
    let bad = with(CopyStrategy::Merge, "@src/README.md", "@artifact/values.yaml");
    assert!(staged(&source(), &[first, bad]).unwrap_err().contains("failed to merge 'README.md'"));
}

/// A `tar.gz` of one file.
fn tarball(name: &str) -> Vec<u8> {
    let mut writer = sluice_archive::Writer::new(Vec::new(), sluice_archive::Algorithm::Sha256).unwrap();
    writer.file(name.as_bytes(), false, 3, &b"abc"[..]).unwrap();
    writer.finish().unwrap().0
}

#[test]
fn archives_are_unpacked_on_request() {
    let source = source();
    fs::create_dir(source.path().join("charts")).unwrap();
    for (path, name) in [("charts/one.tgz", "one/Chart.yaml"), ("two.TAR.GZ", "two/x")] {
        fs::write(source.path().join(path), tarball(name)).unwrap();
    }
    let extract = |from, to| staged(&source, &[with(CopyStrategy::Extract, from, to)]);
    let there =
        |staging: Result<tempfile::TempDir, String>, path: &str| staging.unwrap().path().join(path).is_file();
    assert!(there(extract("@src/charts/one.tgz", "@artifact/c"), "c/one/Chart.yaml"));
    assert!(there(extract("@src/**/*.tgz", "@artifact/"), "one/Chart.yaml"));
    assert!(there(extract("@src/**", "@artifact/"), "two/x"), "what is no archive is passed over");
    assert!(extract("@src/README.md", "@artifact/").unwrap_err().contains("requires tarball file"));
    assert!(extract("@src/charts", "@artifact/").unwrap_err().contains("not supported for directories"));
    fs::write(source.path().join("bad.tgz"), "no archive").unwrap();
    assert!(extract("@src/bad.tgz", "@artifact/").is_err());
}

#[test]
fn hostile_archives_are_refused() {
    use flate2::{Compression, write::GzEncoder};
    let source = source();
    let pack = |fill: &dyn Fn(&mut tar_bytes::Raw)| {
        let mut raw = tar_bytes::Raw::default();
        fill(&mut raw);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&raw.finish()).unwrap();
        fs::write(source.path().join("evil.tgz"), gzip.finish().unwrap()).unwrap();
        staged(&source, &[with(CopyStrategy::Extract, "@src/evil.tgz", "@artifact/")]).unwrap_err()
    };
    assert!(pack(&|raw| raw.entry("../evil", b'0', "")).contains("invalid name"));
    assert!(pack(&|raw| raw.entry("link", b'2', "/etc")).contains("symlink"));
}

mod tar_bytes {
    /// Entries without content.
    #[derive(Default)]
    pub(super) struct Raw(Vec<u8>);

    impl Raw {
        pub(super) fn entry(&mut self, name: &str, kind: u8, target: &str) {
            let mut header = [0_u8; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[100..107].copy_from_slice(b"0000644");
            header[124..135].copy_from_slice(b"00000000000");
            header[136..147].copy_from_slice(b"00000000000");
            header[156] = kind;
            header[157..157 + target.len()].copy_from_slice(target.as_bytes());
            header[257..263].copy_from_slice(b"ustar\0");
            header[148..156].copy_from_slice(b"        ");
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            self.0.extend_from_slice(&header);
        }

        pub(super) fn finish(mut self) -> Vec<u8> {
            self.0.extend_from_slice(&[0; 1024]);
            std::mem::take(&mut self.0)
        }
    }
}

#[test]
fn no_path_leads_out() {
    for (from, to) in [
        ("@src/../secret", "@artifact/"),
        ("@src//etc/passwd", "@artifact/"),
        ("@src/README.md", "@artifact/../../x"),
        ("@src/README.md", "@artifact/../x/"),
        ("@src/apps/a", "@artifact/.."),
    ] {
        let text = error(operation(from, to));
        assert!(text.contains("path escapes from parent"), "{from} {to}: {text}");
    }
    let text = error(with(CopyStrategy::Extract, "@src/README.md", "@artifact/../.."));
    assert!(text.contains("requires tarball"), "{text}");
}

#[test]
fn errors_name_the_operation() {
    assert_eq!(
        error(operation("@other/x", "@artifact/")),
        "failed to apply copy operation from '@other/x' to '@artifact/': source alias 'other' not found"
    );
    assert!(error(operation("@src/none", "@artifact/")).ends_with("source 'none' does not exist"));
    assert!(
        error(operation("@src/*.none", "@artifact/"))
            .ends_with("no files match pattern '*.none' in source 'src'")
    );
    assert!(
        error(operation("@src/[", "@artifact/"))
            .ends_with("invalid glob pattern '[': syntax error in pattern")
    );
}
