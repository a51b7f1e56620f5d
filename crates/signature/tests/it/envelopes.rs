//! notation: envelopes in JSON and CBOR that notation's own library made, and some that it would not make.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use sluice_signature::notation::{Accepted, Authorities, Format, Target, verify};

use crate::notation::{NOW, policy_with};
use crate::text;

/// What `fixtures/notation` made.
struct Made(Value);

impl Made {
    fn read() -> Self {
        Self(serde_json::from_str(include_str!("../fixtures/notation.json")).unwrap())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0["signatures"].as_object().unwrap().keys().map(String::as_str)
    }

    fn format(&self, name: &str) -> Format {
        Format::of_media_type(text(&self.0["signatures"][name]["type"])).unwrap()
    }

    fn envelope(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(text(&self.0["signatures"][name]["envelope"])).unwrap()
    }

    /// What notation-go said.
    fn said(&self, name: &str) -> &str {
        text(&self.0["signatures"][name]["notation"])
    }

    fn verify_bytes(
        &self,
        format: Format,
        envelope: &[u8],
        trusted: &str,
        level: &str,
    ) -> Result<Accepted, String> {
        let mut authorities = Authorities::default();
        authorities.add_pem(text(&self.0[trusted]).as_bytes()).unwrap();
        let target = Target { digest: text(&self.0["digest"]), size: self.0["size"].as_u64().unwrap() };
        let policy = policy_with(level, "*", &["ca:x", "signingAuthority:x"]);
        let policy = policy.for_repository("registry.example/org/app").unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        verify(format, envelope, target, policy, &authorities, now).map_err(|error| error.to_string())
    }

    fn verify(&self, name: &str, trusted: &str, level: &str) -> Result<Accepted, String> {
        self.verify_bytes(self.format(name), &self.envelope(name), trusted, level)
    }

    fn error(&self, name: &str) -> String {
        match self.verify(name, "authority", "strict") {
            Err(error) => error,
            Ok(accepted) => panic!("{name}: {accepted:?}"),
        }
    }
}

#[test]
fn we_say_what_notation_says() {
    // Ours is stricter: it refuses what it does not understand, and a claim that belongs elsewhere.
    let stricter = ["cose unknown critical", "jws unknown critical", "raw time of another scheme"];
    // Ours is more lenient: the standard allows these chains.
    let lenient = ["raw protected chain", "raw signer alone"];
    let made = Made::read();
    let mut differ = BTreeSet::new();
    for name in made.names() {
        let ours = made.verify(name, "authority", "strict");
        if ours.is_ok() != made.said(name).is_empty() {
            println!("{name}: {ours:?}; notation: {:?}", made.said(name));
            differ.insert((name, ours.is_ok()));
        }
    }
    let stricter = stricter.map(|name| (name, false));
    let lenient = lenient.map(|name| (name, true));
    assert_eq!(differ, stricter.into_iter().chain(lenient).collect());
}

#[test]
fn each_algorithm_is_verified_in_each_format() {
    let made = Made::read();
    let good = Accepted { is_authentic: true, warnings: Vec::new() };
    for format in ["cose", "jws"] {
        for algorithm in ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"] {
            let name = format!("{format} {algorithm}");
            assert_eq!(made.verify(&name, "authority", "strict"), Ok(good.clone()), "{name}");
        }
        for name in ["intermediate", "expires", "authority", "extended"] {
            let name = format!("{format} {name}");
            assert_eq!(made.verify(&name, "authority", "strict"), Ok(good.clone()), "{name}");
        }
        // Whoever trusts an authority between trusts its signers.
        let name = format!("{format} intermediate");
        assert_eq!(made.verify(&name, "intermediate", "strict"), Ok(good.clone()), "{name}");
    }
    for name in ["raw good", "raw time with a fraction", "raw protected chain", "raw signer alone"] {
        assert_eq!(made.verify(name, "authority", "strict"), Ok(good.clone()), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let made = Made::read();
    let invalid = |what: &str| format!("signature envelope is invalid: {what}");
    for (name, error) in [
        ("stranger", "signature is not produced by a trusted signer: certificate 'CN=stranger,".to_owned()),
        ("expired", "digital signature has expired on 2024-06-01T00:00:00Z".to_owned()),
        ("old certificate", "certificate 'CN=old signer,".to_owned()),
        ("unknown critical", invalid("the critical claim \"x.unknown\" is not understood")),
        ("other artifact", "the signature is of sha256:".to_owned()),
    ] {
        for format in ["cose", "jws"] {
            let found = made.error(&format!("{format} {name}"));
            assert!(found.starts_with(&error), "{format} {name}: {found}");
        }
    }
    let unsupported = |number: i64| invalid(&format!("signature algorithm \"{number}\" is not supported"));
    for (name, error) in [
        ("server certificate", "certificate 'CN=server,".to_owned()),
        ("broken chain", "signature is not produced by a trusted signer: certificate 'CN=signer,".to_owned()),
        (
            "authority, late",
            "signature is not produced by a trusted signer: certificate 'CN=old signer,".to_owned(),
        ),
        ("no chain", invalid("it has no certificate")),
        (
            "other algorithm",
            "signature is invalid: its algorithm is ES384, and ES256 is that of the certificate's key"
                .to_owned(),
        ),
        ("EdDSA", unsupported(-8)),
        ("no critical", invalid("the list of critical headers is missing")),
        (
            "scheme not critical",
            invalid("the claim \"io.cncf.notary.signingScheme\" is not marked as critical"),
        ),
        ("expiry not critical", invalid("the claim \"io.cncf.notary.expiry\" is not marked as critical")),
        ("critical number", invalid("the critical claim \"33\" is not understood")),
        ("critical but missing", invalid("the critical claim \"io.cncf.notary.expiry\" is missing")),
        (
            "time of another scheme",
            invalid("the claim \"io.cncf.notary.authenticSigningTime\" is not one of"),
        ),
        ("no time", invalid("the claim \"io.cncf.notary.signingTime\" is missing")),
        ("time as text", invalid("the claim \"io.cncf.notary.signingTime\" is not a time in seconds")),
        ("time without tag", invalid("the claim \"io.cncf.notary.signingTime\" is not a time in seconds")),
        (
            "expires before it was signed",
            invalid("it expires on 2020-01-01T00:00:00Z, before it was signed on"),
        ),
        ("unknown scheme", invalid("signing scheme \"notary.x510\" is not supported")),
        ("other content type", invalid("payload content type \"text/plain\" not supported")),
        ("detached", invalid("its payload is not in it")),
    ] {
        let found = made.error(&format!("raw {name}"));
        assert!(found.starts_with(&error), "{name}: {found}");
    }
}

#[test]
fn what_a_policy_only_logs_is_told() {
    let made = Made::read();
    let accepted = made.verify("cose stranger", "authority", "audit").unwrap();
    assert!(!accepted.is_authentic);
    assert!(accepted.warnings[0].starts_with("authenticity: signature is not produced"), "{accepted:?}");
    let accepted = made.verify("cose expired", "authority", "permissive").unwrap();
    assert!(accepted.is_authentic);
    assert!(accepted.warnings[0].starts_with("expiry: "), "{accepted:?}");
    // Integrity is no matter of policy.
    assert!(made.verify("cose other artifact", "authority", "audit").is_err());
}

/// An envelope with one byte of a part changed. `part` is found by what it holds.
fn altered(envelope: &[u8], part: &[u8]) -> Vec<u8> {
    let at = envelope.windows(part.len()).position(|window| window == part).unwrap();
    let mut altered = envelope.to_vec();
    altered[at + part.len() - 1] ^= 1;
    altered
}

#[test]
fn not_a_byte_may_change() {
    let made = Made::read();
    for name in ["cose ES256", "cose PS256"] {
        let good = made.envelope(name);
        let check = |envelope: &[u8]| made.verify_bytes(Format::Cose, envelope, "authority", "audit");
        let broken = "signature is invalid: it does not fit the certificate";
        // In the payload; in the protected header, where it still is one; in the signature.
        let last = good.len() - 1;
        let mut signature = good.clone();
        signature[last] ^= 1;
        let time = [&b"signingTime\xc1\x1a"[..], &1_704_067_200_u32.to_be_bytes()].concat();
        for envelope in [altered(&good, b"targetArtifact\":{\"d"), altered(&good, &time), signature] {
            assert_eq!(check(&envelope).unwrap_err(), broken, "{name}");
        }
        // Anywhere, whatever is said. What is not signed may say anything: there is the agent, with its name.
        let agent = b"io.cncf.notary.signingAgentdtest";
        let unsigned = good.windows(agent.len()).position(|window| window == agent).unwrap();
        let unsigned = unsigned..unsigned + agent.len();
        for at in (0..good.len()).filter(|at| !unsigned.contains(at)) {
            let mut envelope = good.clone();
            envelope[at] ^= 0x20;
            let found = made.verify_bytes(Format::Cose, &envelope, "authority", "strict");
            assert!(found.is_err(), "{name}: byte {at}");
        }
        assert!(check(&[&good[..], b"\0"].concat()).unwrap_err().contains("something behind the CBOR"));
        assert!(check(&good[..last]).unwrap_err().contains("ends too early"));
    }
}

#[test]
fn formats_are_not_mixed_up() {
    let made = Made::read();
    let error = made.verify_bytes(Format::Jws, &made.envelope("cose ES256"), "authority", "audit");
    assert!(error.unwrap_err().starts_with("signature envelope is invalid: "));
    let error = made.verify_bytes(Format::Cose, &made.envelope("jws ES256"), "authority", "audit");
    assert!(error.unwrap_err().starts_with("signature envelope is invalid: "));
    let large = vec![0; (4 << 20) + 1];
    let error = made.verify_bytes(Format::Cose, &large, "authority", "audit").unwrap_err();
    assert_eq!(error, "signature envelope is invalid: it has more than 4194304 bytes");
    assert_eq!(Format::of_media_type("application/octet-stream"), None);
}
