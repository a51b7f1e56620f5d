//! What client-go says of kubeconfigs that it can't use. Users search for its words.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sluice_yaml::Version;

/// Whether a kubeconfig brings an authority that is none. Connections would fail later, and not say why.
pub fn has_bad_authority(text: &str) -> bool {
    let node = sluice_yaml::parse_first(text).ok().flatten();
    let config = node.and_then(|node| node.to_json(Version::V2).ok());
    config.as_ref().and_then(Value::as_object).is_some_and(|config| bad_authority(config).is_some())
}

/// Client-go's words for what is wrong with a kubeconfig; `None` if there is nothing, or nothing that it would put in
/// words that are known here. They may name the context and the cluster, and hold nothing else of the text.
pub fn fault(text: &str) -> Option<String> {
    let node = match sluice_yaml::parse_first(text) {
        Ok(node) => node.unwrap_or_default(),
        Err(error) => return Some(error.go_text()),
    };
    match node.to_json(Version::V2).ok()? {
        Value::Null => unusable(&Map::new()),
        Value::Object(config) => wrong_kind(&config)
            .or_else(|| wrong_type(&config))
            .or_else(|| unusable(&config))
            .or_else(|| bad_authority(&config)),
        other => {
            let kind = kind_of(&other);
            Some(format!(
                r#"couldn't get version/kind; json parse error: json: cannot unmarshal {kind} into Go value of type struct {{ APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }}"#
            ))
        }
    }
}

/// How Go's JSON decoder calls a value.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_kind(config: &Map<String, Value>) -> Option<String> {
    let text = |field: &str, default: &'static str| match config.get(field).and_then(Value::as_str) {
        None | Some("") => default.to_owned(),
        Some(text) => text.to_owned(),
    };
    let (version, kind) = (text("apiVersion", "v1"), text("kind", "Config"));
    ((version.as_str(), kind.as_str()) != ("v1", "Config")).then(|| {
        format!(
            "no kind {kind:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\""
        )
    })
}

fn wrong_type(config: &Map<String, Value>) -> Option<String> {
    let lists = [("clusters", "NamedCluster"), ("users", "NamedAuthInfo"), ("contexts", "NamedContext")];
    lists.into_iter().find_map(|(field, element)| match config.get(field)? {
        Value::Null | Value::Array(_) => None,
        other => {
            let kind = kind_of(other);
            Some(format!(
                "json: cannot unmarshal {kind} into Go struct field Config.{field} of type []v1.{element}"
            ))
        }
    })
}

/// The entry of that name in one of the lists, without its name.
fn named<'a>(
    config: &'a Map<String, Value>,
    list: &str,
    name: &str,
    field: &str,
) -> Option<&'a Map<String, Value>> {
    let entries = config.get(list)?.as_array()?;
    let entry = entries.iter().rfind(|entry| entry.get("name").and_then(Value::as_str) == Some(name))?;
    entry.get(field)?.as_object()
}

fn text<'a>(entry: Option<&'a Map<String, Value>>, field: &str) -> &'a str {
    entry.and_then(|entry| entry.get(field)).and_then(Value::as_str).unwrap_or_default()
}

/// The cluster that the current context means, and its name.
fn cluster(config: &Map<String, Value>) -> (&str, Option<&Map<String, Value>>) {
    let context = named(config, "contexts", text(Some(config), "current-context"), "context");
    let name = text(context, "cluster");
    (name, named(config, "clusters", name, "cluster"))
}

/// What lacks for a connection.
fn unusable(config: &Map<String, Value>) -> Option<String> {
    let current = text(Some(config), "current-context");
    let mut faults = Vec::new();
    if !current.is_empty() && named(config, "contexts", current, "context").is_none() {
        faults.push(format!("context was not found for specified context: {current}"));
    }
    let (name, cluster) = cluster(config);
    if cluster.is_none_or(Map::is_empty) {
        faults.push("cluster has no server defined".to_owned());
        if faults.len() == 1 {
            let none =
                "no configuration has been provided, try setting KUBERNETES_MASTER environment variable";
            return Some(format!("invalid configuration: {none}"));
        }
    } else if text(cluster, "server").is_empty() {
        faults.push(match name {
            "" => "default cluster has no server defined".to_owned(),
            name => format!("no server found for cluster {name:?}"),
        });
    }
    match faults.as_slice() {
        [] => None,
        [one] => Some(format!("invalid configuration: {one}")),
        several => Some(format!("invalid configuration: [{}]", several.join(", "))),
    }
}

fn bad_authority(config: &Map<String, Value>) -> Option<String> {
    let data = text(cluster(config).1, "certificate-authority-data");
    let certificate = STANDARD.decode(data).ok()?;
    let is_one = certificate.windows(27).any(|text| text == b"-----BEGIN CERTIFICATE-----");
    (!data.is_empty() && !is_one)
        .then(|| "unable to load root certificates: unable to parse bytes as PEM block".to_owned())
}

#[cfg(test)]
mod tests {
    use super::fault;

    /// What client-go 0.35 says of them, as kustomize-controller 1.9.4 told it.
    #[test]
    fn faults_are_told_as_client_go_tells_them() {
        let cluster = "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: x}}]\n";
        let bad_authority = format!(
            "{cluster}clusters: [{{name: x, cluster: {{server: 'https://a', certificate-authority-data: bm9uc2Vuc2U=}}}}]\n"
        );
        for (text, want) in [
            (
                "nonsense",
                r#"couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#,
            ),
            ("a: [b\n", "yaml: line 1: did not find expected ',' or ']'"),
            ("a: b: c\n", "yaml: mapping values are not allowed in this context"),
            (
                "apiVersion: v1\nkind: Config\ncurrent-context: x\n",
                "invalid configuration: [context was not found for specified context: x, cluster has no server defined]",
            ),
            (
                "",
                "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable",
            ),
            (
                "apiVersion: v1\nkind: Config\nclusters: 5\n",
                "json: cannot unmarshal number into Go struct field Config.clusters of type []v1.NamedCluster",
            ),
            (
                "apiVersion: v1\nkind: Pod\n",
                r#"no kind "Pod" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111""#,
            ),
            (&bad_authority, "unable to load root certificates: unable to parse bytes as PEM block"),
        ] {
            assert_eq!(fault(text).as_deref(), Some(want), "{text}");
        }
        assert_eq!(
            fault(&format!("{cluster}clusters: [{{name: x, cluster: {{server: 'https://a'}}}}]\n")),
            None
        );
    }
}
