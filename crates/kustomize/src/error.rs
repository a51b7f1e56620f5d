//! What can go wrong in a build.

use std::path::PathBuf;

use crate::fs::FsError;
use crate::kustomization::decode::DecodeError;
use crate::remote::{NotARepository, RemoteError};
use crate::schema::BUILTIN_VERSION;

/// Why a build fails. The first words are those of kustomize, which users search for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Where it happened.
    #[error("{context}: {source}")]
    Within {
        /// The step, file or object.
        context: String,
        /// What happened there.
        source: Box<Self>,
    },
    /// A patch can't be applied.
    #[error("{source}")]
    Patching {
        /// The object that it was to change.
        id: String,
        /// What happened.
        source: Box<Self>,
    },
    /// Neither a file with resources nor a directory with a kustomization.
    #[error("accumulation err='{file}': {directory}")]
    Accumulation {
        /// Why it is no file with resources.
        file: Box<Self>,
        /// Why it is no kustomization.
        directory: Box<Self>,
    },
    /// A file can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The directory to build is none.
    #[error("must build at directory: {}", not_a_directory(.0))]
    NotDirectory(FsError),
    /// The repository has no such directory.
    #[error(transparent)]
    NotInRepository(FsError),
    /// The directory of a component can't be used.
    #[error("loader.New \"{0}\"")]
    Component(Box<Self>),
    /// A component can't be used.
    #[error("accumulateDirectory: {:?}", .0.to_string())]
    InComponent(Box<Self>),
    /// A path that leads out of the source.
    #[error("fs-security-constraint {operation} {path}: path '{path}' is not in or below '{root}'", path = .path.display(), root = .root.display())]
    Escape {
        /// `read` or `abs`.
        operation: &'static str,
        /// Where it leads.
        path: PathBuf,
        /// The source.
        root: PathBuf,
    },
    /// The directory to build is outside of the source.
    #[error("must build at directory: not a valid directory: {0}")]
    EscapingDirectory(Box<Self>),
    /// A file outside of the directory that names it, with restrictions on.
    #[error("security; file '{}' is not in or below '{}'", .file.display(), .root.display())]
    Restricted {
        /// The file.
        file: PathBuf,
        /// The directory of the kustomization.
        root: PathBuf,
    },
    /// A file with resources is no YAML.
    #[error("MalformedYAMLError: {}{}", .source.go3_text(), in_file(file))]
    MalformedYaml {
        /// The file, as the kustomization names it; empty if the context says it.
        file: String,
        /// What is wrong.
        source: Box<sluice_yaml::Error>,
    },
    /// Text that is no YAML.
    #[error(transparent)]
    Yaml(#[from] sluice_yaml::Error),
    /// `---` with text behind it.
    #[error("invalid document separator: {separator} (line {line})")]
    DocumentSeparator {
        /// The line.
        separator: String,
        /// Its number, from 1.
        line: u32,
    },
    /// A document that is no Kubernetes object.
    #[error("{missing}")]
    NotAnObject {
        /// `missing Resource metadata`, `missing kind in object …` or `missing metadata.name in object …`.
        missing: String,
        /// Where the document starts, from 1.
        line: u32,
    },
    /// `items` of a list is no list.
    #[error("expected array in {kind}/items, but found {found}")]
    ListItems {
        /// The list's kind.
        kind: String,
        /// What `items` is.
        found: &'static str,
    },
    /// No kustomization file.
    #[error("unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{}'", .directory.display())]
    MissingKustomization {
        /// Where.
        directory: PathBuf,
    },
    /// Several kustomization files.
    #[error("Found multiple kustomization files under: {}\n", .directory.display())]
    MultipleKustomizations {
        /// Where.
        directory: PathBuf,
        /// Their names.
        found: Vec<String>,
    },
    /// A kustomization file without content.
    #[error("kustomization.yaml is empty")]
    EmptyKustomization,
    /// A kustomization file of another kind or version.
    #[error("Failed to read kustomization file under {}:\n{}", .directory.display(), .reasons.join("\n"))]
    KustomizationType {
        /// Where.
        directory: PathBuf,
        /// What is wrong.
        reasons: Vec<String>,
    },
    /// A kustomization file is no YAML.
    #[error("invalid Kustomization: {}", .source.go_text())]
    KustomizationYaml {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: Box<sluice_yaml::Error>,
    },
    /// The kustomization file of the directory that Flux builds can't be read.
    #[error("{}", unmarshal(.0))]
    Unmarshal(Box<Self>),
    /// A kustomization file has a field that doesn't exist, or one of another type.
    #[error("invalid Kustomization: {source}")]
    Kustomization {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: Box<DecodeError>,
    },
    /// Another file has a field that doesn't exist, or one of another type.
    #[error("error unmarshaling JSON: while decoding JSON: {0}")]
    Decode(#[from] DecodeError),
    /// A base that contains the kustomization that names it.
    #[error("cycle detected: candidate root '{}' contains visited root '{}'", .candidate.display(), .visited.display())]
    Cycle {
        /// The base.
        candidate: PathBuf,
        /// Where it is named.
        visited: PathBuf,
        /// All directories on the way there, from the one that is built.
        chain: Vec<PathBuf>,
    },
    /// A repository that leads to itself.
    #[error("cycle detected: URI '{candidate}' referenced by previous URI '{visited}'")]
    RemoteCycle {
        /// The repository.
        candidate: String,
        /// Where it is named.
        visited: String,
    },
    /// A base by absolute path.
    #[error("new root '{path}' cannot be absolute")]
    AbsoluteRoot {
        /// The base.
        path: String,
    },
    /// An empty entry.
    #[error("new root cannot be empty")]
    EmptyRoot,
    /// `..` within a path's part: most likely two lines that became one.
    #[error(
        "path {path:?} is ambiguous: '..' stands within a part of it; check for YAML indentation errors in your kustomization file"
    )]
    AmbiguousPath {
        /// The path.
        path: String,
    },
    /// A base outside of the repository that names it.
    #[error(
        "security; bases in kustomizations found in cloned git repos must be within the repo, but base '{base}' is outside '{}'", .repository.display()
    )]
    OutsideRepository {
        /// The base.
        base: String,
        /// The repository.
        repository: PathBuf,
    },
    /// A file can't be fetched.
    #[error("{source}: {url}")]
    Fetch {
        /// The URL, without credentials.
        url: String,
        /// Why.
        source: RemoteError,
    },
    /// The URL of a repository gives no file.
    #[error("URL is a git repository")]
    UrlOfRepository {
        /// The URL, without credentials.
        url: String,
        /// What the server says.
        source: RemoteError,
    },
    /// A URL that is no repository's.
    #[error(
        "'{url}' is no git repository: {reason}; expected such as https://host/owner/repository//directory?ref=v1"
    )]
    NotARepository {
        /// The URL, without credentials.
        url: String,
        /// Why.
        reason: NotARepository,
    },
    /// A repository can't be fetched.
    #[error("cannot fetch repository '{url}'{}: {source}", at_reference(.reference))]
    Clone {
        /// Its address, without credentials.
        url: String,
        /// The reference asked for, if any.
        reference: String,
        /// Why.
        source: RemoteError,
    },
    /// Something from the network.
    #[error(
        "remote resource '{url}' is not allowed: remote bases are disabled; put the files into the source, or make a source of the other repository"
    )]
    RemoteRefused {
        /// The URL, without credentials.
        url: String,
    },
    /// A component where a kustomization belongs.
    #[error("expected kind != 'Component' for path '{}': list it under 'components'", .path.display())]
    ComponentInResources {
        /// Where.
        path: PathBuf,
    },
    /// A kustomization where a component belongs.
    #[error("expected kind 'Component' for path '{}' but got '{kind}'", .path.display())]
    NotAComponent {
        /// Where.
        path: PathBuf,
        /// Its kind.
        kind: String,
    },
    /// Two resources with one id.
    #[error("may not add resource with an already registered id: {id}")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A generator that changes what doesn't exist.
    #[error("id {id} does not exist; cannot merge or replace")]
    NothingToMerge {
        /// The id.
        id: String,
    },
    /// A generator that makes what exists.
    #[error("id {id} exists; can not use behavior: '{behavior}', behavior must be merge or replace")]
    BehaviorConflict {
        /// The id.
        id: String,
        /// The behaviour asked for.
        behavior: String,
    },
    /// A generator that could change several resources.
    #[error("found multiple objects {found} that could accept merge of {id}")]
    AmbiguousMerge {
        /// The candidates.
        found: String,
        /// The id.
        id: String,
    },
    /// A patch whose object doesn't exist.
    #[error("no matches for Id {id}; failed to find unique target for patch {id}")]
    NoMatch {
        /// The id.
        id: String,
    },
    /// A patch whose object exists several times.
    #[error("multiple matches for Id {id}; failed to find unique target for patch {id}")]
    MultipleMatches {
        /// The id.
        id: String,
    },
    /// A namespace that makes two resources one.
    #[error("namespace transformation produces ID conflict: {id}")]
    NamespaceConflict {
        /// The id.
        id: String,
    },
    /// A path that leads through a scalar.
    #[error("expected sequence or mapping node")]
    NotTraversable,
    /// A path with an empty part.
    #[error("cannot set or create an empty field name")]
    EmptyFieldName,
    /// A field of the wrong kind.
    #[error("wrong node kind: expected {expected} but got {found}")]
    NodeKind {
        /// `ScalarNode`, `MappingNode` or `SequenceNode`.
        expected: &'static str,
        /// The same.
        found: &'static str,
    },
    /// One field with and without `create`.
    #[error("conflicting fieldspecs: '{path}' is given with and without 'create'")]
    ConflictingFieldSpecs {
        /// The field.
        path: String,
    },
    /// An expression that is none.
    #[error(transparent)]
    Regex(#[from] sluice_goregex::RegexError),
    /// A label selector that is none.
    #[error(transparent)]
    LabelSelector(#[from] crate::labels::InvalidSelector),
    /// `openapi.version` that nobody has.
    #[error("the specified OpenAPI version is not built in")]
    OpenApiVersion(String),
    /// A generator, transformer or option used wrongly.
    #[error("{0}")]
    Usage(String),
    /// A strategic merge or JSON patch fails, or an OpenAPI document can't be used.
    #[error(transparent)]
    Patch(#[from] sluice_patch::Error),
    /// A plugin that is no built-in.
    #[error("external plugins disabled; unable to load external plugin '{kind}'")]
    ExternalPlugin {
        /// Its kind.
        kind: String,
    },
    /// A built-in plugin that doesn't exist.
    #[error("unable to load builtin {gvk}")]
    UnknownBuiltin {
        /// Its kind.
        gvk: String,
    },
    /// A Helm chart.
    #[error("must specify --enable-helm")]
    Helm {
        /// The chart.
        chart: String,
    },
    /// A generator or transformer whose settings can't be used.
    #[error("trouble configuring builtin {kind} with config: `\n{config}`: {source}")]
    Configuring {
        /// Its name.
        kind: &'static str,
        /// The settings as YAML.
        config: String,
        /// What is wrong with them.
        source: Box<Self>,
    },
    /// A patch that is neither an object nor a list of operations.
    #[error("unable to parse SM or JSON patch from {patch}")]
    PatchText {
        /// The patch or its file.
        patch: String,
        /// Why it is no object.
        strategic: Box<Self>,
        /// Why it is no list of operations.
        operations: Box<Self>,
    },
    /// A chart that can't be rendered.
    #[error("chart '{chart}': {reason}")]
    Chart {
        /// The chart.
        chart: String,
        /// Why.
        reason: String,
    },
    /// A name that could mean several resources.
    #[error("found multiple possible referrals: {found}")]
    AmbiguousReference {
        /// The candidates.
        found: String,
    },
    /// The build is larger than it may be.
    #[error("the build exceeds a limit: {0}")]
    Limit(String),
}

impl Error {
    /// The error with the step, file or object it happened in put before it.
    #[must_use]
    pub fn within(self, context: impl Into<String>) -> Self {
        Self::Within { context: context.into(), source: Box::new(self) }
    }

    /// The error of a patch, with the object that it was to change.
    pub(crate) fn patching(self, id: &impl ToString) -> Self {
        Self::Patching { id: id.to_string(), source: Box::new(self) }
    }

    /// What a user needs besides kustomize's own words: which file, line or object it is about, and what to do.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Within { source, .. }
            | Self::Configuring { source, .. }
            | Self::Component(source)
            | Self::InComponent(source)
            | Self::Unmarshal(source)
            | Self::EscapingDirectory(source) => source.detail(),
            Self::OpenApiVersion(wanted) => Some(format!(
                "openapi.version is {wanted:?}: the one that is built in is {BUILTIN_VERSION:?}"
            )),
            Self::Escape { .. } => Some("files can only be read from the source itself".to_owned()),
            Self::LabelSelector(error) => Some(format!("in the selector {:?}", error.selector)),
            Self::Helm { .. } => Some("charts are not inflated by a build; use a HelmRelease".to_owned()),
            Self::PatchText { strategic, operations, .. } => {
                Some(format!("as an object: {strategic}; as operations: {operations}"))
            }
            Self::Accumulation { file, directory } => directory.detail().or_else(|| file.detail()),
            Self::UrlOfRepository { url, source } => Some(format!("{source}: {url}")),
            Self::Patching { id, source } => Some(match source.detail() {
                Some(detail) => format!("in the patch of {id}: {detail}"),
                None => format!("in the patch of {id}"),
            }),
            Self::MultipleKustomizations { found, .. } => Some(format!("keep one of {}", found.join(", "))),
            Self::KustomizationYaml { file, source } => Some(format!("in {}: {source}", file.display())),
            Self::Cycle { chain, .. } => way(chain),
            Self::Kustomization { file, source } => Some(match source.hint() {
                Some(hint) => format!("in {}: {hint}", file.display()),
                None => format!("in {}", file.display()),
            }),
            Self::Decode(source) => source.hint(),
            Self::NotAnObject { line, .. } => Some(format!(
                "the document that starts at line {line} is no Kubernetes object; move other YAML out of the built directory, or list the manifests in a kustomization.yaml"
            )),
            // kustomize's line is that of a part of the file, and often one too low.
            Self::MalformedYaml { file, source } => Some(match file.as_str() {
                "" => source.to_string(),
                file => format!("in {file}: {source}"),
            }),
            _ => None,
        }
    }

    /// What happened, without where.
    pub fn root(&self) -> &Self {
        match self {
            Self::Within { source, .. }
            | Self::Configuring { source, .. }
            | Self::Patching { source, .. }
            | Self::EscapingDirectory(source)
            | Self::Unmarshal(source)
            | Self::Component(source)
            | Self::InComponent(source) => source.root(),
            Self::Accumulation { directory, .. } => directory.root(),
            other => other,
        }
    }

    pub(crate) fn is_malformed_yaml(&self) -> bool {
        matches!(self.root(), Self::MalformedYaml { .. })
    }
}

/// Where a cycle goes, when it is more than a step.
fn way(chain: &[PathBuf]) -> Option<String> {
    let steps: Vec<_> = chain.iter().map(|step| step.display().to_string()).collect();
    (steps.len() > 1).then(|| format!("by way of {}", steps.join(" -> ")))
}

/// What Flux's generator, which reads the kustomization first, says of one that can't be read.
fn unmarshal(error: &Error) -> String {
    match error {
        Error::KustomizationYaml { source, .. } => {
            format!("error converting YAML to JSON: {}", source.go_text())
        }
        Error::Kustomization { source, .. } => {
            format!("error unmarshaling JSON: while decoding JSON: {source}")
        }
        other => other.to_string(),
    }
}

fn in_file(file: &str) -> String {
    if file.is_empty() { String::new() } else { format!(" in File: {file}") }
}

fn at_reference(reference: &str) -> String {
    if reference.is_empty() { String::new() } else { format!(" at '{reference}'") }
}

/// kustomize's words for a directory that can't be one.
fn not_a_directory(error: &FsError) -> String {
    match error {
        FsError::NoDirectory { .. } => format!("not a valid directory: {error}"),
        other => other.to_string(),
    }
}
