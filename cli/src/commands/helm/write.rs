//! What was rendered, as `helm template` prints it or writes it to files.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use sluice_chart::release::{Event, document_parts, document_text, split};
use sluice_chart::{Rendered, path_match};

use super::flags::Flags;
use crate::output::Output;

/// A document and the template that it comes from.
struct Document<'r> {
    path: &'r str,
    content: std::borrow::Cow<'r, str>,
}

/// Prints or writes what the flags ask for.
pub(super) fn write(rendered: &Rendered, name: &str, flags: &Flags, output: Output) -> Result<()> {
    let crds = rendered
        .crds
        .iter()
        .filter(|_| flags.include_crds)
        .map(|crd| Document { path: &crd.path, content: String::from_utf8_lossy(&crd.file.data) });
    let manifests = rendered
        .sorted
        .manifests
        .iter()
        .map(|manifest| Document { path: &manifest.path, content: manifest.content.as_str().into() });
    let is_wanted = |events: &[Event]| !(flags.no_hooks || flags.skip_tests && events.contains(&Event::Test));
    let hooks = rendered
        .sorted
        .hooks
        .iter()
        .filter(|hook| is_wanted(&hook.events))
        .map(|hook| Document { path: &hook.path, content: hook.manifest.as_str().into() });
    if let Some(directory) = &flags.output_dir {
        let below = if flags.release_name { directory.join(name) } else { directory.clone() };
        let mut files = Files { written: HashSet::new(), output };
        // Helm puts definitions above the directory of the release.
        crds.map(|crd| (directory, crd))
            .chain(manifests.chain(hooks).map(|document| (&below, document)))
            .try_for_each(|(directory, document)| files.write(directory, &document))?;
        output.data("\n")?;
        return Ok(());
    }
    let mut documents = crds.chain(manifests).peekable();
    if flags.show_only.is_empty() {
        // One by one: the text as a whole may be large.
        let mut out = output.pieces();
        if documents.peek().is_none() {
            out.write_all(b"\n")?;
        }
        while let Some(document) = documents.next() {
            if documents.peek().is_some() {
                document.write(&mut out)?;
            } else {
                // The last one ends with one line break, whatever its template does.
                writeln!(out, "{}", document.text().trim_end())?;
            }
        }
        for document in hooks {
            document.write(&mut out)?;
        }
        out.flush()?;
        return Ok(());
    }
    let mut text: String = documents.map(|document| document.text()).collect();
    text = format!("{}\n", text.trim());
    text.extend(hooks.map(|document| document.text()));
    output.data(&only(&text, &flags.show_only)?)
}

impl Document<'_> {
    fn text(&self) -> String {
        document_text(self.path, &self.content)
    }

    fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        document_parts(self.path, &self.content).iter().try_for_each(|part| out.write_all(part.as_bytes()))
    }
}

/// The documents of templates that the patterns name, in the order of the patterns.
fn only(text: &str, patterns: &[String]) -> Result<String> {
    let documents: Vec<(&str, &str)> = split(text)
        .into_iter()
        .filter_map(|document| {
            let (_, after) = document.split_once("# Source: ")?;
            let (_, path) = after.lines().next()?.split_once('/')?;
            Some((path, document))
        })
        .collect();
    let mut shown = String::new();
    for pattern in patterns {
        let pattern = pattern.replace('\\', "/");
        let before = shown.len();
        for (path, document) in &documents {
            if path_match(&pattern, path).unwrap_or(false) {
                shown.extend(["---\n", document, "\n"]);
            }
        }
        if shown.len() == before {
            bail!("could not find template {pattern} in chart");
        }
    }
    Ok(shown)
}

struct Files {
    written: HashSet<PathBuf>,
    output: Output,
}

impl Files {
    /// Writes a document to its file: the first one replaces what was there, others follow it.
    fn write(&mut self, directory: &Path, document: &Document<'_>) -> Result<()> {
        if document.path.split('/').any(|part| part == "..") {
            return Err(anyhow!(
                "the template {} would be written outside of {}",
                document.path,
                directory.display()
            ));
        }
        let path = directory.join(document.path);
        let place = || format!("write {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(place)?;
        }
        let mut file = if self.written.insert(path.clone()) {
            fs::File::create(&path).with_context(place)?
        } else {
            fs::OpenOptions::new().append(true).open(&path).with_context(place)?
        };
        file.write_all(document.text().as_bytes()).with_context(place)?;
        self.output.data_line(format_args!("wrote {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_choose_templates() {
        let text =
            "---\n# Source: c/templates/a.yaml\na: 1\n---\n# Source: c/charts/s/templates/b.yaml\nb: 1\n";
        assert_eq!(
            only(text, &["templates/a.yaml".to_owned()]).unwrap(),
            "---\n# Source: c/templates/a.yaml\na: 1\n\n"
        );
        assert_eq!(
            only(text, &["charts/*/templates/*".to_owned()]).unwrap(),
            "---\n# Source: c/charts/s/templates/b.yaml\nb: 1\n\n"
        );
        let error = only(text, &["templates/b.yaml".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "could not find template templates/b.yaml in chart");
    }
}
