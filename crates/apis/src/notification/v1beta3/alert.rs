//! `Alert`: which events go to a provider.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::{LocalObjectReference, is_false};
use crate::notification::CrossNamespaceObjectReference;

vocabulary! {
    /// The least severity of events.
    #[derive(Default)]
    pub enum EventSeverity {
        /// All events.
        #[default]
        Info = "info",
        /// Only errors.
        Error = "error",
    }
}

/// The desired state of an `Alert`.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "notification.toolkit.fluxcd.io",
    version = "v1beta3",
    kind = "Alert",
    plural = "alerts",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-notifications",
    namespaced,
    derive = "PartialEq",
    doc = "Events that are sent to a provider.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AlertSpec {
    /// The provider, in the same namespace.
    pub provider_ref: LocalObjectReference,
    /// The least severity of events.
    #[serde(default)]
    pub event_severity: EventSeverity,
    /// The objects whose events are sent.
    pub event_sources: Vec<CrossNamespaceObjectReference>,
    /// Regular expressions; only messages that match one are sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inclusion_list: Vec<String>,
    /// Metadata to add to the events.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub event_metadata: BTreeMap<String, String>,
    /// Regular expressions; messages that match one are not sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclusion_list: Vec<String>,
    /// Short description of impact and place; `eventMetadata.summary` says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub summary: Option<String>,
    /// Whether sending is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

suspendable!(Alert);
