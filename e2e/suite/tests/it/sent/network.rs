//! What pods are reached by, and what keeps them.

use serde_json::{Value, json};

use super::row::{Row, as_it_is, changed};

pub(super) fn rows() -> Vec<Row> {
    let service = |spec: Value| json!({"apiVersion": "v1", "kind": "Service", "spec": spec});
    vec![
        changed(
            "service",
            service(
                json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "admin", "port": 81}]}),
            ),
            service(
                json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}, {"name": "admin", "port": 81, "protocol": "TCP"}]}),
            ),
        ),
        changed(
            "dns",
            service(
                json!({"clusterIP": "None", "ports": [{"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}]}),
            ),
            service(
                json!({"clusterIP": "None", "ports": [{"name": "tcp", "port": 53, "protocol": "TCP"}, {"name": "udp", "port": 53, "protocol": "UDP"}]}),
            ),
        ),
        as_it_is("elsewhere", service(json!({"type": "ExternalName", "externalName": "example.com"}))),
        as_it_is(
            "ingress",
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"tls": [{"hosts": ["a.example"], "secretName": "tls"}], "rules": [{"host": "a.example", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "service", "port": {"name": "http"}}}}]}}]}}),
        ),
        as_it_is(
            "policy",
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"],
                "ingress": [{}], "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 53, "protocol": "UDP"}]}]}}),
        ),
        as_it_is(
            "closed",
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "ingress": [], "policyTypes": ["Ingress"]}}),
        ),
        as_it_is(
            "budget",
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}}),
        ),
        as_it_is(
            "scaler",
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"minReplicas": 1, "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"},
                "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}}},
                            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1500m"}}}],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}}),
        ),
        as_it_is(
            "lease",
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "nobody"}}),
        ),
        as_it_is(
            "slice",
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                   "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": true}}], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}),
        ),
    ]
}
