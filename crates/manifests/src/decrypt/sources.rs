//! Encrypted files that a build reads.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use sluice_kustomize::fs::{FileKind, FileSystem, FsError, clean};
use sluice_kustomize::kustomization::FILE_NAMES;
use sluice_sops::{Encrypted, Format, KeyService, MAX_FILE};

use super::{CONCURRENT, Error, plain};

/// How many directories are looked through.
const MAX_DIRECTORIES: usize = 10_000;

/// How deep directories without a kustomization are searched for some that have one.
const MAX_DEPTH: usize = 64;

/// An encrypted file that a build reads.
#[derive(Clone, Debug)]
pub struct Source {
    path: PathBuf,
    shown: String,
    format: Format,
    encrypted: Encrypted,
}

/// Finds the encrypted files that secret generators and patches of a directory's kustomization read, or those of the
/// kustomizations and components it is made of. `components` are used besides those of the file.
///
/// What can't be read as a kustomization is left to the build, which tells it better.
pub fn find(
    files: &dyn FileSystem,
    root: &Path,
    directory: &Path,
    components: &[String],
) -> Result<Vec<Source>, Error> {
    let mut search = Search { files, root, seen: HashSet::new(), found: Vec::new(), open: Vec::new() };
    search.start(directory, components)?;
    while let Some(directory) = search.open.pop() {
        search.visit(&directory)?;
    }
    Ok(search.found)
}

/// Decrypts files: their paths, and their plain content.
pub async fn decrypt(
    sources: Vec<Source>,
    keys: &(impl KeyService + Sync),
) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
    let decrypted = sources.into_iter().map(|source| async move {
        let Source { path, shown, format, encrypted } = source;
        match plain(encrypted, format, keys).await {
            Ok(content) => Ok((path, content)),
            Err(source) => Err(Error::File { file: shown, source: Box::new(source) }),
        }
    });
    stream::iter(decrypted).buffered(CONCURRENT).try_collect().await
}

struct Search<'a> {
    files: &'a dyn FileSystem,
    root: &'a Path,
    /// Directories and files that were looked at.
    seen: HashSet<PathBuf>,
    found: Vec<Source>,
    /// Directories to look at.
    open: Vec<PathBuf>,
}

impl Search<'_> {
    fn start(&mut self, directory: &Path, components: &[String]) -> Result<(), Error> {
        self.open.extend(components.iter().map(|component| directory.join(component)));
        if FILE_NAMES.iter().any(|name| self.files.is_file(&directory.join(name))) {
            self.open.push(directory.to_owned());
        } else {
            self.scan(directory, 0)?;
        }
        Ok(())
    }

    /// Without a kustomization all manifests are resources, and directories that have one are units.
    fn scan(&mut self, directory: &Path, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let Ok(entries) = self.files.list(directory) else { return Ok(()) };
        for entry in entries.into_iter().filter(|entry| entry.kind == FileKind::Directory) {
            let path = directory.join(&entry.name);
            if FILE_NAMES.iter().any(|name| self.files.is_file(&path.join(name))) {
                self.open.push(path);
            } else {
                self.scan(&path, depth + 1)?;
            }
        }
        Ok(())
    }

    fn visit(&mut self, directory: &Path) -> Result<(), Error> {
        // A remote base, a file, or a reference that the build will complain of.
        let Ok(directory) = self.files.canonical(&clean(directory)) else { return Ok(()) };
        if !self.files.is_directory(&directory) || !self.seen.insert(directory.clone()) {
            return Ok(());
        }
        if self.seen.len() > MAX_DIRECTORIES {
            return Err(Error::Sources(format!("more than {MAX_DIRECTORIES} directories and files")));
        }
        let names: Vec<&str> =
            FILE_NAMES.into_iter().filter(|name| self.files.is_file(&directory.join(name))).collect();
        let name = match names.as_slice() {
            [] => return Err(Error::Sources("no kustomization file found".to_owned())),
            [name] => *name,
            _ => return Err(Error::Sources("found multiple kustomization files".to_owned())),
        };
        let Some(kustomization) = self.read_kustomization(&directory.join(name)) else { return Ok(()) };
        for (path, format) in secret_files(&kustomization) {
            self.file(&directory.join(path), format)?;
        }
        for field in ["resources", "components"] {
            for resource in texts(&kustomization[field]) {
                self.open.push(directory.join(resource));
            }
        }
        Ok(())
    }

    fn read_kustomization(&self, path: &Path) -> Option<Value> {
        let text = self.files.read(path).ok()?;
        let root = sluice_yaml::parse_first(&sluice_yaml::decode(&text).ok()?).ok()??;
        root.to_json(sluice_yaml::Version::V2).ok()
    }

    fn file(&mut self, path: &Path, format: Format) -> Result<(), Error> {
        let path = clean(path);
        let shown = path.strip_prefix(self.root).unwrap_or(&path).display().to_string();
        let path = match self.files.canonical(&path) {
            Ok(path) => path,
            Err(FsError::NotFound { .. }) => {
                return Err(Error::Sources(format!("lstat {shown}: no such file or directory")));
            }
            // What leads out of the source is the build's to refuse.
            Err(_) => return Ok(()),
        };
        if !self.seen.insert(path.clone()) {
            return Ok(());
        }
        if !self.files.is_file(&path) {
            return Err(Error::Sources(format!(
                "cannot decrypt irregular file as it has file mode type bits set ({shown})"
            )));
        }
        let text = self.files.read(&path).map_err(|error| Error::Sources(error.to_string()))?;
        if text.len() > MAX_FILE {
            return Err(Error::Sources(format!(
                "cannot decrypt file with size ({} bytes) exceeding limit ({MAX_FILE}) ({shown})",
                text.len()
            )));
        }
        if format.is_encrypted(&text) {
            let encrypted = Encrypted::parse(&text, format)
                .map_err(|source| Error::File { file: shown.clone(), source: Box::new(source) })?;
            self.found.push(Source { path, shown, format, encrypted });
        }
        Ok(())
    }
}

/// The files that secret generators and patches name, with the formats they must have.
fn secret_files(kustomization: &Value) -> Vec<(String, Format)> {
    let list = |field: &str| kustomization[field].as_array().into_iter().flatten();
    let mut files = Vec::new();
    for generator in list("secretGenerator") {
        for file in texts(&generator["files"]) {
            // The key says what the file is, and is its name unless one is given.
            let (key, path) = file.split_once('=').unwrap_or((file, file));
            files.push((path.to_owned(), Format::of_path(key)));
        }
        for file in texts(&generator["envs"]) {
            let format = match Format::of_path(file) {
                Format::Binary => Format::Dotenv,
                format => format,
            };
            files.push((file.to_owned(), format));
        }
    }
    for patch in list("patches") {
        if let Some(path) = patch["path"].as_str().filter(|path| !path.is_empty() && !is_remote(path)) {
            files.push((path.to_owned(), Format::of_path(path)));
        }
    }
    files
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn is_remote(path: &str) -> bool {
    path.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use sluice_kustomize::fs::Memory;

    use super::*;

    const ENCRYPTED: &str = "a: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\nsops:\n    age:\n        - recipient: age1x\n          enc: x\n    mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n";

    fn found(files: &Memory, components: &[&str]) -> Result<Vec<String>, String> {
        let components: Vec<String> = components.iter().map(ToString::to_string).collect();
        let found = find(files, Path::new("/r"), Path::new("/r/d"), &components);
        found
            .map(|found| {
                let mut names: Vec<String> = found.into_iter().map(|source| source.shown).collect();
                names.sort();
                names
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn generators_and_patches_are_followed_through_kustomizations() {
        let files = Memory::new()
            .with("/r/d/kustomization.yaml", "resources: [../base, app.yaml, https://example.com/x]\ncomponents: [part]\nsecretGenerator:\n- name: a\n  files: [config.yaml=one.enc, plain.yaml]\npatches:\n- path: patch.yaml\n- patch: inline\n")
            .with("/r/d/one.enc", ENCRYPTED)
            .with("/r/d/plain.yaml", "a: b\n")
            .with("/r/d/patch.yaml", ENCRYPTED)
            .with("/r/d/app.yaml", ENCRYPTED)
            .with("/r/d/part/kustomization.yaml", "configMapGenerator:\n- name: a\n  files: [two.yaml]\n")
            .with("/r/d/part/two.yaml", ENCRYPTED)
            .with("/r/base/kustomization.yaml", "secretGenerator:\n- name: b\n  envs: [three.yaml]\nresources: [../d]\n")
            .with("/r/base/three.yaml", ENCRYPTED)
            .with("/r/more/kustomization.yaml", "secretGenerator:\n- name: b\n  files: [four.yml]\n")
            .with("/r/more/four.yml", ENCRYPTED);
        assert_eq!(
            found(&files, &["../more"]).unwrap(),
            ["base/three.yaml", "d/one.enc", "d/patch.yaml", "more/four.yml"]
        );
    }

    #[test]
    fn units_below_a_directory_without_kustomization_are_found() {
        let files = Memory::new()
            .with("/r/d/x/y/kustomization.yaml", "secretGenerator:\n- name: b\n  files: [f.yaml]\n")
            .with("/r/d/x/y/f.yaml", ENCRYPTED);
        assert_eq!(found(&files, &[]).unwrap(), ["d/x/y/f.yaml"]);
    }

    #[test]
    fn mistakes_are_told() {
        let files = Memory::new()
            .with("/r/d/kustomization.yaml", "secretGenerator:\n- name: b\n  files: [none.yaml]\n");
        assert_eq!(
            found(&files, &[]).unwrap_err(),
            "error decrypting sources: lstat d/none.yaml: no such file or directory"
        );
        let files = Memory::new().with("/r/d/kustomization.yaml", "").with("/r/d/Kustomization", "");
        assert_eq!(
            found(&files, &[]).unwrap_err(),
            "error decrypting sources: found multiple kustomization files"
        );
        let files =
            Memory::new().with("/r/d/kustomization.yaml", "resources: [x]\n").with("/r/d/x/a.yaml", "a: b\n");
        assert_eq!(found(&files, &[]).unwrap_err(), "error decrypting sources: no kustomization file found");
    }
}
