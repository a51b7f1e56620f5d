//! What "ready" means for kinds of projects that many clusters have, where the conventions don't tell: conditions of
//! other names, phases, or no status at all because the controller has not come to the object yet.
//!
//! Users' own expressions come first, then the conventions, then this. It is for health checks only: what is applied
//! before its controller, such as classes, must not be waited for.

use std::sync::OnceLock;

use serde_json::{Value, json};
use sluice_expr::cel::Condition;

use super::{Status, conditions};

/// The expressions for some kinds of a group.
struct Entry {
    group: &'static str,
    kinds: &'static [&'static str],
    /// Holds when the object is as its spec wants it.
    current: &'static str,
    /// Holds when it won't get there by itself.
    failed: &'static str,
}

const READY: &str = "conditions.exists(c, c.type == 'Ready' && c.status == 'True')";
const NEVER: &str = "false";

const fn ready(group: &'static str, kinds: &'static [&'static str]) -> Entry {
    Entry { group, kinds, current: READY, failed: NEVER }
}

static LIBRARY: &[Entry] = &[
    // cert-manager
    ready("cert-manager.io", &["Certificate", "Issuer", "ClusterIssuer"]),
    Entry {
        group: "cert-manager.io",
        kinds: &["CertificateRequest"],
        current: READY,
        failed: "conditions.exists(c, c.type == 'Ready' && c.status == 'False' && c.reason in ['Failed', 'Denied'])",
    },
    Entry {
        group: "acme.cert-manager.io",
        kinds: &["Order", "Challenge"],
        current: "status.?state.orValue('') == 'valid'",
        failed: "status.?state.orValue('') in ['invalid', 'expired', 'errored']",
    },
    // Argo Rollouts
    Entry {
        group: "argoproj.io",
        kinds: &["Rollout"],
        current: "status.?phase.orValue('') == 'Healthy' && string(status.?observedGeneration.orValue(0)) == string(metadata.generation)",
        failed: "status.?phase.orValue('') == 'Degraded' && string(status.?observedGeneration.orValue(0)) == string(metadata.generation)",
    },
    Entry {
        group: "argoproj.io",
        kinds: &["AnalysisRun", "Experiment"],
        current: "status.?phase.orValue('') in ['Successful', 'Inconclusive']",
        failed: "status.?phase.orValue('') in ['Failed', 'Error']",
    },
    // Flagger
    Entry {
        group: "flagger.app",
        kinds: &["Canary"],
        current: "status.?phase.orValue('') in ['Initialized', 'Succeeded']",
        failed: "status.?phase.orValue('') == 'Failed'",
    },
    // External Secrets
    ready(
        "external-secrets.io",
        &["ExternalSecret", "ClusterExternalSecret", "SecretStore", "ClusterSecretStore", "PushSecret"],
    ),
    // Sealed Secrets
    Entry {
        group: "bitnami.com",
        kinds: &["SealedSecret"],
        current: "conditions.exists(c, c.type == 'Synced' && c.status == 'True')",
        failed: "conditions.exists(c, c.type == 'Synced' && c.status == 'False')",
    },
    // CloudNativePG
    Entry {
        group: "postgresql.cnpg.io",
        kinds: &["Cluster"],
        current: "conditions.exists(c, c.type == 'Ready' && c.status == 'True') || status.?phase.orValue('') == 'Cluster in healthy state'",
        failed: NEVER,
    },
    Entry {
        group: "postgresql.cnpg.io",
        kinds: &["Backup"],
        current: "status.?phase.orValue('') == 'completed'",
        failed: "status.?phase.orValue('') == 'failed'",
    },
    // Crossplane
    Entry {
        group: "pkg.crossplane.io",
        kinds: &["Provider", "Configuration", "Function"],
        current: "['Installed', 'Healthy'].all(t, conditions.exists(c, c.type == t && c.status == 'True'))",
        failed: NEVER,
    },
    Entry {
        group: "apiextensions.crossplane.io",
        kinds: &["CompositeResourceDefinition"],
        current: "conditions.exists(c, c.type == 'Established' && c.status == 'True')",
        failed: NEVER,
    },
    // Gateway API
    Entry {
        group: "gateway.networking.k8s.io",
        kinds: &["Gateway"],
        current: "conditions.exists(c, c.type == 'Programmed' && c.status == 'True')",
        failed: NEVER,
    },
    Entry {
        group: "gateway.networking.k8s.io",
        kinds: &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"],
        current: "status.?parents.orValue([]).size() > 0 && status.parents.all(p, ['Accepted', 'ResolvedRefs'].all(t, has(p.conditions) && p.conditions.exists(c, c.type == t && c.status == 'True')))",
        failed: NEVER,
    },
    // Knative
    ready("serving.knative.dev", &["Service", "Configuration", "Revision", "Route", "DomainMapping"]),
    ready("eventing.knative.dev", &["Broker", "Trigger"]),
    // Strimzi
    Entry {
        group: "kafka.strimzi.io",
        kinds: &[
            "Kafka",
            "KafkaBridge",
            "KafkaConnect",
            "KafkaConnector",
            "KafkaMirrorMaker2",
            "KafkaRebalance",
            "KafkaTopic",
            "KafkaUser",
        ],
        current: "conditions.exists(c, c.type in ['Ready', 'ReconciliationPaused'] && c.status == 'True')",
        failed: NEVER,
    },
    // KEDA
    ready("keda.sh", &["ScaledObject", "ScaledJob"]),
    // Prometheus operator
    Entry {
        group: "monitoring.coreos.com",
        kinds: &["Alertmanager", "Prometheus", "PrometheusAgent", "ThanosRuler"],
        current: "conditions.exists(c, c.type == 'Available' && c.status == 'True')",
        failed: NEVER,
    },
];

/// An entry's expressions, parsed when first needed.
struct Rules {
    current: Condition,
    failed: Condition,
}

static RULES: [OnceLock<Option<Rules>>; LIBRARY.len()] = [const { OnceLock::new() }; LIBRARY.len()];

fn rules(group: &str, kind: &str) -> Option<&'static Rules> {
    let index = LIBRARY.iter().position(|entry| entry.group == group && entry.kinds.contains(&kind))?;
    let entry = LIBRARY.get(index)?;
    let parse = || {
        let (current, failed) = (Condition::parse(entry.current).ok()?, Condition::parse(entry.failed).ok()?);
        Some(Rules { current, failed })
    };
    RULES.get(index)?.get_or_init(parse).as_ref()
}

/// The status of an object of a kind that the library knows.
pub(super) fn status(object: &Value, group: &str, kind: &str) -> Option<Status> {
    let rules = rules(group, kind)?;
    let empty = json!({});
    let status = object.get("status").filter(|status| status.is_object()).unwrap_or(&empty);
    if status.as_object().is_none_or(serde_json::Map::is_empty) {
        return Some(Status::in_progress("its controller has not reported a status yet"));
    }
    let none = json!([]);
    let all = status.get("conditions").filter(|conditions| conditions.is_array()).unwrap_or(&none);
    let metadata = object.get("metadata").unwrap_or(&empty);
    let variables = [("status", status), ("conditions", all), ("metadata", metadata)];
    // An expression that can't be evaluated meets a status that its project did not have when it was written.
    let holds = |rule: &Condition| rule.evaluate(variables).unwrap_or(false);
    Some(if holds(&rules.failed) {
        Status::failed(explanation(object))
    } else if holds(&rules.current) {
        Status::current("")
    } else {
        Status::in_progress(explanation(object))
    })
}

/// The phase, and what the conditions that don't hold say.
fn explanation(object: &Value) -> String {
    let status = &object["status"];
    let phase = ["phase", "state"].iter().find_map(|field| status[*field].as_str());
    let message = ["message", "reason"].iter().find_map(|field| status[*field].as_str());
    let condition = conditions(object)
        .find(|condition| condition.status != "True" || condition.kind == "NotReady")
        .map(|condition| format!("{}: {}", condition.kind, condition.explanation()));
    let phase = phase.map(|phase| format!("phase {phase}"));
    let parts: Vec<String> =
        phase.into_iter().chain(message.map(ToOwned::to_owned)).chain(condition).collect();
    if parts.is_empty() { "it is not ready yet".to_owned() } else { parts.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn all_expressions_parse() {
        for entry in LIBRARY {
            for kind in entry.kinds {
                assert!(rules(entry.group, kind).is_some(), "{}/{kind}", entry.group);
            }
        }
        assert!(rules("example.com", "Certificate").is_none());
    }

    fn state(group: &str, kind: &str, status: &Value) -> State {
        let object = json!({"metadata": {"name": "a", "generation": 3}, "status": status});
        super::status(&object, group, kind).unwrap().state
    }

    #[test]
    fn each_project_is_read_by_its_own_words() {
        use State::{Current, Failed, InProgress};
        let condition = |kind: &str, status: &str| json!({"conditions": [{"type": kind, "status": status}]});
        let route = |accepted: &str| {
            json!({"parents": [{"conditions": [
                {"type": "Accepted", "status": accepted}, {"type": "ResolvedRefs", "status": "True"}]}]})
        };
        for (group, kind, status, expected) in [
            ("cert-manager.io", "Certificate", json!({}), InProgress),
            ("cert-manager.io", "Certificate", condition("Ready", "True"), Current),
            ("acme.cert-manager.io", "Order", json!({"state": "invalid"}), Failed),
            ("acme.cert-manager.io", "Order", json!({"state": "pending"}), InProgress),
            ("argoproj.io", "Rollout", json!({"phase": "Healthy", "observedGeneration": "3"}), Current),
            ("argoproj.io", "Rollout", json!({"phase": "Healthy", "observedGeneration": "2"}), InProgress),
            ("argoproj.io", "Rollout", json!({"phase": "Degraded", "observedGeneration": "3"}), Failed),
            ("argoproj.io", "Rollout", json!({"phase": "Paused", "observedGeneration": "3"}), InProgress),
            ("argoproj.io", "AnalysisRun", json!({"phase": "Error"}), Failed),
            ("flagger.app", "Canary", json!({"phase": "Progressing"}), InProgress),
            ("flagger.app", "Canary", json!({"phase": "Succeeded"}), Current),
            ("flagger.app", "Canary", json!({"phase": "Failed"}), Failed),
            ("external-secrets.io", "ExternalSecret", condition("Ready", "False"), InProgress),
            ("bitnami.com", "SealedSecret", condition("Synced", "True"), Current),
            ("bitnami.com", "SealedSecret", condition("Synced", "False"), Failed),
            ("postgresql.cnpg.io", "Cluster", json!({"phase": "Cluster in healthy state"}), Current),
            ("postgresql.cnpg.io", "Backup", json!({"phase": "failed"}), Failed),
            ("pkg.crossplane.io", "Provider", condition("Installed", "True"), InProgress),
            (
                "pkg.crossplane.io",
                "Provider",
                json!({"conditions": [{"type": "Installed", "status": "True"}, {"type": "Healthy", "status": "True"}]}),
                Current,
            ),
            ("gateway.networking.k8s.io", "Gateway", condition("Accepted", "True"), InProgress),
            ("gateway.networking.k8s.io", "Gateway", condition("Programmed", "True"), Current),
            ("gateway.networking.k8s.io", "HTTPRoute", route("True"), Current),
            ("gateway.networking.k8s.io", "HTTPRoute", route("False"), InProgress),
            ("gateway.networking.k8s.io", "HTTPRoute", json!({"parents": []}), InProgress),
            ("serving.knative.dev", "Service", condition("Ready", "Unknown"), InProgress),
            ("kafka.strimzi.io", "Kafka", condition("NotReady", "True"), InProgress),
            ("kafka.strimzi.io", "KafkaTopic", condition("Ready", "True"), Current),
            ("monitoring.coreos.com", "Prometheus", condition("Available", "True"), Current),
        ] {
            assert_eq!(state(group, kind, &status), expected, "{group}/{kind} {status}");
        }
    }

    #[test]
    fn what_is_missing_is_explained() {
        let object = json!({"status": {"phase": "Failed", "conditions": [
            {"type": "Promoted", "status": "False", "reason": "Failed", "message": "canary failed"}]}});
        assert_eq!(
            status(&object, "flagger.app", "Canary").unwrap().message,
            "phase Failed: Promoted: Failed: canary failed"
        );
    }
}
