//! `.Capabilities`: what the cluster can do.

use std::any::Any;

use sluice_gotmpl::Function;
use sluice_gotmpl::value::{List, Named, Object, Str, Type, Value};
use thiserror::Error;

use crate::gotext::quote;

/// The version of Helm whose behaviour this is.
const HELM_VERSION: &str = "v4.2";
/// The version of Go that it is built with.
const GO_VERSION: &str = "go1.26.8";

/// What the cluster can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of Kubernetes.
    pub kube_version: KubeVersion,
    /// `group/version` and `group/version/Kind`.
    pub api_versions: Vec<String>,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// As the cluster gives it: `v1.36.0-gke.1`.
    pub version: String,
    /// Without what vendors add: `v1.36.0`. Constraints are checked with this.
    pub normalized: String,
    /// `1`
    pub major: String,
    /// `36`
    pub minor: String,
}

/// A text is no version of Kubernetes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KubeVersionError {
    /// It does not begin with numbers and dots.
    #[error("could not parse {} as version", quote(.0))]
    Malformed(String),
    /// It has one number only.
    #[error("illegal version string {}", quote(.0))]
    Short(String),
    /// A number is too large or has a leading zero.
    #[error("illegal version component {} in {}", quote(.component), quote(.text))]
    Component {
        /// The number.
        component: String,
        /// All of it.
        text: String,
    },
}

impl KubeVersion {
    /// Reads a version as a user or a cluster gives it: `1.36`, `v1.36.0`, `v1.36.0+k3s1`.
    pub fn parse(text: &str) -> Result<Self, KubeVersionError> {
        let malformed = || KubeVersionError::Malformed(text.to_owned());
        let rest = text.trim_start();
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        let mut end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        // A dot counts only between digits.
        if let Some(dots) = rest.get(..end).and_then(|numbers| numbers.find("..")) {
            end = dots;
        }
        let numbers = rest.get(..end).unwrap_or_default().trim_end_matches('.');
        if !numbers.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(malformed());
        }
        let components: Vec<&str> = numbers.split('.').collect();
        for component in &components {
            let has_leading_zero = component.len() > 1 && component.starts_with('0');
            if has_leading_zero || component.parse::<u32>().is_err() {
                let component = (*component).to_owned();
                return Err(KubeVersionError::Component { component, text: text.to_owned() });
            }
        }
        let (Some(major), Some(minor)) = (components.first(), components.get(1)) else {
            return Err(KubeVersionError::Short(text.to_owned()));
        };
        Ok(Self {
            version: if text.starts_with('v') { text.to_owned() } else { format!("v{text}") },
            normalized: format!("v{numbers}"),
            major: (*major).to_owned(),
            minor: (*minor).to_owned(),
        })
    }
}

impl Default for KubeVersion {
    /// The one that Helm 4.2 assumes.
    fn default() -> Self {
        let (major, minor) = ("1".to_owned(), "36".to_owned());
        Self { version: "v1.36.0".to_owned(), normalized: "v1.36.0".to_owned(), major, minor }
    }
}

impl Default for Capabilities {
    /// What Helm assumes without a cluster.
    fn default() -> Self {
        Self {
            kube_version: KubeVersion::default(),
            api_versions: API_VERSIONS.iter().map(|version| (*version).to_owned()).collect(),
        }
    }
}

impl Capabilities {
    pub(super) fn to_value(&self) -> Value {
        Value::object(CapabilitiesObject(self.clone()))
    }
}

struct CapabilitiesObject(Capabilities);
/// Its methods belong to pointers to it: a copy has none.
struct KubeVersionObject {
    version: KubeVersion,
    is_copy: bool,
}
struct BuildInfo;
struct VersionSet(List);

static CAPABILITIES: Named = Named { name: "common.Capabilities", underlying: Type::Struct, methods: &[] };
static KUBE_VERSION: Named = Named {
    name: "common.KubeVersion",
    underlying: Type::Struct,
    methods: &[
        Function::new("GitVersion", &[], |_, args| Ok(version(args, |version| &version.version))),
        Function::new("String", &[], |_, args| Ok(version(args, |version| &version.normalized))),
    ],
};
static COPIED_KUBE_VERSION: Named = Named { methods: &[], ..KUBE_VERSION };
static BUILD_INFO: Named = Named { name: "version.BuildInfo", underlying: Type::Struct, methods: &[] };
static VERSION_SET: Named = Named {
    name: "common.VersionSet",
    underlying: Type::STRINGS,
    methods: &[Function::new("Has", &[Type::String], |_, args| {
        let wanted = args.get(1).and_then(Value::as_str);
        let set = args.first().and_then(Value::downcast::<VersionSet>);
        let has = |set: &VersionSet| set.0.iter().any(|version| version.as_str() == wanted);
        Ok(set.is_some_and(has).into())
    })],
};

fn version(args: &[Value], field: impl Fn(&KubeVersion) -> &String) -> Value {
    match args.first().and_then(Value::downcast::<KubeVersionObject>) {
        Some(object) => Value::str(field(&object.version).as_str()),
        None => Value::str(""),
    }
}

impl Object for CapabilitiesObject {
    fn ty(&self) -> Type {
        static TARGET: Type = Type::Named(&CAPABILITIES);
        Type::Pointer(&TARGET)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let versions = List::strings(self.0.api_versions.iter().map(String::as_str));
        vec![
            ("KubeVersion", KubeVersionObject::value(&self.0.kube_version, true)),
            ("APIVersions", Value::object(VersionSet(versions))),
            ("HelmVersion", Value::object(BuildInfo)),
        ]
    }

    fn json(&self) -> Option<Vec<(&'static str, Value)>> {
        Some(self.fields())
    }

    fn field(&self, name: &str) -> Option<Value> {
        // Charts ask for these in loops.
        match name {
            "KubeVersion" => Some(KubeVersionObject::value(&self.0.kube_version, false)),
            name => self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value),
        }
    }
}

impl KubeVersionObject {
    fn value(version: &KubeVersion, is_copy: bool) -> Value {
        Value::object(Self { version: version.clone(), is_copy })
    }
}

impl Object for KubeVersionObject {
    fn ty(&self) -> Type {
        Type::Named(if self.is_copy { &COPIED_KUBE_VERSION } else { &KUBE_VERSION })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let Self { version, .. } = self;
        vec![
            ("Version", Value::str(version.version.as_str())),
            ("normalizedVersion", Value::str(version.normalized.as_str())),
            ("Major", Value::str(version.major.as_str())),
            ("Minor", Value::str(version.minor.as_str())),
        ]
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.json()?.into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    fn json(&self) -> Option<Vec<(&'static str, Value)>> {
        Some(self.fields().into_iter().filter(|(name, _)| *name != "normalizedVersion").collect())
    }

    fn copied(&self) -> Option<Value> {
        Some(Self::value(&self.version, true))
    }

    fn text(&self) -> Option<Str> {
        (!self.is_copy).then(|| Str::from(self.version.normalized.as_str()))
    }
}

impl Object for BuildInfo {
    fn ty(&self) -> Type {
        Type::Named(&BUILD_INFO)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Version", HELM_VERSION.into()),
            ("GitCommit", "".into()),
            ("GitTreeState", "".into()),
            ("GoVersion", GO_VERSION.into()),
            ("KubeClientVersion", "v1.36".into()),
        ]
    }

    fn json(&self) -> Option<Vec<(&'static str, Value)>> {
        Some(vec![
            ("version", HELM_VERSION.into()),
            ("go_version", GO_VERSION.into()),
            ("kube_client_version", "v1.36".into()),
        ])
    }
}

impl Object for VersionSet {
    fn ty(&self) -> Type {
        Type::Named(&VERSION_SET)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::List(self.0.clone()))
    }
}

/// The versions that Helm 4.2 knows without asking a cluster.
const API_VERSIONS: &[&str] = &[
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha2",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, version, normalized) in [
            ("1.36", "v1.36", "v1.36"),
            ("v1.33.4-gke.1245000", "v1.33.4-gke.1245000", "v1.33.4"),
            ("1.30.2+k3s1", "v1.30.2+k3s1", "v1.30.2"),
        ] {
            let parsed = KubeVersion::parse(text).unwrap();
            assert_eq!((parsed.version.as_str(), parsed.normalized.as_str()), (version, normalized));
        }
        for (text, message) in [
            ("abc", "could not parse \"abc\" as version"),
            ("1", "illegal version string \"1\""),
            ("1.05", "illegal version component \"05\" in \"1.05\""),
        ] {
            assert_eq!(KubeVersion::parse(text).unwrap_err().to_string(), message);
        }
    }
}
