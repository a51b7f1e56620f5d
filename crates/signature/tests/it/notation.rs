//! notation: what trust policies say, with envelopes of openssl's making.

use jiff::Timestamp;
use serde_json::json;
use sluice_signature::notation::{Authorities, Format, Target, TrustPolicy, verify};

use crate::{signed, text};

pub(crate) const NOW: &str = "2026-01-01T00:00:00Z";

pub(crate) fn policy(level: &str, identity: &str) -> TrustPolicy {
    policy_with(level, identity, &["ca:x"])
}

pub(crate) fn policy_with(level: &str, identity: &str, stores: &[&str]) -> TrustPolicy {
    let policy = json!({"version": "1.0", "trustPolicies": [{
        "name": "p", "registryScopes": ["*"], "signatureVerification": {"level": level},
        "trustStores": stores, "trustedIdentities": [identity],
    }]});
    TrustPolicy::from_json(policy.to_string().as_bytes()).unwrap()
}

/// What comes of the envelope `name` with the authority of `ca`: the warnings, or the error.
fn verified(name: &str, ca: &str, policy: &TrustPolicy) -> Result<Vec<String>, String> {
    let all = signed();
    let mut authorities = Authorities::default();
    assert_eq!(authorities.add_pem(text(&all["notation"][ca]["ca"]).as_bytes()).unwrap(), 1);
    let target = Target { digest: text(&all["digest"]), size: 100 };
    let envelope = all["notation"][name]["envelope"].to_string();
    let policy = policy.for_repository("registry.example/org/app").unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    let accepted = verify(Format::Jws, envelope.as_bytes(), target, policy, &authorities, now);
    let accepted = accepted.map_err(|error| error.to_string())?;
    let doubts = accepted.warnings.iter().any(|warning| warning.starts_with("authenticity: "));
    assert_eq!(accepted.is_authentic, !doubts);
    Ok(accepted.warnings)
}

fn verify_by(name: &str, ca: &str, level: &str, identity: &str) -> Result<Vec<String>, String> {
    verified(name, ca, &policy(level, identity))
}

#[test]
fn a_good_signature_is_good() {
    assert_eq!(verify_by("good", "good", "strict", "*"), Ok(Vec::new()));
    assert_eq!(verify_by("good", "good", "strict", "x509.subject: C=US, ST=WA, O=Example"), Ok(Vec::new()));
}

#[test]
fn signers_must_be_trusted() {
    let error = verify_by("good", "old", "strict", "*").unwrap_err();
    assert!(error.contains("not produced by a trusted signer"), "{error}");
    let error = verify_by("good", "good", "strict", "x509.subject: C=US, ST=WA, O=Other").unwrap_err();
    assert!(error.contains("does not match the X.509 trusted identities"), "{error}");
    // Who wants to look only is told.
    let warnings = verify_by("good", "old", "audit", "*").unwrap();
    assert!(warnings[0].starts_with("authenticity: "), "{warnings:?}");
}

#[test]
fn signatures_and_certificates_expire() {
    let error = verify_by("expired", "good", "strict", "*").unwrap_err();
    assert!(error.contains("has expired on 2024-06-01"), "{error}");
    assert_eq!(verify_by("expired", "good", "permissive", "*").unwrap().len(), 1);
    let error = verify_by("old", "old", "strict", "*").unwrap_err();
    assert!(error.contains("not valid at 2026-01-01"), "{error}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let error = verify_by("strange", "good", "audit", "*").unwrap_err();
    assert!(error.contains("critical claim \"x.unknown\" is not understood"), "{error}");
}

#[test]
fn trust_stores_are_of_a_kind() {
    let error = verified("good", "good", &policy_with("strict", "*", &["signingAuthority:x"])).unwrap_err();
    assert!(error.contains("names no trust store 'ca:…'"), "{error}");
    // What a policy wants and is not there is not passed over.
    let policy = policy_with("strict", "*", &["ca:x", "tsa:y"]);
    let error = verified("good", "good", &policy).unwrap_err();
    assert!(error.contains("'tsa:…'") && error.contains("no countersignature"), "{error}");
    let policy = policy_with("permissive", "*", &["ca:x", "tsa:y"]);
    let warnings = verified("good", "good", &policy).unwrap();
    assert!(warnings[0].starts_with("authenticTimestamp: "), "{warnings:?}");
}

#[test]
fn a_signature_is_of_one_artifact() {
    let all = signed();
    let policy = policy("audit", "*");
    let policy = policy.for_repository("registry.example/org/app").unwrap();
    let error = |envelope: &str, target: Target<'_>| {
        let nobody = Authorities::default();
        let verified =
            verify(Format::Jws, envelope.as_bytes(), target, policy, &nobody, NOW.parse().unwrap());
        verified.unwrap_err().to_string()
    };
    let envelope = all["notation"]["good"]["envelope"].to_string();
    for target in
        [Target { digest: text(&all["other"]), size: 100 }, Target { digest: text(&all["digest"]), size: 99 }]
    {
        assert!(error(&envelope, target).contains("not of this artifact"));
    }
    let mut other = all["notation"]["good"]["envelope"].clone();
    other["signature"] = all["notation"]["old"]["envelope"]["signature"].clone();
    let target = Target { digest: text(&all["digest"]), size: 100 };
    assert!(error(&other.to_string(), target).contains("signature is invalid"));
}
