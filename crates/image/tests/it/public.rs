//! Files of public repositories: whatever they hold, an edit touches the marked lines only.
//!
//! They are no part of this repository: `SLUICE_PUBLIC_TREES` names the directory that has them.

use std::fs;
use std::path::Path;

use sluice_image::Image;
use sluice_image::setters::{Images, edit, has_markers};

#[test]
fn only_marked_lines_change() {
    let Some(root) = std::env::var_os("SLUICE_PUBLIC_TREES") else {
        println!("skipped: SLUICE_PUBLIC_TREES names no directory");
        return;
    };
    let mut totals = Totals::default();
    visit(Path::new(&root), &mut totals);
    println!("{totals:?}");
    assert!(totals.marked > 0, "no file has markers");
}

#[derive(Debug, Default)]
struct Totals {
    files: usize,
    marked: usize,
    changes: usize,
    unapplied: usize,
}

fn visit(directory: &Path, totals: &mut Totals) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            visit(&path, totals);
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !kind.is_file() || !matches!(extension, Some("yaml" | "yml" | "md" | "tmpl" | "tpl")) {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        totals.files += 1;
        if has_markers(&text) {
            totals.marked += 1;
            check(&path, &text, totals);
        }
    }
}

/// Every policy that the file names selects another image than any that stands there.
fn check(path: &Path, text: &str, totals: &mut Totals) {
    let image =
        Image { name: "registry.example/of/all".into(), tag: "99.98.97-rc.1".into(), digest: String::new() };
    let mut images = Images::new();
    for line in text.lines() {
        for (at, _) in line.match_indices("\"$imagepolicy\"") {
            let rest = line[at..].split('"').nth(3).unwrap_or_default();
            let policy: Vec<&str> = rest.split(':').take(2).collect();
            images.insert(policy.join(":"), image.clone());
        }
    }
    let edited = match edit(text, &images) {
        Ok(edited) => edited,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let (old, new): (Vec<&str>, Vec<&str>) = (text.split('\n').collect(), edited.text.split('\n').collect());
    assert_eq!(old.len(), new.len(), "{}", path.display());
    let mut changed = 0;
    for (number, (old, new)) in old.iter().zip(&new).enumerate() {
        if old == new {
            continue;
        }
        changed += 1;
        let at = format!("{}:{}: {old:?} -> {new:?}", path.display(), number + 1);
        let comment = old.find('#').filter(|_| old.contains("\"$imagepolicy\""));
        let above = number > 0 && text.split('\n').nth(number - 1).unwrap().contains("\"$imagepolicy\"");
        match comment {
            Some(_) => {
                let comment = &old[old.rfind('#').unwrap()..];
                assert!(new.ends_with(comment), "{at}");
            }
            None => assert!(above, "{at}"),
        }
    }
    assert_eq!(changed, edited.changes.len(), "{}", path.display());
    assert_eq!(edit(&edited.text, &images).unwrap().text, edited.text, "{}", path.display());
    totals.changes += changed;
    totals.unapplied += edited.unapplied.len();
    for marker in &edited.unapplied {
        println!("{}:{}: {}", path.display(), marker.line, marker.reason);
    }
}
