//! The chart of a stored release, kept as the text that it is stored as.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use sluice_chart::{Chart, File, Lock, Metadata};

use crate::gojson;

/// What Go writes for a time that was never set.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// A chart as a release holds it: without its dependencies, whose templates are not stored.
#[derive(Clone, Debug, Default)]
pub struct StoredChart {
    /// The JSON of the chart; nothing if the release holds none.
    raw: Option<Arc<RawValue>>,
    metadata: Option<Arc<RawValue>>,
    head: Head,
}

/// What is read of the metadata.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Head {
    name: String,
    version: String,
    app_version: String,
}

#[derive(Serialize)]
struct Wire<'a> {
    metadata: &'a Metadata,
    lock: Option<&'a Lock>,
    templates: Option<Vec<WireFile<'a>>>,
    values: &'a Map<String, Json>,
    schema: Option<String>,
    schemamodtime: &'static str,
    files: Option<Vec<WireFile<'a>>>,
}

#[derive(Serialize)]
struct WireFile<'a> {
    name: &'a str,
    data: String,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Values {
    #[serde(default)]
    values: Option<Map<String, Json>>,
}

impl StoredChart {
    /// The form of a chart in which it is stored.
    pub fn of(chart: &Chart) -> Result<Self, serde_json::Error> {
        let wire = Wire {
            metadata: &chart.metadata,
            lock: chart.lock.as_ref(),
            templates: wire_files(&chart.templates),
            values: &chart.values,
            schema: chart.schema.as_ref().map(|schema| STANDARD.encode(schema)),
            schemamodtime: NO_TIME,
            files: wire_files(&chart.files),
        };
        Self::from_raw(RawValue::from_string(gojson::to_string(&wire))?)
    }

    /// The chart that was stored as this text.
    pub(super) fn from_raw(raw: Box<RawValue>) -> Result<Self, serde_json::Error> {
        let parts: Parts<'_> = serde_json::from_str(raw.get())?;
        let metadata = parts.metadata.map(ToOwned::to_owned);
        let head = metadata.as_ref().map(|text| serde_json::from_str(text.get())).transpose()?;
        Ok(Self {
            metadata: metadata.map(Arc::from),
            head: head.unwrap_or_default(),
            raw: Some(Arc::from(raw)),
        })
    }

    /// The JSON of the chart.
    pub(super) fn raw(&self) -> Option<&RawValue> {
        self.raw.as_deref()
    }

    /// The JSON of the metadata.
    pub(super) fn metadata(&self) -> Option<&RawValue> {
        self.metadata.as_deref()
    }

    /// The default values.
    pub fn values(&self) -> Result<Map<String, Json>, serde_json::Error> {
        let Some(raw) = &self.raw else { return Ok(Map::new()) };
        Ok(serde_json::from_str::<Values>(raw.get())?.values.unwrap_or_default())
    }

    /// The chart's name.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// The chart's version.
    pub fn version(&self) -> &str {
        &self.head.version
    }

    /// The version of what the chart installs.
    pub fn app_version(&self) -> &str {
        &self.head.app_version
    }
}

/// Files with their content as Base64; Go has no list where there are none.
fn wire_files(files: &[File]) -> Option<Vec<WireFile<'_>>> {
    let wire = |file| {
        let File { name, data }: &File = file;
        WireFile { name, data: STANDARD.encode(data) }
    };
    (!files.is_empty()).then(|| files.iter().map(wire).collect())
}
