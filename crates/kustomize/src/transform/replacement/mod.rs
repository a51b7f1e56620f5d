//! Copies fields from one resource to others.

mod path;
mod structured;

use sluice_yaml::{Kind, Node, Resolved, ScalarStyle, Version};

pub(crate) use path::lookup;

use super::Transformer;
use crate::Dialect;
use crate::error::Error;
use crate::ids::{ResId, split_api_version};
use crate::kustomization::decode::{At, Decode};
use crate::kustomization::{FieldOptions, Replacement, SelectorRegex, SourceSelector, TargetSelector};
use crate::loader::Loader;
use crate::nodes::{self, split_field_path};
use crate::resmap::ResMap;
use crate::resource::Resource;
use crate::shared::Changes;

/// Copies fields from one resource to others.
pub(crate) struct Replacements {
    replacements: Vec<Replacement>,
    dialect: Dialect,
}

impl Replacements {
    /// Takes in replacements, and reads those that are in files.
    pub(crate) fn new(entries: &[Replacement], loader: &Loader<'_>) -> Result<Self, Error> {
        let mut replacements = Vec::new();
        for entry in entries {
            if entry.path.is_empty() {
                // An empty list is as good as none: kustomize leaves it out when it hands the settings on.
                let targets = entry.targets.clone().filter(|targets| !targets.is_empty());
                replacements.push(Replacement { targets, ..entry.clone() });
                continue;
            }
            if entry.source.is_some() || entry.targets.as_ref().is_some_and(|targets| !targets.is_empty()) {
                return Err(Error::Usage("cannot specify both path and inline replacement".to_owned()));
            }
            let content = loader.load(&entry.path)?;
            let read = Self::parse(&content, loader.context.options.dialect);
            replacements.extend(read.map_err(|source| source.within(&entry.path))?);
        }
        Ok(Self { replacements, dialect: loader.context.options.dialect })
    }

    fn parse(content: &[u8], dialect: Dialect) -> Result<Vec<Replacement>, Error> {
        let text = sluice_yaml::decode(content)?;
        let json = sluice_yaml::parse_first(&text)?.unwrap_or_default().to_json(Version::V2)?;
        let at = At::top(false, dialect);
        match &json {
            serde_json::Value::Array(_) => Ok(Decode::decode(&json, &at)?),
            serde_json::Value::Object(_) => Ok(vec![Decode::decode(&json, &at)?]),
            _ => {
                let message = "unsupported replacement type encountered within replacement path";
                Err(Error::Usage(format!("{message}: a file holds one replacement or a list of them")))
            }
        }
    }
}

impl Transformer for Replacements {
    fn transform(&self, map: &mut ResMap) -> Result<(), Error> {
        for replacement in &self.replacements {
            let sourced = replacement.source.is_some() || replacement.source_value.is_some();
            let Some(targets) = replacement.targets.as_ref().filter(|_| sourced) else {
                return Err(Error::Usage(
                    "replacements must specify a source and at least one target".to_owned(),
                ));
            };
            let value = read(replacement, map.as_slice())?;
            for target in targets {
                Writer::new(target, &value, self.dialect)?.write(map)?;
            }
        }
        Ok(())
    }
}

/// The value that a replacement copies.
fn read(replacement: &Replacement, resources: &[Resource]) -> Result<Node, Error> {
    let source = match (&replacement.source_value, &replacement.source) {
        (Some(_), Some(_)) => {
            return Err(Error::Usage("value and resource selectors are mutually exclusive".to_owned()));
        }
        (Some(value), None) => return Ok(Node::plain(value)),
        (None, Some(source)) => source,
        (None, None) => return Ok(Node::null()),
    };
    let resource = select_source(resources, source)?;
    let field_path = if source.field_path.is_empty() { "metadata.name" } else { &source.field_path };
    let found = lookup(&resource.node, &split_field_path(field_path))
        .map_err(|error| error.within("error looking up replacement source"))?;
    let node = found.filter(|node| !nodes::is_empty(node)).ok_or_else(|| {
        Error::Usage(format!("fieldPath `{field_path}` is missing for replacement source {}", source.id))
    })?;
    refine(node, source.options.as_ref())
}

fn select_source<'r>(resources: &'r [Resource], source: &SourceSelector) -> Result<&'r Resource, Error> {
    let described = || {
        let path =
            if source.field_path.is_empty() { String::new() } else { format!(":{}", source.field_path) };
        let options =
            source.options.as_ref().filter(|options| !options.delimiter.is_empty() || options.create);
        let options = options.map(|o| format!(":{}({}), create={}", o.delimiter, o.index, o.create));
        format!("{}{path}{}", source.id, options.unwrap_or_default())
    };
    let wanted = &source.id.gvk.kind;
    let mut selected = resources
        .iter()
        .filter(|resource| resource.has_or_had_kind(|kind| wanted.is_empty() || kind == wanted))
        .filter(|resource| ids(resource).any(|id| id.is_selected_by(&source.id)));
    let first =
        selected.next().ok_or_else(|| Error::Usage(format!("nothing selected by {}", described())))?;
    match selected.next() {
        None => Ok(first),
        Some(_) => Err(Error::Usage(format!("multiple matches for selector {}", described()))),
    }
}

/// The present id, then the former ones. None of them counts as cluster-scoped here.
fn ids(resource: &Resource) -> impl Iterator<Item = ResId> + '_ {
    let (group, version) = split_api_version(resource.api_version());
    let gvk = crate::ids::Gvk {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: resource.kind().to_owned(),
        cluster_scoped: false,
    };
    let current = ResId { gvk, name: resource.name().to_owned(), namespace: resource.namespace().to_owned() };
    std::iter::once(current).chain(resource.previous_ids())
}

/// The part of a scalar that the options name.
fn refine(node: &Node, options: Option<&FieldOptions>) -> Result<Node, Error> {
    let Some(options) = options.filter(|options| !options.delimiter.is_empty()) else {
        return Ok(node.clone());
    };
    let Some(text) = node.as_str() else { return Err(not_a_scalar()) };
    let part =
        usize::try_from(options.index).ok().and_then(|index| text.split(&options.delimiter).nth(index));
    let part = part.ok_or_else(|| {
        Error::Usage(format!("options.index {} is out of bounds for value {text}", options.index))
    })?;
    let mut refined = node.clone();
    write_text(&mut refined, part);
    Ok(refined)
}

fn not_a_scalar() -> Error {
    Error::Usage("delimiter option can only be used with scalar nodes".to_owned())
}

/// Gives a scalar another text and keeps its type: a number that no longer is one is an error of the output.
fn write_text(node: &mut Node, text: &str) {
    let before = node.tag.clone().or_else(|| node.resolve(Version::V3).map(|resolved| resolved.tag().into()));
    let style = node.as_scalar().map(|scalar| scalar.style).unwrap_or_default();
    node.set_text(text);
    let after = node.resolve(Version::V3);
    if style != ScalarStyle::Plain || after.as_ref().map(Resolved::tag) == before.as_deref() {
        return;
    }
    if before.as_deref() == Some(sluice_yaml::tag::STR) {
        node.value = Node::string(text).value;
    } else {
        node.tag = before;
    }
}

/// Puts a value into a field.
fn write_field(
    field: &mut Node,
    created: bool,
    value: &Node,
    options: Option<&FieldOptions>,
) -> Result<(), Error> {
    let text = match options.filter(|options| !options.delimiter.is_empty()) {
        Some(options) => {
            let Some(old) = field.as_str() else { return Err(not_a_scalar()) };
            Some(join(old, nodes::text(value), options))
        }
        None => value.as_str().map(str::to_owned),
    };
    match text {
        _ if field.kind() != Kind::Scalar => *field = value.clone(),
        Some(text) if created => field.value = Node::plain(&text).value,
        Some(text) => write_text(field, &text),
        None if created => *field = value.clone(),
        // A scalar never becomes a collection: it is left without text.
        None => write_text(field, ""),
    }
    Ok(())
}

/// Replaces the part of the text that the options name, or adds one in front or behind.
fn join(old: &str, value: &str, options: &FieldOptions) -> String {
    let mut parts: Vec<&str> = old.split(&options.delimiter).collect();
    match usize::try_from(options.index) {
        Err(_) => parts.insert(0, value),
        Ok(index) => match parts.get_mut(index) {
            Some(part) => *part = value,
            None => parts.push(value),
        },
    }
    parts.join(&options.delimiter)
}

/// Writes a value to the targets of one selector.
struct Writer<'a> {
    target: &'a TargetSelector,
    value: &'a Node,
    select: SelectorRegex,
    reject: Vec<SelectorRegex>,
    paths: Vec<String>,
    dialect: Dialect,
}

impl<'a> Writer<'a> {
    fn new(target: &'a TargetSelector, value: &'a Node, dialect: Dialect) -> Result<Self, Error> {
        let Some(select) = &target.select else {
            return Err(Error::Usage("target must specify resources to select".to_owned()));
        };
        let compile = |selector| {
            SelectorRegex::new(selector).map_err(|source| source.within("error creating target selector"))
        };
        let default = vec!["metadata.name".to_owned()];
        Ok(Self {
            target,
            value,
            select: compile(select)?,
            reject: target.reject.iter().map(compile).collect::<Result<_, _>>()?,
            paths: if target.field_paths.is_empty() { default } else { target.field_paths.clone() },
            dialect,
        })
    }

    fn write(&self, map: &mut ResMap) -> Result<(), Error> {
        for resource in map.resources_mut() {
            if self.selects(resource) {
                for path in &self.paths {
                    self.write_path(&mut resource.node, path)?;
                }
            }
        }
        Ok(())
    }

    fn selects(&self, resource: &Resource) -> bool {
        let matches = |selector: &SelectorRegex, id: &ResId| {
            selector.matches_gvk(&id.gvk)
                && selector.matches_name(&id.name)
                && selector.matches_namespace(&id.namespace)
        };
        if !resource.has_or_had_kind(|kind| self.select.matches_kind(kind))
            || !ids(resource).any(|id| matches(&self.select, &id))
            || !self.select.matches_metadata(resource)
        {
            return false;
        }
        !self.reject.iter().any(|reject| {
            let selector = reject.selector();
            let by_metadata = !selector.annotation_selector.is_empty() || !selector.label_selector.is_empty();
            (by_metadata && reject.matches_metadata(resource))
                || (!selector.id.is_empty() && ids(resource).any(|id| matches(reject, &id)))
        })
    }

    fn write_path(&self, root: &mut Node, path: &str) -> Result<(), Error> {
        let options = self.target.options.as_ref();
        let create = options.is_some_and(|options| options.create).then(|| self.value.kind());
        let parts = split_field_path(path);
        let mut changes = Changes::default();
        if structured::write(root, &parts, create, |field, created| match self.dialect {
            Dialect::Latest => write_field(field, created, self.value, options),
            Dialect::V5_8_1 => write_field(field, created, self.value, None),
        }) {
            return Ok(());
        }
        let failed = || {
            let or_create = if create.is_some() { " or create" } else { "" };
            format!("unable to find{or_create} field {path:?} in replacement target")
        };
        let found = path::visit(root, &parts, create, &mut |field, created| {
            write_field(field, created, self.value, options)
                .map_err(|error| path::Failure::Write(Box::new(error)))?;
            changes.note(field);
            Ok(())
        });
        changes.apply(root);
        match found {
            Ok(0) => Err(Error::Usage(failed())),
            Ok(_) => Ok(()),
            Err(path::Failure::Write(error)) => Err(*error),
            Err(path::Failure::Path(error)) => Err(error.within(failed())),
        }
    }
}
