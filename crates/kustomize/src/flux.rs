//! What Flux's Kustomization object adds to a directory before it is built.

use std::path::Path;

use crate::error::Error;
use crate::fs::FileKind;
use crate::kustomization::{FILE_NAMES, Image, Kustomization, Patch};
use crate::loader::{Context, Loader};
use crate::target::{self, Target};
use crate::{Build, Environment, FileSystem, Options, finish, parse};

/// What the object says. Texts and lists that are empty leave the directory's kustomization as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// `spec.targetNamespace`
    pub target_namespace: String,
    /// `spec.namePrefix`
    pub name_prefix: String,
    /// `spec.nameSuffix`
    pub name_suffix: String,
    /// `spec.patches`: run after those of the file.
    pub patches: Vec<Patch>,
    /// `spec.images`: change the file's entries of the same name.
    pub images: Vec<Image>,
    /// `spec.components`: used after those of the file.
    pub components: Vec<String>,
    /// `spec.ignoreMissingComponents`
    pub ignore_missing_components: bool,
    /// `spec.buildMetadata`: instead of the file's.
    pub build_metadata: Vec<String>,
}

/// Why Flux's build fails, and in which half.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The kustomization could not be made from the directory and the object.
    #[error(transparent)]
    Generate(Error),
    /// The kustomization could not be built.
    #[error("kustomize build failed: {0}")]
    Build(Error),
}

impl BuildError {
    /// What a user needs besides Flux's own words.
    pub fn detail(&self) -> Option<String> {
        let (Self::Generate(error) | Self::Build(error)) = self;
        error.detail()
    }
}

/// Builds a directory as Flux does, from files alone.
pub fn build(
    files: &dyn FileSystem,
    directory: &Path,
    spec: &Spec,
    options: &Options,
) -> Result<Build, BuildError> {
    build_in(Environment::of(files), directory, spec, options)
}

/// Builds a directory as Flux does: without a kustomization file, all manifests below it are its resources; a file
/// is read leniently, and says what the object says besides. Nothing is written.
pub fn build_in(
    environment: Environment<'_>,
    directory: &Path,
    spec: &Spec,
    options: &Options,
) -> Result<Build, BuildError> {
    let context = Context::new(environment, options);
    let loader = Loader::at(&context, directory).map_err(BuildError::Generate)?;
    let (file, kustomization) = generate(&loader, spec).map_err(|error| match error {
        // Flux takes the first file, and kustomize complains of the others.
        Error::MultipleKustomizations { .. } => BuildError::Build(error),
        other => BuildError::Generate(other),
    })?;
    let target = Target::with(loader, file, kustomization).map_err(BuildError::Build)?;
    let resources = finish::resources(&target).map_err(BuildError::Build)?;
    drop(target);
    Ok(crate::finished(resources, context))
}

/// The directory's kustomization with what the object says.
fn generate(loader: &Loader<'_>, spec: &Spec) -> Result<(&'static str, Kustomization), Error> {
    let (file, mut kustomization) = match target::find_file(loader)? {
        Some((file, content)) => {
            let mut kustomization = target::decode_unfixed(loader, file, &content, false)
                .map_err(|error| Error::Unmarshal(Box::new(error)))?;
            if kustomization.resources.is_empty() {
                // Something has to stand in the file, or kustomize refuses it.
                kustomization.build_metadata = vec!["originAnnotations".to_owned()];
            }
            (file, kustomization)
        }
        None => (FILE_NAMES[0], from_manifests(loader)?),
    };
    let override_text = |field: &mut String, text: &str| {
        if !text.is_empty() {
            text.clone_into(field);
        }
    };
    override_text(&mut kustomization.namespace, &spec.target_namespace);
    override_text(&mut kustomization.name_prefix, &spec.name_prefix);
    override_text(&mut kustomization.name_suffix, &spec.name_suffix);
    kustomization.patches.extend(spec.patches.iter().cloned());
    for component in &spec.components {
        if !is_local(component) {
            return Err(Error::Usage(format!("component path '{component}' must be local and relative")));
        }
        let exists = loader.exists(component);
        if exists || !spec.ignore_missing_components {
            kustomization.components.push(component.clone());
        }
    }
    for image in &spec.images {
        merge_image(&mut kustomization.images, image);
    }
    if !spec.build_metadata.is_empty() {
        kustomization.build_metadata.clone_from(&spec.build_metadata);
    }
    kustomization.fix();
    kustomization.mark_present();
    Ok((file, kustomization))
}

/// Changes the entry of the same name, or adds one. Tag and digest are one: a new one of either replaces both.
fn merge_image(images: &mut Vec<Image>, incoming: &Image) {
    let Some(image) = images.iter_mut().find(|image| image.name == incoming.name) else {
        let (name, new_name) = (incoming.name.clone(), incoming.new_name.clone());
        let (new_tag, digest) = (incoming.new_tag.clone(), incoming.digest.clone());
        images.push(Image { name, new_name, new_tag, digest, ..Image::default() });
        return;
    };
    if !incoming.new_name.is_empty() {
        image.new_name.clone_from(&incoming.new_name);
    }
    if !incoming.new_tag.is_empty() || !incoming.digest.is_empty() {
        image.new_tag.clone_from(&incoming.new_tag);
        image.digest.clone_from(&incoming.digest);
    }
}

/// Neither a URL, nor a repository, nor an absolute path.
fn is_local(path: &str) -> bool {
    const REMOTE: [&str; 8] =
        ["git::", "gh:", "ssh://", "https://", "http://", "git@", "github.com:", "github.com/"];
    let lower = path.to_ascii_lowercase();
    let remote = REMOTE.iter().any(|prefix| lower.len() > prefix.len() && lower.starts_with(prefix));
    let bare = lower.strip_prefix("file://").unwrap_or(&lower);
    !remote && !path.starts_with('/') && !bare.starts_with('/')
}

/// A kustomization with all manifests below the directory.
fn from_manifests(loader: &Loader<'_>) -> Result<Kustomization, Error> {
    let mut kustomization = Kustomization::default();
    scan(loader, loader.root(), "./", 0, &mut kustomization.resources)?;
    if kustomization.resources.is_empty() {
        // Builds to nothing, but builds.
        "_placeholder".clone_into(&mut kustomization.namespace);
    }
    Ok(kustomization)
}

fn scan(
    loader: &Loader<'_>,
    directory: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), Error> {
    let context = loader.context;
    if depth > context.options.limits.depth {
        return Err(Error::Limit(format!(
            "directories are nested more than {} deep",
            context.options.limits.depth
        )));
    }
    let files = context.environment.files;
    for entry in files.list(directory)? {
        let path = directory.join(&entry.name);
        let name = format!("{prefix}{}", entry.name);
        if entry.kind == FileKind::Directory {
            if FILE_NAMES.iter().any(|file| files.is_file(&path.join(file))) {
                found.push(name);
            } else {
                scan(loader, &path, &format!("{name}/"), depth + 1, found)?;
            }
        } else if is_manifest(&entry.name) {
            let manifest = loader.read(&path)?;
            parse::resources(&manifest, "").map_err(|source| {
                source.within(format!("failed to decode Kubernetes YAML from {}", path.display()))
            })?;
            found.push(name);
        }
    }
    Ok(())
}

/// By the end of its name, which may be all of it: `.yaml` is a manifest to Flux.
fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Memory;

    fn built(fs: &Memory, spec: &Spec) -> Result<String, BuildError> {
        build(fs, Path::new("/d"), spec, &Options::flux())?.to_yaml().map_err(BuildError::Build)
    }

    const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\n";

    fn config(name: &str) -> String {
        CONFIG.replace("NAME", name)
    }

    #[test]
    fn without_a_file_all_manifests_are_resources() {
        let fs = Memory::new()
            .with("/d/b.yaml", config("b"))
            .with("/d/a/x.yml", config("x"))
            .with("/d/c/.yaml", config("hidden"))
            .with("/d/notes.txt", "no manifest")
            .with("/d/unit/kustomization.yaml", "resources: [r.yaml]\nnamePrefix: p-\n")
            .with("/d/unit/r.yaml", config("r"))
            .with("/d/unit/values.yaml", "not: a manifest\n");
        let out = built(&fs, &Spec::default()).unwrap();
        let names: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("  name: ")).collect();
        assert_eq!(names, ["x", "b", "hidden", "p-r"]);
        let bad = fs.with("/d/values.yaml", "replicas: 1\n");
        let error = built(&bad, &Spec::default()).unwrap_err().to_string();
        assert!(error.starts_with("failed to decode Kubernetes YAML from /d/values.yaml: "), "{error}");
    }

    #[test]
    fn nothing_builds_to_nothing() {
        assert_eq!(built(&Memory::new().with("/d/README.md", ""), &Spec::default()).unwrap(), "");
        assert_eq!(built(&Memory::new().with("/d/kustomization.yaml", ""), &Spec::default()).unwrap(), "");
    }

    #[test]
    fn the_root_is_read_leniently_and_what_it_names_is_not() {
        let fs = Memory::new()
            .with("/d/kustomization.yaml", "resources: [r.yaml]\nunknown: 1\n")
            .with("/d/r.yaml", config("r"));
        assert_eq!(built(&fs, &Spec::default()).unwrap(), config("r"));
        let fs = Memory::new()
            .with("/d/kustomization.yaml", "resources: [sub]\n")
            .with("/d/sub/kustomization.yaml", "resources: [r.yaml]\nunknown: 1\n")
            .with("/d/sub/r.yaml", config("r"));
        assert!(built(&fs, &Spec::default()).unwrap_err().to_string().contains("unknown field"));
    }

    #[test]
    fn the_object_overrides_the_file() {
        let fs = Memory::new()
            .with("/d/kustomization.yaml", "resources: [r.yaml]\nnamespace: file\nnamePrefix: file-\n")
            .with("/d/r.yaml", config("r"));
        let spec = Spec { target_namespace: "object".into(), name_suffix: "-s".into(), ..Spec::default() };
        let out = built(&fs, &spec).unwrap();
        assert!(out.contains("name: file-r-s\n  namespace: object\n"), "{out}");
    }

    #[test]
    fn missing_components_are_an_error_unless_ignored() {
        let fs = Memory::new()
            .with("/d/kustomization.yaml", "resources: [r.yaml]\n")
            .with("/d/r.yaml", config("r"));
        let mut spec = Spec { components: vec!["../none".into()], ..Spec::default() };
        assert!(built(&fs, &spec).is_err());
        spec.ignore_missing_components = true;
        assert!(built(&fs, &spec).is_ok());
        spec.components = vec!["https://example.com/x".into()];
        let error = built(&fs, &spec).unwrap_err().to_string();
        assert_eq!(error, "component path 'https://example.com/x' must be local and relative");
    }

    #[test]
    fn tag_and_digest_are_one() {
        let mut images = vec![Image { name: "a".into(), new_tag: "1".into(), ..Image::default() }];
        merge_image(&mut images, &Image { name: "a".into(), digest: "sha256:2".into(), ..Image::default() });
        assert_eq!((images[0].new_tag.as_str(), images[0].digest.as_str()), ("", "sha256:2"));
        merge_image(&mut images, &Image { name: "a".into(), new_name: "b".into(), ..Image::default() });
        assert_eq!((images[0].new_name.as_str(), images[0].digest.as_str()), ("b", "sha256:2"));
        merge_image(&mut images, &Image { name: "c".into(), ..Image::default() });
        assert_eq!(images.len(), 2);
    }
}
