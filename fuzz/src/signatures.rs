//! What signatures are judged by: the authorities, keys and artifacts of the test vectors.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_signature::cosign::{Trust, TrustedRoot};
use sluice_signature::notation::{Accepted, Authorities, Format, Target, TrustPolicy, verify};
use sluice_signature::{Error, PublicKey};

static STAMPED: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../crates/signature/tests/fixtures/timestamps.json"))
        .expect("vectors")
});

/// A text of the vectors.
pub struct Text(pub String);

fn text(value: &Value) -> Text {
    Text(value.as_str().unwrap_or_default().to_owned())
}

/// The artifact that is signed.
pub static DIGEST: LazyLock<Text> = LazyLock::new(|| text(&STAMPED["digest"]));
/// The authorities for signers and for time stamps, PEM.
pub static AUTHORITIES: LazyLock<Text> = LazyLock::new(|| text(&STAMPED["authorities"]));
/// Those for signers only, which come first.
pub static SIGNERS: LazyLock<Text> = LazyLock::new(|| {
    let end = "-----END CERTIFICATE-----\n";
    let first = AUTHORITIES.0.split_inclusive(end).next();
    Text(first.unwrap_or_default().to_owned())
});
/// An envelope with a good signature whose certificate is over.
pub static ENVELOPE: LazyLock<Value> = LazyLock::new(|| {
    let envelope = STAMPED["signatures"]["jws good"]["envelope"].as_str().unwrap_or_default();
    serde_json::from_slice(&STANDARD.decode(envelope).expect("base 64")).expect("JSON")
});

/// Judges an envelope by a policy of this level, with time stamps.
pub fn judge(
    format: Format,
    envelope: &[u8],
    digest: &str,
    authorities: &str,
    level: &str,
) -> Result<Accepted, Error> {
    let policy = json!({"version": "1.0", "trustPolicies": [{
        "name": "p", "registryScopes": ["*"],
        "signatureVerification": {"level": level, "override": {"revocation": "skip"}},
        "trustStores": ["ca:x", "signingAuthority:x", "tsa:x"], "trustedIdentities": ["*"],
    }]});
    let policy = TrustPolicy::from_json(policy.to_string().as_bytes())?;
    let mut trusted = Authorities::default();
    trusted.add_pem(authorities.as_bytes())?;
    let target = Target { digest, size: STAMPED["size"].as_u64().unwrap_or_default() };
    let now = jiff::Timestamp::from_second(1_767_225_600).expect("a time");
    verify(format, envelope, target, policy.for_repository("r/a")?, &trusted, now)
}

/// The keys of cosign's vectors.
pub static KEYS: LazyLock<Vec<Trust>> = LazyLock::new(|| {
    let vectors = include_str!("../../crates/signature/tests/fixtures/signed.json");
    let vectors: Value = serde_json::from_str(vectors).expect("vectors");
    let keys = ["p256", "rsa", "ed25519"].map(|kind| text(&vectors["keys"][kind]));
    keys.iter().filter_map(|pem| PublicKey::from_pem(pem.0.as_bytes()).ok()).map(Trust::Key).collect()
});
/// Anybody with a certificate of sigstore's public instance.
pub static PUBLIC: LazyLock<Trust> = LazyLock::new(|| Trust::Identities {
    root: Box::new(TrustedRoot::public().expect("the root is built in")),
    identities: Vec::new(),
});
