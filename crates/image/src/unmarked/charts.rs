//! Versions of charts that registries hold.

use std::collections::BTreeMap;

use sluice_semver::Version;
use sluice_yaml::Node;

use super::{Digest, Found, Named, Spelling, Unmarked, is, objects, skipped};
use crate::setters::{Reason, identity};

const SOURCES: &str = "source.toolkit.fluxcd.io";
/// What addresses in registries begin with.
const SCHEME: &str = "oci://";

/// The repositories of charts that files tell of, by name.
#[derive(Clone, Debug, Default)]
pub struct Charts(BTreeMap<String, Vec<Repository>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Repository {
    /// Empty if the file does not tell.
    namespace: String,
    url: String,
}

impl Charts {
    /// Takes up the repositories of a file.
    pub fn read(&mut self, text: &str) {
        if !text.contains("HelmRepository") {
            return;
        }
        let Ok(documents) = sluice_yaml::parse(text) else { return };
        for object in objects(&documents) {
            if !is(object, SOURCES, "HelmRepository") {
                continue;
            }
            let Some(url) = object.at(&["spec", "url"]).and_then(Node::as_str) else { continue };
            let found = identity(object);
            let repository = Repository { namespace: found.namespace, url: url.to_owned() };
            self.0.entry(found.name).or_default().push(repository);
        }
    }

    /// The address of a repository; None if no file has it.
    fn url(&self, namespace: &str, name: &str) -> Option<Result<&str, Reason>> {
        let fits = |other: &&Repository| {
            other.namespace.is_empty() || namespace.is_empty() || other.namespace == namespace
        };
        let mut found = self.0.get(name)?.iter().filter(fits);
        let first = found.next()?;
        if found.any(|other| other.url != first.url) {
            return Some(Err(Reason::UnknownRepository(name.to_owned())));
        }
        Some(Ok(&first.url))
    }
}

pub(super) fn find(unmarked: &Unmarked<'_>, object: &Node, found: &mut Vec<Found>) {
    if is(object, SOURCES, "OCIRepository") {
        artifact(unmarked, object, found);
    } else if is(object, "helm.toolkit.fluxcd.io", "HelmRelease") {
        chart(unmarked, object, found);
    }
}

/// The tag of an `OCIRepository`. A range counts before a tag, and is followed by itself.
fn artifact(unmarked: &Unmarked<'_>, object: &Node, found: &mut Vec<Found>) {
    let Some(url) = object.at(&["spec", "url"]).and_then(Node::as_str) else { return };
    let (Some(image), Some(reference)) = (url.strip_prefix(SCHEME), object.at(&["spec", "ref"])) else {
        return;
    };
    if reference.get("semver").is_some() {
        return;
    }
    let named = Named {
        name: image.trim_end_matches('/').to_owned(),
        at: reference,
        tag: reference.get("tag"),
        digest: reference.get("digest").and_then(Digest::whole),
        spelling: Spelling::Tag,
        object: identity(object),
    };
    unmarked.set(&named, found);
}

/// The version of the chart of a `HelmRelease`.
fn chart(unmarked: &Unmarked<'_>, object: &Node, found: &mut Vec<Found>) {
    let Some(spec) = object.at(&["spec", "chart", "spec"]) else { return };
    let text = |path: &[&str]| spec.at(path).and_then(Node::as_str).unwrap_or_default();
    if text(&["sourceRef", "kind"]) != "HelmRepository" {
        return;
    }
    let release = identity(object);
    let namespace = Some(text(&["sourceRef", "namespace"])).filter(|namespace| !namespace.is_empty());
    let url = unmarked.charts.url(namespace.unwrap_or(&release.namespace), text(&["sourceRef", "name"]));
    let url = match url {
        None => return,
        Some(Ok(url)) => url,
        Some(Err(reason)) => {
            found.push(skipped(spec, reason));
            return;
        }
    };
    let Some(parent) = url.strip_prefix(SCHEME) else { return };
    let name = format!("{}/{}", parent.trim_end_matches('/'), text(&["chart"]));
    let version = spec.get("version");
    if let Some(version) = version
        && let Some(written) = super::text(version)
        && unmarked.image(&name).is_some()
        && Version::parse_tag(written).is_err()
    {
        found.push(skipped(version, Reason::Range(written.to_owned())));
        return;
    }
    let named = Named {
        name,
        at: spec,
        tag: version,
        digest: None,
        spelling: Spelling::ChartVersion,
        object: release,
    };
    unmarked.set(&named, found);
}
