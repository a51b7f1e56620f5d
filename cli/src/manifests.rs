//! The manifests of an installation: the repository's own bases, built by the controllers' own engine.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};
use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Options, Reorder, build};

use crate::installation::VERSION;

/// The namespace that the bases are written for. The word stands for nothing else in them.
const NAMESPACE: &str = "flux-system";
/// Which component an object belongs to.
const COMPONENT: &str = "app.kubernetes.io/component";

macro_rules! bases {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../config/", $path)))),+]
    };
}

/// The files of `config/` that an installation is built from.
const FILES: &[(&str, &str)] = bases![
    "crd/helm.toolkit.fluxcd.io_helmreleases.yaml",
    "crd/image.toolkit.fluxcd.io_imagepolicies.yaml",
    "crd/image.toolkit.fluxcd.io_imagerepositories.yaml",
    "crd/image.toolkit.fluxcd.io_imageupdateautomations.yaml",
    "crd/kustomization.yaml",
    "crd/kustomize.toolkit.fluxcd.io_kustomizations.yaml",
    "crd/notification.toolkit.fluxcd.io_alerts.yaml",
    "crd/notification.toolkit.fluxcd.io_providers.yaml",
    "crd/notification.toolkit.fluxcd.io_receivers.yaml",
    "crd/source.toolkit.fluxcd.io_buckets.yaml",
    "crd/source.toolkit.fluxcd.io_externalartifacts.yaml",
    "crd/source.toolkit.fluxcd.io_gitrepositories.yaml",
    "crd/source.toolkit.fluxcd.io_helmcharts.yaml",
    "crd/source.toolkit.fluxcd.io_helmrepositories.yaml",
    "crd/source.toolkit.fluxcd.io_ocirepositories.yaml",
    "default/kustomization.yaml",
    "default/namespace.yaml",
    "default/rbac/kustomization.yaml",
    "manager/helm-controller/account.yaml",
    "manager/helm-controller/deployment.yaml",
    "manager/helm-controller/kustomization.yaml",
    "manager/image-automation-controller/account.yaml",
    "manager/image-automation-controller/deployment.yaml",
    "manager/image-automation-controller/kustomization.yaml",
    "manager/image-reflector-controller/account.yaml",
    "manager/image-reflector-controller/deployment.yaml",
    "manager/image-reflector-controller/kustomization.yaml",
    "manager/kustomize-controller/account.yaml",
    "manager/kustomize-controller/deployment.yaml",
    "manager/kustomize-controller/kustomization.yaml",
    "manager/notification-controller/account.yaml",
    "manager/notification-controller/deployment.yaml",
    "manager/notification-controller/kustomization.yaml",
    "manager/notification-controller/service.yaml",
    "manager/source-controller/account.yaml",
    "manager/source-controller/deployment.yaml",
    "manager/source-controller/kustomization.yaml",
    "manager/source-controller/service.yaml",
    "policies/allow-egress.yaml",
    "policies/allow-scraping.yaml",
    "policies/allow-webhooks.yaml",
    "policies/kustomization.yaml",
    "rbac/cluster-reconciler.yaml",
    "rbac/crd-controller.yaml",
    "rbac/critical-pods.yaml",
    "rbac/flux-edit.yaml",
    "rbac/flux-view.yaml",
    "rbac/kustomization.yaml",
    "rbac/leader-election.yaml",
];

/// The controller that the others post events to.
const NOTIFICATION: &str = "notification-controller";

/// A controller and the API group that only it needs.
struct Component {
    name: &'static str,
    group: &'static str,
    /// Whether it is installed only if it is asked for.
    extra: bool,
}

const COMPONENTS: &[Component] = &[
    Component { name: "source-controller", group: "source.toolkit.fluxcd.io", extra: false },
    Component { name: "kustomize-controller", group: "kustomize.toolkit.fluxcd.io", extra: false },
    Component { name: "helm-controller", group: "helm.toolkit.fluxcd.io", extra: false },
    Component { name: NOTIFICATION, group: "notification.toolkit.fluxcd.io", extra: false },
    Component { name: "image-reflector-controller", group: "image.toolkit.fluxcd.io", extra: true },
    Component { name: "image-automation-controller", group: "image.toolkit.fluxcd.io", extra: true },
];

/// The controllers that can be installed.
pub(crate) fn component_names() -> impl Iterator<Item = &'static str> {
    COMPONENTS.iter().map(|component| component.name)
}

/// The controllers that are installed if nothing else is asked for.
pub(crate) fn default_component_names() -> impl Iterator<Item = &'static str> {
    COMPONENTS.iter().filter(|component| !component.extra).map(|component| component.name)
}

/// What to install, and how.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) namespace: String,
    pub(crate) components: Vec<String>,
    /// Registry and path that images stand below.
    pub(crate) registry: String,
    /// Tag of the images, and the version in the labels.
    pub(crate) version: String,
    pub(crate) image_pull_secret: Option<String>,
    pub(crate) watch_all_namespaces: bool,
    pub(crate) network_policy: bool,
    pub(crate) log_level: String,
    pub(crate) cluster_domain: String,
    pub(crate) toleration_keys: Vec<String>,
}

/// The objects of an installation, in the order in which kustomize puts them out.
pub(crate) fn build_objects(settings: &Settings) -> Result<Vec<Value>> {
    for name in &settings.components {
        if !component_names().any(|known| known == name) {
            let known = component_names().collect::<Vec<_>>().join(", ");
            bail!("component {name} is not available: known components are {known}");
        }
    }
    let mut files = Memory::new();
    for (path, content) in FILES {
        files.insert(path, content.replace(NAMESPACE, &settings.namespace));
    }
    let built = build(&files, Path::new("/default"), &options()).context("build the manifests")?;
    let mut objects = Vec::new();
    for resource in &built.resources {
        let mut object = resource.to_json()?;
        if adjust(&mut object, settings)? {
            objects.push(object);
        }
    }
    Ok(objects)
}

/// What others need comes first, as `kustomize build` puts it.
fn options() -> Options {
    Options { reorder: Reorder::Legacy, ..Options::default() }
}

/// Makes an object of the bases what the settings want it to be; false if they don't want it.
fn adjust(object: &mut Value, settings: &Settings) -> Result<bool> {
    let has = |name: &str| settings.components.iter().any(|component| component == name);
    if let Some(component) = object["metadata"]["labels"][COMPONENT].as_str()
        && !has(component)
    {
        return Ok(false);
    }
    let group = object["spec"]["group"].as_str().unwrap_or_default();
    let mut owners = COMPONENTS.iter().filter(|component| component.group == group).peekable();
    if owners.peek().is_some() && !owners.any(|component| has(component.name)) {
        return Ok(false);
    }
    if object["kind"] == "NetworkPolicy" && !settings.network_policy {
        return Ok(false);
    }
    if let Some(subjects) = object.get_mut("subjects").and_then(Value::as_array_mut) {
        subjects.retain(|subject| subject["name"].as_str().is_some_and(has));
        if subjects.is_empty() {
            return Ok(false);
        }
    }
    object["metadata"]["labels"][VERSION] = json!(settings.version);
    match object["kind"].as_str() {
        Some("Deployment") => deployment(object, settings)?,
        Some("ServiceAccount") => {
            if let Some(secret) = &settings.image_pull_secret {
                object["imagePullSecrets"] = json!([{ "name": secret }]);
            }
        }
        _ => {}
    }
    Ok(true)
}

fn deployment(object: &mut Value, settings: &Settings) -> Result<()> {
    let template = &mut object["spec"]["template"];
    template["metadata"]["labels"][VERSION] = json!(settings.version);
    let pod = &mut template["spec"];
    if !settings.toleration_keys.is_empty() {
        let tolerations =
            settings.toleration_keys.iter().map(|key| json!({ "key": key, "operator": "Exists" }));
        pod["tolerations"] = tolerations.collect();
    }
    for container in pod["containers"].as_array_mut().into_iter().flatten() {
        let image = container["image"].as_str().unwrap_or_default();
        let last = image.rsplit('/').next().unwrap_or_default();
        let name = last.split(':').next().unwrap_or_default().to_owned();
        container["image"] = json!(format!("{}/{name}:{}", settings.registry, settings.version));
        let arguments = container["args"]
            .as_array_mut()
            .ok_or_else(|| anyhow!("the deployment of {name} has no arguments"))?;
        // Without it, posting would only fail.
        let hears_events = settings.components.iter().any(|component| component == NOTIFICATION);
        arguments.retain(|argument| {
            hears_events || !argument.as_str().is_some_and(|text| text.starts_with("--events-addr="))
        });
        for argument in arguments {
            if let Some(text) = argument.as_str() {
                *argument = json!(adjusted_argument(text, settings));
            }
        }
    }
    Ok(())
}

fn adjusted_argument(argument: &str, settings: &Settings) -> String {
    if argument == "--watch-all-namespaces" {
        return format!("--watch-all-namespaces={}", settings.watch_all_namespaces);
    }
    if argument.starts_with("--log-level=") {
        return format!("--log-level={}", settings.log_level);
    }
    argument.replace(".svc.cluster.local.", &format!(".svc.{}.", settings.cluster_domain))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn settings() -> Settings {
        Settings {
            namespace: NAMESPACE.to_owned(),
            components: component_names().map(str::to_owned).collect(),
            registry: "sluice".to_owned(),
            version: "v1.2.3".to_owned(),
            image_pull_secret: None,
            watch_all_namespaces: true,
            network_policy: true,
            log_level: "info".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            toleration_keys: Vec::new(),
        }
    }

    fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> Option<&'a Value> {
        objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
    }

    #[test]
    fn every_base_is_embedded() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
        let mut found = Vec::new();
        let mut directories = vec![config.clone()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    found.push(path.strip_prefix(&config).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        // Definitions of kinds whose controllers are not installed are there for those who bring the controllers.
        found.retain(|path| !path.starts_with("crd/") || FILES.iter().any(|(file, _)| file == path));
        // Dashboards and alerts are for those who have something to show them, source-watcher for those who compose
        // artifacts, components for those who ask for what they add.
        let optional = ["monitoring/", "manager/source-watcher/", "components/"];
        found.retain(|path| !optional.iter().any(|folder| path.starts_with(folder)));
        found.sort();
        assert_eq!(found, FILES.iter().map(|(path, _)| *path).collect::<Vec<_>>());
    }

    #[test]
    fn the_engine_builds_what_kustomize_builds() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/default");
        let Ok(output) = Command::new("kubectl").arg("kustomize").arg(&config).output() else {
            eprintln!("skipped: no kubectl");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let jail = sluice_kustomize::fs::Jail::new(config.parent().unwrap()).unwrap();
        let config = config.canonicalize().unwrap();
        let ours = build(&jail, &config, &options()).unwrap().to_yaml().unwrap();
        let theirs = String::from_utf8(output.stdout).unwrap();
        let differs = ours.lines().zip(theirs.lines()).enumerate().find(|(_, (a, b))| a != b);
        assert_eq!(differs, None);
        assert_eq!(ours.len(), theirs.len());
    }

    #[test]
    fn another_namespace_is_used_throughout() {
        let objects = build_objects(&Settings { namespace: "gitops".to_owned(), ..settings() }).unwrap();
        let text = serde_json::to_string(&objects).unwrap();
        assert!(!text.contains(NAMESPACE), "{text}");
        assert!(find(&objects, "Namespace", "gitops").is_some());
        let binding = find(&objects, "ClusterRoleBinding", "crd-controller-gitops").unwrap();
        assert_eq!(binding["roleRef"]["name"], "crd-controller-gitops");
        assert_eq!(binding["subjects"][0]["namespace"], "gitops");
    }

    #[test]
    fn components_bring_only_their_own() {
        let components = vec!["source-controller".to_owned()];
        let objects = build_objects(&Settings { components, ..settings() }).unwrap();
        assert!(find(&objects, "Deployment", "source-controller").is_some());
        assert!(find(&objects, "Deployment", "kustomize-controller").is_none());
        let definition = "kustomizations.kustomize.toolkit.fluxcd.io";
        assert!(find(&objects, "CustomResourceDefinition", definition).is_none());
        assert!(find(&objects, "ClusterRoleBinding", "cluster-reconciler-flux-system").is_none());
        let binding = find(&objects, "ClusterRoleBinding", "crd-controller-flux-system").unwrap();
        assert_eq!(binding["subjects"].as_array().unwrap().len(), 1);
        assert!(!serde_json::to_string(&objects).unwrap().contains("--events-addr"));
        let error = build_objects(&Settings { components: vec!["x".to_owned()], ..settings() }).unwrap_err();
        assert!(error.to_string().starts_with("component x is not available"), "{error}");
    }

    #[test]
    fn settings_reach_the_deployments() {
        let objects = build_objects(&Settings {
            registry: "registry:5000/gitops".to_owned(),
            watch_all_namespaces: false,
            network_policy: false,
            log_level: "debug".to_owned(),
            cluster_domain: "example.org".to_owned(),
            toleration_keys: vec!["infra".to_owned()],
            image_pull_secret: Some("pull".to_owned()),
            ..settings()
        })
        .unwrap();
        let pod = &find(&objects, "Deployment", "source-controller").unwrap()["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(container["image"], "registry:5000/gitops/source-controller:v1.2.3");
        let arguments: Vec<&str> =
            container["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(
            arguments.contains(&"--watch-all-namespaces=false") && arguments.contains(&"--log-level=debug")
        );
        assert!(
            arguments.contains(&"--storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.example.org."),
            "{arguments:?}"
        );
        assert_eq!(pod["tolerations"], json!([{"key": "infra", "operator": "Exists"}]));
        assert!(objects.iter().all(|object| object["kind"] != "NetworkPolicy"));
        let account = find(&objects, "ServiceAccount", "source-controller").unwrap();
        assert_eq!(account["imagePullSecrets"], json!([{"name": "pull"}]));
        assert!(objects.iter().all(|object| object["metadata"]["labels"][VERSION] == "v1.2.3"));
    }
}
