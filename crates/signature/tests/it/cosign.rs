//! cosign.

use serde_json::{Value, json};
use sluice_signature::PublicKey;
use sluice_signature::cosign::{Annotations, Identity, Trust, TrustedRoot, verify_bundle, verify_simple};

use crate::{signed, text};

const KINDS: [&str; 4] = ["p256", "p384", "rsa", "ed25519"];

fn key(all: &Value, kind: &str) -> Trust {
    Trust::Key(PublicKey::from_pem(text(&all["keys"][kind]).as_bytes()).unwrap())
}

fn with_key(all: &Value, of: &str, by: &str, digest: &str) -> Result<(), String> {
    let simple = &all["simple"][of];
    let annotations = Annotations { signature: text(&simple["signature"]), ..Annotations::default() };
    verify_simple(text(&simple["document"]).as_bytes(), annotations, digest, &key(all, by))
        .map_err(|error| error.to_string())
}

#[test]
fn keys_of_all_kinds_verify_their_own_signatures_only() {
    let all = signed();
    let digest = text(&all["digest"]);
    for of in KINDS {
        for by in KINDS {
            assert_eq!(with_key(&all, of, by, digest).is_ok(), of == by, "{of} by {by}");
        }
    }
}

#[test]
fn a_signature_of_another_image_does_not_count() {
    let all = signed();
    let error = with_key(&all, "p256", "p256", text(&all["other"])).unwrap_err();
    assert!(error.contains("invalid or missing digest in claim"), "{error}");
}

#[test]
fn an_empty_signature_does_not_count() {
    let all = signed();
    let document = text(&all["simple"]["p256"]["document"]);
    let verified =
        verify_simple(document.as_bytes(), Annotations::default(), text(&all["digest"]), &key(&all, "p256"));
    assert_eq!(verified.unwrap_err().to_string(), "the signature is empty");
}

#[test]
fn weak_keys_and_what_is_none_are_refused() {
    let all = signed();
    let error = PublicKey::from_pem(text(&all["keys"]["weak"]).as_bytes()).unwrap_err().to_string();
    assert!(error.contains("less than 2048 bits"), "{error}");
    for bad in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert!(PublicKey::from_pem(bad.as_bytes()).is_err());
    }
}

#[test]
fn bundles_by_keys_are_verified() {
    let all = signed();
    let bundle = |kind: &str| all["bundles"][kind].to_string().into_bytes();
    let (digest, other) = (text(&all["digest"]), text(&all["other"]));
    for kind in KINDS {
        verify_bundle(&bundle(kind), digest, &key(&all, kind)).unwrap();
        assert!(verify_bundle(&bundle(kind), other, &key(&all, kind)).is_err());
    }
    assert!(verify_bundle(&bundle("p256"), digest, &key(&all, "rsa")).is_err());
    // As with cosign, whoever attests something about an image signs it.
    verify_bundle(&bundle("attestation"), digest, &key(&all, "p256")).unwrap();
}

/// A signature that cosign made in a workflow of GitHub and pushed to Docker Hub, and what is said about it.
struct Keyless(Value);

impl Keyless {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("../fixtures/keyless.json")).unwrap())
    }

    fn verify(&self, trust: &Trust) -> Result<(), String> {
        let annotations = Annotations {
            signature: text(&self.0["signature"]),
            certificate: self.0["certificate"].as_str(),
            bundle: self.0["bundle"].as_str(),
        };
        verify_simple(text(&self.0["document"]).as_bytes(), annotations, text(&self.0["digest"]), trust)
            .map_err(|error| error.to_string())
    }
}

fn by(root: TrustedRoot, issuer: &str, subject: &str) -> Trust {
    let identities = vec![Identity::new(issuer, subject).unwrap()];
    Trust::Identities { root: Box::new(root), identities }
}

const ISSUER: &str = "^https://token.actions.githubusercontent.com$";
const SUBJECT: &str = "^https://github.com/salrashid123/go-bazel-github-workflow/";

#[test]
fn a_real_keyless_signature_is_verified() {
    let trust = by(TrustedRoot::public().unwrap(), ISSUER, SUBJECT);
    assert_eq!(Keyless::read().verify(&trust), Ok(()));
    let anybody =
        Trust::Identities { root: Box::new(TrustedRoot::public().unwrap()), identities: Vec::new() };
    assert_eq!(Keyless::read().verify(&anybody), Ok(()));
}

#[test]
fn other_identities_do_not_count() {
    let root = || TrustedRoot::public().unwrap();
    for trust in [
        by(root(), ISSUER, "^https://github.com/other/"),
        by(root(), "^https://accounts.google.com$", SUBJECT),
    ] {
        let error = Keyless::read().verify(&trust).unwrap_err();
        assert!(error.starts_with("none of the expected identities matched"), "{error}");
    }
}

#[test]
fn whatever_is_changed_is_noticed() {
    let trust = by(TrustedRoot::public().unwrap(), ISSUER, SUBJECT);
    let changed = |field: &str, from: &str, to: &str| {
        let mut keyless = Keyless::read();
        let old = text(&keyless.0[field]).to_owned();
        assert!(old.contains(from), "{field}");
        keyless.0[field] = json!(old.replacen(from, to, 1));
        keyless.verify(&trust).unwrap_err()
    };
    assert!(changed("document", "salrashid123", "somebody").contains("signature"));
    assert!(
        changed("bundle", "\"integratedTime\":1772216446", "\"integratedTime\":1772216447")
            .contains("promise")
    );
    assert!(changed("bundle", "\"logIndex\":1004096555", "\"logIndex\":1004096556").contains("promise"));
    assert!(changed("digest", "c052", "aaaa").contains("digest in claim"));
    let mut keyless = Keyless::read();
    keyless.0["bundle"] = Value::Null;
    assert!(keyless.verify(&trust).unwrap_err().contains("no entry in a log"));
    keyless.0["certificate"] = Value::Null;
    assert!(keyless.verify(&trust).unwrap_err().contains("no certificate"));
}

#[test]
fn authorities_and_logs_must_be_trusted() {
    let root: Value = serde_json::from_str(include_str!("../../data/sigstore_trusted_root.json")).unwrap();
    for (field, error) in [
        ("tlogs", "log that is not trusted"),
        ("certificateAuthorities", "no certificate authority"),
        ("ctlogs", "no proof that a trusted log knows it"),
    ] {
        let mut root = root.clone();
        root[field] = json!([]);
        let root = TrustedRoot::from_json(root.to_string().as_bytes()).unwrap();
        let found = Keyless::read().verify(&by(root, ISSUER, SUBJECT)).unwrap_err();
        assert!(found.contains(error), "{field}: {found}");
    }
}

#[test]
fn a_signature_by_a_key_is_no_keyless_one() {
    let all = signed();
    let simple = &all["simple"]["p256"];
    let annotations = Annotations { signature: text(&simple["signature"]), ..Annotations::default() };
    let trust = by(TrustedRoot::public().unwrap(), ISSUER, SUBJECT);
    let document = text(&simple["document"]).as_bytes();
    assert!(verify_simple(document, annotations, text(&all["digest"]), &trust).is_err());
    let bundle = all["bundles"]["p256"].to_string();
    assert!(verify_bundle(bundle.as_bytes(), text(&all["digest"]), &trust).is_err());
}
