//! Changes names in references after the names of what they refer to have changed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sluice_yaml::{Node, Value};

use crate::config::NameReference;
use crate::error::Error;
use crate::fieldspec::FieldSpec;
use crate::ids::{Gvk, NO_NAMESPACE, ResId};
use crate::nodes;
use crate::resmap::ResMap;
use crate::resource::{Affixes, Resource};

/// Changes every field that holds a former name of a resource to its present name.
pub(crate) fn fix_references(map: &mut ResMap, references: &[NameReference]) -> Result<(), Error> {
    if references.is_empty() {
        return Ok(());
    }
    let targets = Targets::new(map.as_slice());
    let rules = Rules::new(references);
    for resource in map.resources_mut() {
        let original = resource.original_id().gvk;
        let mut applicable = rules.of_kind(&original).peekable();
        if applicable.peek().is_none() {
            continue;
        }
        let referrer = Referrer::new(resource)?;
        for (target, field) in applicable {
            let finder = Finder { targets: &targets, referrer: &referrer, gvk: target, field };
            // The kind was checked above, by the original id; the field applies whatever it is now.
            let field = FieldSpec { gvk: resource.gvk(), path: field.path.clone(), create: false };
            resource.apply(&field, None, &mut |node| finder.set(node)).map_err(|source| {
                let context =
                    format!("updating name reference in '{}' field of '{}'", finder.field.path, referrer.id);
                source.within(context)
            })?;
        }
    }
    Ok(())
}

/// Rules by the kind of the referrer, in their order.
struct Rules<'r> {
    by_kind: HashMap<&'r str, Vec<usize>>,
    any_kind: Vec<usize>,
    all: Vec<(&'r Gvk, &'r FieldSpec)>,
}

impl<'r> Rules<'r> {
    fn new(references: &'r [NameReference]) -> Self {
        let mut rules = Self { by_kind: HashMap::new(), any_kind: Vec::new(), all: Vec::new() };
        for reference in references {
            for referrer in &reference.referrers {
                let at = rules.all.len();
                rules.all.push((&reference.gvk, referrer));
                match referrer.gvk.kind.as_str() {
                    "" => rules.any_kind.push(at),
                    kind => rules.by_kind.entry(kind).or_default().push(at),
                }
            }
        }
        rules
    }

    fn of_kind(&self, gvk: &Gvk) -> impl Iterator<Item = (&'r Gvk, &'r FieldSpec)> {
        let mut places = self.by_kind.get(gvk.kind.as_str()).cloned().unwrap_or_default();
        places.extend(&self.any_kind);
        places.sort_unstable();
        let gvk = gvk.clone();
        let rules: Vec<_> = places.into_iter().filter_map(|at| self.all.get(at).copied()).collect();
        rules.into_iter().filter(move |(_, field)| gvk.is_selected_by(&field.gvk))
    }
}

/// What may be referred to: all resources by the names they had.
struct Targets {
    all: Vec<Target>,
    by_name: HashMap<String, Vec<usize>>,
    by_original_namespace: HashMap<String, Vec<usize>>,
}

struct Target {
    id: ResId,
    previous: Vec<ResId>,
    original_namespace: String,
    prefixes: Affixes,
    suffixes: Affixes,
}

impl Targets {
    fn new(resources: &[Resource]) -> Self {
        let mut targets = Self {
            all: Vec::with_capacity(resources.len()),
            by_name: HashMap::new(),
            by_original_namespace: HashMap::new(),
        };
        for (at, resource) in resources.iter().enumerate() {
            let previous: Vec<_> = resource.previous_ids().collect();
            let names: HashSet<&str> = previous.iter().map(|id| id.name.as_str()).collect();
            for name in names {
                targets.by_name.entry(name.to_owned()).or_default().push(at);
            }
            let original_namespace = resource.original_id().effective_namespace().to_owned();
            targets.by_original_namespace.entry(original_namespace.clone()).or_default().push(at);
            targets.all.push(Target {
                id: resource.id(),
                previous,
                original_namespace,
                prefixes: resource.memory.prefixes.clone(),
                suffixes: resource.memory.suffixes.clone(),
            });
        }
        targets
    }
}

/// What a reference depends on in the resource that has it.
struct Referrer {
    id: ResId,
    prefixes: Affixes,
    suffixes: Affixes,
    /// Other namespaces that a role binding's subjects are in.
    subject_namespaces: HashSet<String>,
    /// Group and kind of a binding's role.
    role: Option<Gvk>,
}

impl Referrer {
    fn new(resource: &Resource) -> Result<Self, Error> {
        let id = resource.id();
        let subject_namespaces =
            if id.gvk.cluster_scoped { HashSet::new() } else { subject_namespaces(resource, &id)? };
        let role = resource.node.get("roleRef").and_then(|role| {
            let part = |name| role.get(name).and_then(Node::as_str).map(str::to_owned);
            Some(Gvk { group: part("apiGroup")?, kind: part("kind")?, ..Gvk::default() })
        });
        Ok(Self {
            prefixes: resource.memory.prefixes.clone(),
            suffixes: resource.memory.suffixes.clone(),
            subject_namespaces,
            role,
            id,
        })
    }
}

fn subject_namespaces(resource: &Resource, id: &ResId) -> Result<HashSet<String>, Error> {
    let mut namespaces = HashSet::new();
    if resource.kind() != "RoleBinding" {
        return Ok(namespaces);
    }
    let subjects = resource.node.get("subjects").and_then(Node::as_sequence);
    for subject in subjects.into_iter().flat_map(|subjects| subjects.iter()) {
        let is_account = subject.get("kind").map(nodes::text) == Some("ServiceAccount");
        let Some(namespace) = subject.get("namespace").filter(|_| is_account) else { continue };
        if !nodes::is_string(namespace) {
            return Err(Error::Usage(format!("Invalid Input: namespace is blank for resource \"{id}\"")));
        }
        namespaces.insert(nodes::text(namespace).to_owned());
    }
    Ok(namespaces)
}

/// Finds what the names in one field of one resource refer to.
struct Finder<'a> {
    targets: &'a Targets,
    referrer: &'a Referrer,
    /// The kind referred to.
    gvk: &'a Gvk,
    field: &'a FieldSpec,
}

impl<'a> Finder<'a> {
    fn set(&self, node: &mut Node) -> Result<(), Error> {
        if node.is_null() {
            return Ok(());
        }
        match &mut node.value {
            Value::Scalar(_) => self.set_scalar(node),
            Value::Mapping(_) => self.set_mapping(node),
            Value::Sequence(items) => items.items_mut().iter_mut().try_for_each(|item| match &item.value {
                _ if item.is_null() => Ok(()),
                Value::Scalar(_) => self.set_scalar(item),
                Value::Mapping(_) => self.set_mapping(item),
                Value::Sequence(_) => {
                    Err(Error::NodeKind { expected: "a string or a map of string", found: "SequenceNode" })
                }
            }),
        }
    }

    fn set_scalar(&self, node: &mut Node) -> Result<(), Error> {
        let name = node.as_str().unwrap_or_default();
        let same = |one: &Target, other: &Target| one.id.name == other.id.name;
        if let Some(target) = self.find(name, |_| true, same)?
            && target.id.name != name
        {
            node.set_text(&target.id.name);
        }
        Ok(())
    }

    fn set_mapping(&self, node: &mut Node) -> Result<(), Error> {
        let Some(name) = node.get("name") else {
            return Err(Error::Usage("path config error; no 'name' field in node".to_owned()));
        };
        let name = name.as_str().unwrap_or_default().to_owned();
        let namespace =
            node.get("namespace").map(|namespace| namespace.as_str().unwrap_or_default().to_owned());
        let by_original = namespace.as_deref().is_some_and(|namespace| self.had(namespace));
        let in_namespace = |target: &Target| match namespace.as_deref() {
            None => true,
            Some(NO_NAMESPACE) => false,
            Some(namespace) if by_original => target.original_namespace == namespace,
            Some(namespace) => target.id.effective_namespace() == namespace,
        };
        let same = |one: &Target, other: &Target| {
            one.id.name == other.id.name && one.id.namespace == other.id.namespace
        };
        let Some(target) = self.find(&name, in_namespace, same)? else { return Ok(()) };
        if target.id.name == name && target.id.namespace.is_empty() {
            return Ok(());
        }
        if let Some(field) = node.get_mut("name") {
            field.set_text(&target.id.name);
        }
        if !target.id.namespace.is_empty()
            && let Some(mapping) = node.as_mapping_mut()
        {
            match mapping.get_mut("namespace") {
                Some(field) => field.set_text(&target.id.namespace),
                None => nodes::set_field(mapping, "namespace", Node::string(&target.id.namespace)),
            }
        }
        Ok(())
    }

    /// Whether anything that can be referred to from here was in the namespace when it was loaded.
    fn had(&self, namespace: &str) -> bool {
        let places = self.targets.by_original_namespace.get(namespace);
        places.into_iter().flatten().filter_map(|at| self.targets.all.get(*at)).any(|t| self.can_see(t))
    }

    /// Whether the referrer may refer to it at all.
    fn can_see(&self, target: &Target) -> bool {
        self.referrer.id.gvk.cluster_scoped
            || target.id.gvk.cluster_scoped
            || target.id.same_namespace(&self.referrer.id)
            || self.referrer.subject_namespaces.contains(&target.id.namespace)
    }

    /// Whether it may be meant by this field.
    fn fits(&self, target: &Target) -> bool {
        let had_kind = |gvk: &Gvk| target.previous.iter().any(|id| id.gvk.is_selected_by(gvk));
        let role = self.referrer.role.as_ref().filter(|_| self.field.path.ends_with("roleRef/name"));
        self.can_see(target)
            && had_kind(self.gvk)
            && role.is_none_or(had_kind)
            && (self.referrer.id.gvk.cluster_scoped
                || target.id.gvk.cluster_scoped
                || target.id.gvk.kind == "ServiceAccount"
                || target.id.same_namespace(&self.referrer.id))
    }

    fn same_affixes(&self, target: &Target, allow_none: bool) -> bool {
        let same = |one: &[Arc<str>], other: &[Arc<str>]| {
            let (short, long) = if one.len() > other.len() { (other, one) } else { (one, other) };
            (allow_none && short.is_empty())
                || (long.ends_with(short) && (!short.is_empty() || long.is_empty()))
        };
        same(&target.prefixes, &self.referrer.prefixes) && same(&target.suffixes, &self.referrer.suffixes)
    }

    fn find(
        &self,
        name: &str,
        accept: impl Fn(&Target) -> bool,
        identical: impl Fn(&Target, &Target) -> bool,
    ) -> Result<Option<&'a Target>, Error> {
        let places = self.targets.by_name.get(name);
        let mut found: Vec<&Target> = places
            .into_iter()
            .flatten()
            .filter_map(|at| self.targets.all.get(*at))
            .filter(|target| accept(target) && self.fits(target))
            .collect();
        if found.len() > 1 {
            found.retain(|target| self.same_affixes(target, true));
        }
        if found.len() > 1 {
            found.retain(|target| self.same_affixes(target, false));
        }
        match found.as_slice() {
            [] => Ok(None),
            [first, rest @ ..] if rest.iter().all(|other| identical(first, other)) => Ok(Some(first)),
            several => {
                let found: Vec<_> = several.iter().map(|target| target.id.to_string()).collect();
                Err(Error::AmbiguousReference { found: found.join(", ") })
            }
        }
    }
}
