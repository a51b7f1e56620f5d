//! The values of a chart, made of several files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use sluice_chart::Chart;
use sluice_chart::load::{merge_maps, parse_values};

use super::error::{BuildError, Step};

/// The file with a chart's own values.
pub(super) const DEFAULT: &str = "values.yaml";

/// Values and the files that they were made of.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Merged {
    values: Map<String, Json>,
    pub(super) files: Vec<String>,
}

impl Merged {
    fn add(&mut self, path: &str, yaml: &[u8]) -> Result<(), BuildError> {
        let values = parse_values(yaml).map_err(|error| {
            let message = format!("unmarshaling values from '{path}' failed: {}", error.go_text());
            BuildError::new(Step::Values, message).with_detail(&error)
        })?;
        self.add_values(path, values);
        Ok(())
    }

    fn add_values(&mut self, path: &str, values: Map<String, Json>) {
        self.values = merge_maps(std::mem::take(&mut self.values), values);
        self.files.push(path.to_owned());
    }

    /// Makes these the values of the chart; whether they are others than before.
    pub(super) fn overwrite(&self, chart: &mut Chart) -> Result<bool, BuildError> {
        let text = if self.values.is_empty() {
            String::new()
        } else {
            sluice_yaml::to_yaml(&Json::Object(self.values.clone()))
        };
        let Some(raw) = &chart.raw_values else {
            let message = format!("failed to locate values file: {DEFAULT}");
            return Err(BuildError::new(Step::Values, message));
        };
        if **raw == *text.as_bytes() {
            return Ok(false);
        }
        chart.raw_values = Some(Arc::from(text.as_bytes()));
        chart.values.clone_from(&self.values);
        Ok(true)
    }
}

/// Merges files of a chart.
pub(super) fn of_chart(chart: &Chart, paths: &[String], ignore_missing: bool) -> Result<Merged, BuildError> {
    const WHAT: &str = "failed to merge chart values";
    let mut merged = Merged::default();
    for path in paths {
        let name = name_in_chart(path);
        if name == DEFAULT {
            merged.add_values(path, chart.values.clone());
            continue;
        }
        match chart.files.iter().find(|file| file.name == name) {
            Some(file) => merged.add(path, &file.data).map_err(|error| error.within(WHAT))?,
            None if ignore_missing => {}
            None => {
                let error = BuildError::new(Step::Values, format!("no values file found at path '{path}'"));
                return Err(error.within(WHAT));
            }
        }
    }
    Ok(merged)
}

/// The shortest form of a name; what leads out of the chart is none.
fn name_in_chart(path: &str) -> String {
    let mut depth = 0_usize;
    let stays = path.split('/').all(|part| match part {
        "" | "." => true,
        ".." => depth.checked_sub(1).map(|less| depth = less).is_some(),
        _ => {
            depth += 1;
            true
        }
    });
    if path.starts_with('/') || !stays { path.to_owned() } else { clean(path) }
}

/// Merges files below a directory, which paths can't leave.
pub(super) fn of_directory(
    root: &Path,
    paths: &[String],
    ignore_missing: bool,
) -> Result<Merged, BuildError> {
    let mut merged = Merged::default();
    for path in paths {
        let file = below(root, path);
        match fs::metadata(&file) {
            Ok(kind) if kind.is_file() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && ignore_missing => continue,
            _ => {
                let shown = file.strip_prefix(root).unwrap_or(&file).display();
                let message = format!("no values file found at path '/{shown}' (reference '{path}')");
                return Err(BuildError::new(Step::Values, message));
            }
        }
        let yaml = fs::read(&file).map_err(|error| {
            BuildError::new(Step::Values, format!("could not read values from file '{path}': {error}"))
        })?;
        merged.add(path, &yaml)?;
    }
    Ok(merged)
}

/// A path below a directory: what would lead out of it stops there. There are no links in what was unpacked.
pub(super) fn below(root: &Path, path: &str) -> PathBuf {
    root.join(clean(path))
}

/// The shortest path to the same place.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use sluice_chart::File;

    use super::*;

    fn chart() -> Chart {
        let file = |name: &str, text: &str| File { name: name.to_owned(), data: text.as_bytes().into() };
        Chart {
            values: parse_values(b"a: {b: 1, c: [1, 2]}\nd: x\n").unwrap(),
            raw_values: Some(Arc::from(&b"a: {b: 1, c: [1, 2]}\nd: x\n"[..])),
            files: vec![file("ci/prod.yaml", "a: {c: [3]}\ne: 12345678\n"), file("bad.yaml", "- x\n")],
            ..Chart::default()
        }
    }

    fn paths(paths: &[&str]) -> Vec<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn later_files_win_and_lists_are_replaced() {
        let mut chart = chart();
        let merged = of_chart(&chart, &paths(&["values.yaml", "./ci/prod.yaml"]), false).unwrap();
        assert!(merged.overwrite(&mut chart).unwrap());
        let text = String::from_utf8(chart.raw_values.unwrap().to_vec()).unwrap();
        assert_eq!(text, "a:\n  b: 1\n  c:\n  - 3\nd: x\ne: 12345678\n");
        assert_eq!(merged.files, ["values.yaml", "./ci/prod.yaml"]);
    }

    #[test]
    fn names_stay_in_the_chart() {
        for (path, name) in [
            ("./a/../b.yaml", "b.yaml"),
            ("a//b.yaml", "a/b.yaml"),
            ("/a.yaml", "/a.yaml"),
            ("../a.yaml", "../a.yaml"),
            ("a/../../b.yaml", "a/../../b.yaml"),
        ] {
            assert_eq!(name_in_chart(path), name);
        }
    }

    #[test]
    fn missing_files_are_an_error_unless_they_may_be() {
        let error = of_chart(&chart(), &paths(&["x.yaml"]), false).unwrap_err().to_string();
        assert_eq!(
            error,
            "values files merge error: failed to merge chart values: no values file found at path 'x.yaml'"
        );
        let merged = of_chart(&chart(), &paths(&["x.yaml", "ci/prod.yaml"]), true).unwrap();
        assert_eq!(merged.files, ["ci/prod.yaml"]);
        let error = of_chart(&chart(), &paths(&["bad.yaml"]), false).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "values files merge error: failed to merge chart values: unmarshaling values from 'bad.yaml' failed: "
            ),
            "{error}"
        );
    }

    #[test]
    fn paths_stay_below_the_directory() {
        let root = Path::new("/r");
        for (path, joined) in [
            ("a.yaml", "/r/a.yaml"),
            ("../../etc/passwd", "/r/etc/passwd"),
            ("/a/../b", "/r/b"),
            ("..", "/r/"),
        ] {
            assert_eq!(below(root, path), Path::new(joined));
        }
        let dir = tempfile::tempdir().unwrap();
        let error = of_directory(dir.path(), &paths(&["../x.yaml"]), false).unwrap_err().to_string();
        assert_eq!(
            error,
            "values files merge error: no values file found at path '/x.yaml' (reference '../x.yaml')"
        );
    }
}
