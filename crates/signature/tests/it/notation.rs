//! notation.

use jiff::Timestamp;
use sluice_signature::notation::{Authorities, Target, TrustPolicy, verify_jws};

use crate::{signed, text};

const NOW: &str = "2026-01-01T00:00:00Z";

fn policy(level: &str, identity: &str) -> TrustPolicy {
    let policy = serde_json::json!({"version": "1.0", "trustPolicies": [{
        "name": "p", "registryScopes": ["*"], "signatureVerification": {"level": level},
        "trustStores": ["ca:x"], "trustedIdentities": [identity],
    }]});
    TrustPolicy::from_json(policy.to_string().as_bytes()).unwrap()
}

/// What comes of the envelope `name` with the authority of `ca`: the warnings, or the error.
fn verify(name: &str, ca: &str, level: &str, identity: &str) -> Result<Vec<String>, String> {
    let all = signed();
    let mut authorities = Authorities::default();
    assert_eq!(authorities.add_pem(text(&all["notation"][ca]["ca"]).as_bytes()).unwrap(), 1);
    let policy = policy(level, identity);
    let target = Target { digest: text(&all["digest"]), size: 100 };
    let envelope = all["notation"][name]["envelope"].to_string();
    let policy = policy.for_repository("registry.example/org/app").unwrap();
    let now: Timestamp = NOW.parse().unwrap();
    verify_jws(envelope.as_bytes(), target, policy, &authorities, now).map_err(|error| error.to_string())
}

#[test]
fn a_good_signature_is_good() {
    assert_eq!(verify("good", "good", "strict", "*"), Ok(Vec::new()));
    assert_eq!(verify("good", "good", "strict", "x509.subject: C=US, ST=WA, O=Example"), Ok(Vec::new()));
}

#[test]
fn signers_must_be_trusted() {
    let error = verify("good", "old", "strict", "*").unwrap_err();
    assert!(error.contains("not produced by a trusted signer"), "{error}");
    let error = verify("good", "good", "strict", "x509.subject: C=US, ST=WA, O=Other").unwrap_err();
    assert!(error.contains("does not match the X.509 trusted identities"), "{error}");
    // Who wants to look only is told.
    let warnings = verify("good", "old", "audit", "*").unwrap();
    assert!(warnings[0].starts_with("authenticity: "), "{warnings:?}");
}

#[test]
fn signatures_and_certificates_expire() {
    let error = verify("expired", "good", "strict", "*").unwrap_err();
    assert!(error.contains("has expired on 2024-06-01"), "{error}");
    assert_eq!(verify("expired", "good", "permissive", "*").unwrap().len(), 1);
    let error = verify("old", "old", "strict", "*").unwrap_err();
    assert!(error.contains("not valid at the time"), "{error}");
}

#[test]
fn what_is_not_understood_is_refused() {
    let error = verify("strange", "good", "audit", "*").unwrap_err();
    assert!(error.contains("critical claim \"x.unknown\" is not understood"), "{error}");
}

#[test]
fn a_signature_is_of_one_artifact() {
    let all = signed();
    let envelope = all["notation"]["good"]["envelope"].to_string();
    let policy = policy("audit", "*");
    let policy = policy.for_repository("registry.example/org/app").unwrap();
    for target in
        [Target { digest: text(&all["other"]), size: 100 }, Target { digest: text(&all["digest"]), size: 99 }]
    {
        let verified =
            verify_jws(envelope.as_bytes(), target, policy, &Authorities::default(), NOW.parse().unwrap());
        assert!(verified.unwrap_err().to_string().contains("not of this artifact"));
    }
    let mut other = all["notation"]["good"]["envelope"].clone();
    other["signature"] = all["notation"]["old"]["envelope"]["signature"].clone();
    let target = Target { digest: text(&all["digest"]), size: 100 };
    let verified = verify_jws(
        other.to_string().as_bytes(),
        target,
        policy,
        &Authorities::default(),
        NOW.parse().unwrap(),
    );
    assert!(verified.unwrap_err().to_string().contains("signature is invalid"));
}
