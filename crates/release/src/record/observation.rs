//! What the digest of a snapshot is computed of.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::{Hook, Info, Release};
use crate::gojson;

#[derive(Serialize)]
struct Wire<'a> {
    name: &'a str,
    version: i64,
    info: &'a Info,
    #[serde(rename = "chartMetadata")]
    chart_metadata: &'a RawValue,
    config: Option<&'a Map<String, Json>>,
    manifest: &'a str,
    hooks: Option<Vec<&'a Hook>>,
    namespace: &'a str,
    #[serde(rename = "ociDigest", skip_serializing_if = "str::is_empty")]
    oci_digest: &'a str,
}

impl Release {
    /// The JSON whose digest tells whether a release is the one that was observed: without its tests, which people
    /// may run, and with the digest of the artifact that its chart came from.
    pub fn observation(&self, oci_digest: Option<&str>) -> String {
        let hooks: Vec<&Hook> = self.hooks.iter().filter(|hook| !hook.runs_at("test")).collect();
        let none = RawValue::from_string("{}".to_owned()).unwrap_or_default();
        let mut json = gojson::to_string(&Wire {
            name: &self.name,
            version: self.version,
            info: &self.info,
            chart_metadata: self.chart.metadata().unwrap_or(&none),
            config: (!self.config.is_empty()).then_some(&self.config),
            manifest: &self.manifest,
            hooks: (!hooks.is_empty()).then_some(hooks),
            namespace: &self.namespace,
            oci_digest: oci_digest.unwrap_or_default(),
        });
        json.push('\n');
        json
    }
}
