//! cosign: bundles of every kind, good and bad, and what sigstore-go says of them when it is asked as cosign and Flux ask.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_signature::PublicKey;
use sluice_signature::cosign::{Identity, Trust, TrustedRoot, verify_bundle};

use crate::text;

/// What was made: bundles and trusted roots, most of them as what differs from another one.
struct Made(Value);

impl Made {
    fn read() -> Self {
        let mut made: Value = serde_json::from_str(include_str!("../fixtures/bundles.json")).unwrap();
        let texts: Vec<Value> = made["texts"].take().as_array().unwrap().clone();
        put_in(&mut made, &texts);
        Self(made)
    }

    fn all(&self) -> &[Value] {
        self.0["bundles"].as_array().unwrap()
    }

    fn case(&self, name: &str) -> &Value {
        self.all().iter().find(|case| case["name"] == name).expect(name)
    }

    fn bundle(&self, case: &Value) -> Value {
        match case["from"].as_str() {
            None => case["bundle"].clone(),
            Some(from) => changed(&self.bundle(self.case(from)), &case["change"]),
        }
    }

    fn root(&self, case: &Value) -> TrustedRoot {
        let root = &self.0["roots"]["root"];
        let json = match case["root"].as_str() {
            None => root.clone(),
            Some(name) => changed(root, &self.0["roots"][name]),
        };
        TrustedRoot::from_json(json.to_string().as_bytes()).unwrap()
    }

    fn trust(&self, case: &Value) -> Trust {
        if let Some(key) = case["key"].as_str() {
            return Trust::Key(PublicKey::from_pem(text(&self.0["keys"][key]).as_bytes()).unwrap());
        }
        let [issuer, subject] =
            ["issuer", "subject"].map(|field| text(case.get(field).unwrap_or(&self.0[field])));
        let is_named = !issuer.is_empty() || !subject.is_empty();
        let identities = is_named.then(|| Identity::new(issuer, subject).unwrap()).into_iter().collect();
        Trust::Identities { root: Box::new(self.root(case)), identities }
    }

    fn judge(&self, case: &Value, bundle: &Value) -> Result<(), String> {
        let digest = text(case.get("digest").unwrap_or(&self.0["digest"]));
        let verified = verify_bundle(bundle.to_string().as_bytes(), digest, &self.trust(case));
        verified.map_err(|error| error.to_string())
    }

    /// What is wrong with a bundle.
    fn error(&self, name: &str) -> String {
        let case = self.case(name);
        self.judge(case, &self.bundle(case)).expect_err(name)
    }
}

/// Puts long texts where their numbers are.
fn put_in(value: &mut Value, texts: &[Value]) {
    match value {
        Value::String(text) => {
            if let Some(number) = text.strip_prefix('$') {
                *value = texts[number.parse::<usize>().unwrap()].clone();
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| put_in(one, texts)),
        Value::Object(all) => all.values_mut().for_each(|one| put_in(one, texts)),
        _ => {}
    }
}

/// A value with other parts at these pointers; what is null is not there.
fn changed(value: &Value, changes: &Value) -> Value {
    let mut value = value.clone();
    for (pointer, change) in changes.as_object().into_iter().flatten() {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match value.pointer_mut(parent).unwrap() {
            Value::Object(parent) if change.is_null() => drop(parent.remove(key)),
            Value::Object(parent) => drop(parent.insert(key.to_owned(), change.clone())),
            Value::Array(parent) => parent[key.parse::<usize>().unwrap()] = change.clone(),
            other => panic!("{pointer}: {other}"),
        }
    }
    value
}

#[test]
fn we_say_what_sigstore_says() {
    // Ours wants certificates to say what they are for.
    let stricter = BTreeSet::from(["certificate: no purpose", "clock: no usage of the key"]);
    let made = Made::read();
    assert!(made.all().len() > 240);
    let good = made.all().iter().filter(|case| case["verdict"] == "");
    assert!(good.count() > 80);
    let mut differ = BTreeSet::new();
    for case in made.all() {
        let (ours, said) = (made.judge(case, &made.bundle(case)), text(&case["verdict"]));
        if ours.is_ok() != said.is_empty() {
            println!("{}: {ours:?}; sigstore: {said:?}", case["name"]);
            differ.insert(text(&case["name"]));
        }
    }
    assert_eq!(differ, stricter);
    for name in stricter {
        made.error(name);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let made = Made::read();
    for (name, wanted) in [
        (
            "first: no promise",
            "the log does not promise that the signature was made at the time that it tells",
        ),
        ("first: no proof", "version 0.3 needs a proof that the signature is in the log"),
        ("first: other promise", "the log's promise to publish the signature is bad"),
        ("first: promised after the certificate", "is not valid at 2024-06-01T12:11:00Z"),
        ("first: wrong hash in the proof", "the proof that the signature is in the log is wrong"),
        ("first: checkpoint by another key", "the log's checkpoint was not signed by the log"),
        ("first: unknown log", "the signature is in a log that is not trusted"),
        ("first: of another signature", "the entry of the log is about another signature"),
        (
            "first: hashedrekord",
            "entries of the log of kind 'hashedrekord', version '0.0.1', are not known here",
        ),
        ("first: twice", "the bundle has an entry of a log twice"),
        ("no entry", "the bundle has no entry of a log that knows the signature"),
        ("second: no stamp", "the signature has no time stamp, which it needs"),
        ("second: a promise too", "a log of the second version promises nothing"),
        ("second: of another signature", "the proof that the signature is in the log is wrong"),
        ("second: kind dsse", "entries of the log of kind 'dsse', version '0.0.2', are not known here"),
        ("stamp: of another signature", "the token of the time-stamping authority is of another signature"),
        ("stamp: refused", "the authority refused to give one, with status 2"),
        ("clock: trusted later", "the time-stamping authority 'https://clock.example' is not trusted at"),
        ("clock: none", "the trusted root has no time-stamping authority"),
        ("root: second log without an address", "does not tell the log's address ('baseUrl')"),
        ("root: no authorities", "the trusted root has no certificate authority of that time"),
        ("certificate: by a stranger", "was not issued by an authority of the trusted root"),
        (
            "certificate: unknown critical extension",
            "has the critical extension 1.2.3.4, which is not understood",
        ),
        ("certificate: no proof of a log", "the certificate has no proof that a trusted log knows it"),
        ("identity: '' and ''", "name them in spec.verify.matchOIDCIdentity"),
        ("content: another image", "the signed statement is about another image"),
        ("content: another type", "a 'application/json' was signed, not a statement about an image"),
        ("bundle: two signatures", "a bundle must have exactly one signature"),
        ("bundle: message", "the bundle has no signed statement about an image"),
        ("bundle: no certificate", "the bundle has no certificate: it was made with a key"),
        ("bundle: type .v0.4+json", "its type 'application/vnd.dev.sigstore.bundle.v0.4+json' is not known"),
        ("with a key: that of a certificate", "the bundle was signed by an identity and not by a key"),
    ] {
        let found = made.error(name);
        assert!(found.contains(wanted), "{name}: {found}");
    }
}

/// Where the texts of a value are.
fn texts(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(index, one)| texts(one, &format!("{at}/{index}"), found));
        }
        Value::Object(all) => all.iter().for_each(|(key, one)| texts(one, &format!("{at}/{key}"), found)),
        _ => {}
    }
}

#[test]
fn nothing_that_counts_may_change() {
    let made = Made::read();
    // What is only told, and what is worked out anew.
    let told = ["kindVersion/kind", "kindVersion/version"];
    let told_by_second = [
        "inclusionProof/logIndex",
        "inclusionProof/rootHash",
        "inclusionProof/treeSize",
        "canonicalizedBody",
    ];
    for (name, told_too) in [("first: promise and proof", &[][..]), ("second: stamp", &told_by_second[..])] {
        let case = made.case(name);
        let bundle = made.bundle(case);
        assert_eq!(made.judge(case, &bundle), Ok(()));
        let mut found = Vec::new();
        texts(&bundle, "", &mut found);
        assert!(found.len() > 10);
        for pointer in found {
            if told.iter().chain(told_too).any(|end| pointer.ends_with(end)) {
                continue;
            }
            // A letter in the middle, and the last that is no padding.
            let old = text(bundle.pointer(&pointer).unwrap());
            for at in [old.len() / 2, old.trim_end_matches(['=', '\n']).len() - 1] {
                let Some(letter) = old.get(at..=at) else { continue };
                let other = if letter == "A" { "B" } else { "A" };
                let text = [&old[..at], other, &old[at + 1..]].concat();
                let mut bundle = bundle.clone();
                *bundle.pointer_mut(&pointer).unwrap() = text.into();
                assert!(made.judge(case, &bundle).is_err(), "{name}: {pointer} at {at} of {old}");
            }
        }
    }
}
