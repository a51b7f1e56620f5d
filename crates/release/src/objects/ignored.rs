//! A deletion that failed because there was nothing to delete, as Helm logs it.

use kube::core::Status;
use kube::core::response::{StatusDetails, StatusSummary};
use serde::Serialize;
use sluice_apply::ClusterError;

use super::Target;

/// The fields of the line; those of a status stand in the order of Go's type.
#[derive(Serialize)]
pub struct IgnoredFailure<'a> {
    error: Error<'a>,
    kind: &'a str,
    name: &'a str,
    namespace: &'a str,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "ErrStatus", skip_serializing_if = "Option::is_none")]
    status: Option<ErrStatus<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrStatus<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a StatusSummary>,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
    code: u16,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Details<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
}

impl<'a> IgnoredFailure<'a> {
    /// What is logged about an object and what the API server said of it.
    pub fn new(target: &'a Target, error: &'a ClusterError) -> Self {
        Self {
            error: Error { status: error.status().map(ErrStatus::from) },
            kind: target.object.kind(),
            name: target.object.name(),
            namespace: target.object.namespace().unwrap_or_default(),
        }
    }
}

impl<'a> From<&'a Status> for ErrStatus<'a> {
    fn from(status: &'a Status) -> Self {
        Self {
            kind: "Status",
            api_version: "v1",
            metadata: Empty {},
            status: status.status.as_ref(),
            message: &status.message,
            reason: &status.reason,
            details: status.details.as_ref().map(Details::from),
            code: status.code,
        }
    }
}

impl<'a> From<&'a StatusDetails> for Details<'a> {
    fn from(details: &'a StatusDetails) -> Self {
        Self { name: &details.name, group: &details.group, kind: &details.kind, uid: &details.uid }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_stand_as_go_has_them() {
        // As the API server answered, and as Helm 4.2 logged it.
        let answer = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": "jobs.batch \"app-pre-install\" not found", "reason": "NotFound",
            "details": {"name": "app-pre-install", "group": "batch", "kind": "jobs"}, "code": 404,
        });
        let status: Status = serde_json::from_value(answer).unwrap();
        assert_eq!(
            crate::gojson::to_string(&ErrStatus::from(&status)),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"jobs.batch \"app-pre-install\" not found","reason":"NotFound","details":{"name":"app-pre-install","group":"batch","kind":"jobs"},"code":404}"#
        );
    }
}
