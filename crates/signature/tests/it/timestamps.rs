//! notation: countersignatures of time-stamping authorities, of openssl's making and put together by `fixtures/notation`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_signature::notation::{Accepted, Authorities, Format, Target, TrustPolicy, verify};

use crate::notation::NOW;
use crate::text;

/// Where a token stands in an envelope.
const HEADER: &str = "io.cncf.notary.timestampSignature";

struct Made(Value);

impl Made {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("../fixtures/timestamps.json")).unwrap())
    }

    fn envelope(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(text(&self.0["signatures"][name]["envelope"])).unwrap()
    }

    fn judge(&self, format: Format, envelope: &[u8], rules: &Value) -> Result<Accepted, String> {
        let mut verification = json!({"level": "strict"});
        for (name, value) in rules.as_object().into_iter().flatten() {
            verification[name] = value.clone();
        }
        let policy = json!({"version": "1.0", "trustPolicies": [{
            "name": "p", "registryScopes": ["*"], "signatureVerification": verification,
            "trustStores": ["ca:x", "tsa:x"], "trustedIdentities": ["*"],
        }]});
        let policy = TrustPolicy::from_json(policy.to_string().as_bytes()).unwrap();
        let policy = policy.for_repository("registry.example/org/app").unwrap();
        let mut authorities = Authorities::default();
        authorities.add_pem(text(&self.0["authorities"]).as_bytes()).unwrap();
        let target = Target { digest: text(&self.0["digest"]), size: self.0["size"].as_u64().unwrap() };
        let now: Timestamp = NOW.parse().unwrap();
        verify(format, envelope, target, policy, &authorities, now).map_err(|error| error.to_string())
    }

    fn verify(&self, name: &str, rules: &Value) -> Result<Accepted, String> {
        let format = Format::of_media_type(text(&self.0["signatures"][name]["type"])).unwrap();
        self.judge(format, &self.envelope(name), rules)
    }

    /// What is wrong with an envelope under a strict policy.
    fn error(&self, name: &str) -> String {
        self.verify(name, &json!({})).expect_err(name)
    }
}

#[test]
fn we_say_what_notation_says() {
    // Ours is stricter, as the standard asks for: one signature, and nothing that is critical and not understood.
    let stricter = BTreeSet::from(["critical extension", "two signatures"]);
    let made = Made::read();
    let signatures = made.0["signatures"].as_object().unwrap();
    assert!(signatures.len() > 60);
    let mut differ = BTreeSet::new();
    for (name, signature) in signatures {
        let (ours, said) = (made.verify(name, &json!({})), text(&signature["notation"]));
        if ours.is_ok() != said.is_empty() {
            println!("{name}: {ours:?}; notation: {said:?}");
            differ.insert(name.as_str());
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
        ("jws none", "the signature has no countersignature of a time-stamping authority: sign with one, or"),
        ("cose other signature", "the token of the time-stamping authority is of another signature"),
        ("cose garbage", "the token of the time-stamping authority cannot be read: "),
        ("late", "certificate 'CN=old signer,O=Example,ST=WA,C=US' is not valid at 2024-06-01T00:00:01Z"),
        ("inaccurate in the past", "is not valid at 2019-12-31T23:59:59.999Z"),
        (
            "stranger",
            "authority 'CN=clock,O=Example,ST=WA,C=US' was not certified by an authority that is trusted",
        ),
        ("no certificate", "comes without the certificate of its signer"),
        ("other serial", "it names two certificates as that of its signer"),
        ("not critical", "certificate 'CN=clock,O=Example,ST=WA,C=US' is not one for time stamps"),
        ("path too long", "certificate 'CN=narrow root,O=Example,ST=WA,C=US' is not one for this chain"),
        ("no message digest", "its signed attribute 1.2.840.113549.1.9.4 is missing"),
        ("other signature value", "the signature of the time-stamping authority's token is invalid"),
        ("two signatures", "it has 2 signatures and not one"),
        ("critical extension", "its critical extension 1.2.3.5 is not understood"),
        ("SHA-1", "the hash 1.3.14.3.2.26 is not supported"),
        ("local time", "\"20240101010203\" is not a time"),
        ("revocable", "was revoked cannot be checked: set the override 'revocation'"),
    ] {
        let found = made.error(name);
        assert!(found.contains(wanted), "{name}: {found}");
    }
}

#[test]
fn policies_say_when_a_time_stamp_is_needed() {
    let made = Made::read();
    let good = Ok(Accepted { is_authentic: true, warnings: Vec::new() });
    let late = json!({"verifyTimestamp": "afterCertExpiry"});
    assert_eq!(made.verify("cose none needed otherwise", &late), good);
    assert!(made.verify("cose none", &late).is_err());
    assert_eq!(made.verify("cose good", &late), good);
    // What is logged is told, and whether a certificate was revoked can be left out.
    let logged = json!({"override": {"authenticTimestamp": "log"}});
    let accepted = made.verify("jws none", &logged).unwrap();
    assert!(
        accepted.is_authentic && accepted.warnings[0].starts_with("authenticTimestamp: "),
        "{accepted:?}"
    );
    assert_eq!(made.verify("revocable", &json!({"override": {"revocation": "skip"}})), good);
}

/// An envelope with another token.
fn with_token(envelope: &[u8], token: &[u8]) -> Vec<u8> {
    let mut envelope: Value = serde_json::from_slice(envelope).unwrap();
    envelope["header"][HEADER] = STANDARD.encode(token).into();
    envelope.to_string().into_bytes()
}

fn token_of(envelope: &[u8]) -> Vec<u8> {
    let envelope: Value = serde_json::from_slice(envelope).unwrap();
    STANDARD.decode(text(&envelope["header"][HEADER])).unwrap()
}

#[test]
fn not_a_byte_of_a_token_may_change() {
    let made = Made::read();
    let envelope = made.envelope("no root in it");
    let token = token_of(&envelope);
    // All is signed but the list of the hashes that were used, which nobody needs.
    let hashes = hex::decode("310d300b0609608648016503040201").unwrap();
    let at = token.windows(hashes.len()).position(|window| window == hashes).unwrap();
    let unsigned = at..at + hashes.len();
    for at in (0..token.len()).filter(|at| !unsigned.contains(at)) {
        let mut other = token.clone();
        other[at] ^= 1 << (at % 8);
        let found = made.judge(Format::Jws, &with_token(&envelope, &other), &json!({}));
        assert!(found.is_err(), "byte {at} of {}", token.len());
    }
    for end in 0..token.len() {
        assert!(made.judge(Format::Jws, &with_token(&envelope, &token[..end]), &json!({})).is_err());
    }
    let longer = [&token[..], b"\0"].concat();
    assert!(made.judge(Format::Jws, &with_token(&envelope, &longer), &json!({})).is_err());
}

/// DER of a tag with this content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &length[..], content].concat()
}

#[test]
fn tokens_are_bounded() {
    let made = Made::read();
    let envelope = made.envelope("jws good");
    let judge =
        |token: &[u8]| made.judge(Format::Jws, &with_token(&envelope, token), &json!({})).unwrap_err();
    assert!(judge(&vec![0x30; (64 << 10) + 1]).contains("more than 65536 bytes"));
    // A set in the order that takes the longest to sort.
    let hashes: Vec<u8> = (0..4000_u16)
        .rev()
        .flat_map(|number| {
            let [high, low] = [0x80 | (number >> 7) as u8, (number & 0x7f) as u8];
            [0x30, 0x05, 0x06, 0x03, 0x2a, high, low]
        })
        .collect();
    let inner = der(0x30, &[&[0x02, 0x01, 0x03][..], &der(0x31, &hashes)].concat());
    let data = hex::decode("06092a864886f70d010702").unwrap();
    let token = der(0x30, &[data, der(0xa0, &inner)].concat());
    assert!(judge(&token).contains("a set of more than 64 elements"));
}
