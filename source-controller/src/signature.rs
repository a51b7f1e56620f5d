//! Signatures of artifacts in registries: whose count, where they are, whether one is good.

use std::fmt::Display;

use jiff::Timestamp;
use kube::Client as Cluster;
use sluice_apis::source::v1::{OidcIdentityMatch, VerificationProvider};
use sluice_auth::secrets;
use sluice_oci::{Client, Descriptor, ImageManifest, Manifest, Version};
use sluice_signature::PublicKey;
use sluice_signature::cosign::{
    Annotations, BUNDLE_TYPE, Identity, SIMPLE_TYPE, Trust, TrustedRoot, verify_bundle, verify_simple,
};
use sluice_signature::notation::{self, ARTIFACT_TYPE, Accepted, Authorities, Format, Target, TrustPolicy};

/// Largest signature in bytes.
const MAX_SIGNATURE: u64 = 4 << 20;
/// How many signatures of one artifact are looked at.
const MAX_SIGNATURES: usize = 64;
/// How many signatures a message tells of.
const MAX_TOLD: usize = 3;

/// The type of configurations that say nothing.
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";

/// The key of the Secret with a trusted root.
const TRUSTED_ROOT: &str = "trusted_root.json";
/// The key of the Secret with a trust policy.
const TRUST_POLICY: &str = "trustpolicy.json";

/// What a spec says about signatures.
pub(crate) struct Wanted<'a> {
    pub(crate) provider: &'a VerificationProvider,
    /// The Secret with keys, or with policy and certificates.
    pub(crate) secret: Option<&'a str>,
    pub(crate) identities: &'a [OidcIdentityMatch],
    /// The Secret with a trusted root.
    pub(crate) trusted_root: Option<&'a str>,
}

impl Wanted<'_> {
    /// Whether signers are known by what vouches for them, not by keys.
    pub(crate) fn is_keyless(&self) -> bool {
        *self.provider == VerificationProvider::Cosign && self.secret.is_none()
    }

    /// The provider as messages name it.
    pub(crate) fn provider_name(&self) -> String {
        if self.is_keyless() { "cosign keyless".to_owned() } else { self.provider.to_string() }
    }
}

/// Whose signatures count.
pub(crate) enum Verifier {
    /// cosign's, by one of these.
    Cosign(Vec<Trust>),
    /// notation's.
    Notation(TrustPolicy, Authorities),
}

/// What came of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is a good signature.
    Good,
    /// Nothing was found that counts, and the policy does not want it to: it skips the checks, or only logs who signed.
    Skipped,
}

/// Why there is no good signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// It could not be found out.
    Unknown(String),
    /// There is none that counts, for these reasons.
    NoMatch(Vec<String>),
}

impl From<String> for Unverified {
    fn from(error: String) -> Self {
        Self::Unknown(error)
    }
}

impl Unverified {
    /// In the words of Flux, and what there is to say beyond them. `reference` is the artifact.
    pub(crate) fn told(&self, reference: &str) -> (String, Option<String>) {
        match self {
            Self::Unknown(error) => (error.clone(), None),
            Self::NoMatch(reasons) => {
                (format!("no matching signatures were found for '{reference}'"), Some(why(reasons)))
            }
        }
    }

    /// The same where Flux passes on the words of cosign.
    pub(crate) fn told_by_cosign(&self) -> (String, Option<String>) {
        match self {
            Self::Unknown(error) => (error.clone(), None),
            Self::NoMatch(reasons) if reasons.is_empty() => ("no signatures found".to_owned(), None),
            Self::NoMatch(reasons) => ("no matching signatures".to_owned(), Some(why(reasons))),
        }
    }
}

/// Reads keys, roots and policies. `reference` is the artifact, for messages.
pub(crate) async fn verifier(
    cluster: &Cluster,
    namespace: &str,
    wanted: &Wanted<'_>,
    reference: &str,
) -> Result<Verifier, String> {
    // Flux reads a root that it does not need as well.
    let root = match (wanted.provider, wanted.trusted_root) {
        (VerificationProvider::Cosign, Some(name)) => Some(trusted_root(cluster, namespace, name).await?),
        _ => None,
    };
    let data = match wanted.secret {
        Some(name) => Some(secrets::read(cluster, namespace, name).await.map_err(|error| error.cause())?),
        None => None,
    };
    match (wanted.provider, data) {
        (VerificationProvider::Cosign, Some(data)) => {
            let (mut keys, mut unreadable) = (Vec::new(), None);
            for (name, pem) in data.iter().filter(|(name, _)| has_extension(name, "pub")) {
                match PublicKey::from_pem(pem) {
                    Ok(key) => keys.push(Trust::Key(key)),
                    Err(error) => {
                        tracing::warn!(key = name, %error, "a public key in the Secret of spec.verify is passed over");
                        unreadable.get_or_insert_with(|| not_a_key(pem, &error));
                    }
                }
            }
            // One that can't be read does not hide the others.
            match unreadable {
                Some(error) if keys.is_empty() => Err(error),
                _ => Ok(Verifier::Cosign(keys)),
            }
        }
        (VerificationProvider::Cosign, None) => {
            let root = match root {
                Some(json) => TrustedRoot::from_json(&json)
                    .map_err(|error| format!("unable to parse trusted root: {error}"))?,
                None => TrustedRoot::public().map_err(text)?,
            };
            let root = Box::new(root);
            let identities = wanted.identities.iter();
            let identities = identities.map(|wanted| Identity::new(&wanted.issuer, &wanted.subject));
            let identities = identities.collect::<Result<_, _>>().map_err(text)?;
            Ok(Verifier::Cosign(vec![Trust::Identities { root, identities }]))
        }
        (VerificationProvider::Notation, Some(data)) => {
            let name = wanted.secret.unwrap_or_default();
            let policy = data
                .get(TRUST_POLICY)
                .ok_or_else(|| format!("'{TRUST_POLICY}' not found in secret '{namespace}/{name}'"))?;
            let policy = TrustPolicy::read(policy).map_err(text)?;
            let is_certificate = |key: &str| has_extension(key, "crt") || has_extension(key, "pem");
            if !data.keys().any(|key| is_certificate(key)) {
                return Err(format!("no certificates found in secret '{namespace}/{name}'"));
            }
            // Those without any content trust nobody, which shows at the first signature.
            let mut authorities = Authorities::default();
            for (key, pem) in data.iter().filter(|(key, _)| is_certificate(key)) {
                authorities.add_pem(pem).map_err(|error| format!("'{key}': {error}"))?;
            }
            policy.validate().map_err(text)?;
            Ok(Verifier::Notation(policy, authorities))
        }
        (VerificationProvider::Notation, None) => {
            Err(format!("verification secret cannot be empty: '{reference}'"))
        }
        (VerificationProvider::Other(word), _) => Err(format!("unsupported verification provider: {word}")),
    }
}

/// What the Secret with a trusted root holds.
async fn trusted_root(cluster: &Cluster, namespace: &str, name: &str) -> Result<Vec<u8>, String> {
    let secret = format!("{namespace}/{name}");
    let unread = |why: String| format!("failed to read trusted root from secret '{secret}': {why}");
    let mut data =
        secrets::read(cluster, namespace, name).await.map_err(|error| unread(error.cause().clone()))?;
    data.remove(TRUSTED_ROOT)
        .ok_or_else(|| unread(format!("'{TRUSTED_ROOT}' not found in secret '{secret}'")))
}

/// Why a text is no public key, in Go's words where it is not even PEM.
fn not_a_key(pem: &[u8], error: &sluice_signature::Error) -> String {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let is_pem = pem.windows(BEGIN.len()).any(|window| window == BEGIN);
    if is_pem { error.to_string() } else { "PEM decoding failed".to_owned() }
}

/// Whether a key of a Secret is called like a file of that kind.
fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

fn text(error: impl Display) -> String {
    error.to_string()
}

impl Verifier {
    /// Looks for a good signature of a manifest.
    pub(crate) async fn verify(
        &self,
        client: &Client,
        digest: &str,
        reference: &str,
    ) -> Result<Verdict, Unverified> {
        let reasons = match self {
            Self::Cosign(trusted) => match cosign(client, digest, trusted).await? {
                Ok(()) => return Ok(Verdict::Good),
                Err(reasons) => reasons,
            },
            Self::Notation(policy, authorities) => {
                let repository = client.repository().to_string();
                let policy = policy.for_repository(&repository).map_err(text)?;
                if policy.skips() {
                    return Ok(Verdict::Skipped);
                }
                let size = client.manifest_size(digest).await.map_err(text)?;
                let target = Target { digest, size };
                let found = client.referrers(digest, Some(ARTIFACT_TYPE)).await.map_err(text)?;
                if found.is_empty() {
                    return Err(Unverified::Unknown(format!(
                        "no signature is associated with \"{repository}@{digest}\", make sure the artifact was signed successfully"
                    )));
                }
                let (mut reasons, mut lets_pass) = (Vec::new(), false);
                for signature in found.iter().take(MAX_SIGNATURES) {
                    let digest = &signature.digest;
                    let judge = |(format, envelope): (Format, Vec<u8>)| {
                        let now = Timestamp::now();
                        notation::verify(format, &envelope, target, policy, authorities, now).map_err(text)
                    };
                    match envelope(client, signature).await.and_then(judge) {
                        Ok(Accepted { is_authentic, warnings }) => {
                            for warning in warnings {
                                tracing::warn!(%warning, signature = digest, reference, "a check of a signature failed that is not enforced");
                            }
                            if is_authentic {
                                return Ok(Verdict::Good);
                            }
                            lets_pass = true;
                        }
                        Err(error) => reasons.push(format!("signature {digest}: {error}")),
                    }
                }
                if lets_pass {
                    return Ok(Verdict::Skipped);
                }
                // Registries list them in any order, and the same should be said each time.
                reasons.sort_unstable();
                reasons
            }
        };
        Err(Unverified::NoMatch(reasons))
    }
}

/// Why no signature counts, in one line.
fn why(reasons: &[String]) -> String {
    let mut told: Vec<&str> = reasons.iter().take(MAX_TOLD).map(String::as_str).collect();
    let more = reasons.len() - told.len();
    let more = format!("and {more} more");
    match reasons.len() {
        0 => told.push("there is no signature"),
        count if count > MAX_TOLD => told.push(&more),
        _ => {}
    }
    told.join("; ")
}

/// Looks for a bundle, else for a signature of the older form. Why those that were found don't count.
async fn cosign(client: &Client, digest: &str, trusted: &[Trust]) -> Result<Result<(), Vec<String>>, String> {
    let mut reasons = Vec::new();
    if trusted.is_empty() {
        return Ok(Err(vec!["the Secret has no public key ('*.pub')".to_owned()]));
    }
    let mut judge = |check: &dyn Fn(&Trust) -> Result<(), sluice_signature::Error>| {
        trusted.iter().any(|trust| match check(trust) {
            Ok(()) => true,
            Err(error) => {
                reasons.push(error.to_string());
                false
            }
        })
    };
    let referrers = client.referrers(digest, None).await.map_err(text)?;
    // Some registries tell the type of the configuration instead, which is empty.
    let may_be_bundle = |entry: &&Descriptor| {
        let kind = entry.artifact_type.as_str();
        kind.is_empty() || kind == EMPTY_CONFIG || kind.starts_with(BUNDLE_TYPE)
    };
    let bundles = referrers.iter().filter(may_be_bundle);
    for bundle in bundles.take(MAX_SIGNATURES) {
        let manifest = image(client, &Version::Digest(bundle.digest.clone())).await.map_err(text)?;
        for layer in manifest.layers.iter().filter(|layer| layer.media_type.starts_with(BUNDLE_TYPE)) {
            let content = client.read(layer, MAX_SIGNATURE).await.map_err(text)?;
            if judge(&|trust| verify_bundle(&content, digest, trust)) {
                return Ok(Ok(()));
            }
        }
    }
    let tag = Version::Tag(format!("{}.sig", digest.replace(':', "-")));
    let manifest = match image(client, &tag).await {
        Ok(manifest) => manifest,
        Err(error) if error.is_not_found() => return Ok(Err(reasons)),
        Err(error) => return Err(error.to_string()),
    };
    let layers = manifest.layers.iter().filter(|layer| layer.media_type == SIMPLE_TYPE);
    for layer in layers.take(MAX_SIGNATURES) {
        let document = client.read(layer, MAX_SIGNATURE).await.map_err(text)?;
        let annotation = |name: &str| layer.annotations.get(name).map(String::as_str);
        let annotations = Annotations {
            signature: annotation("dev.cosignproject.cosign/signature").unwrap_or_default(),
            certificate: annotation("dev.sigstore.cosign/certificate"),
            bundle: annotation("dev.sigstore.cosign/bundle"),
        };
        if judge(&|trust| verify_simple(&document, annotations, digest, trust)) {
            return Ok(Ok(()));
        }
    }
    Ok(Err(reasons))
}

async fn image(client: &Client, version: &Version) -> Result<ImageManifest, sluice_oci::Error> {
    match client.manifest(version).await?.1 {
        Manifest::Image(manifest) => Ok(*manifest),
        Manifest::Index(_) => Ok(ImageManifest::default()),
    }
}

/// The envelope of a signature of notation. One that cannot be had does not hide the others.
async fn envelope(client: &Client, signature: &Descriptor) -> Result<(Format, Vec<u8>), String> {
    let manifest = image(client, &Version::Digest(signature.digest.clone())).await.map_err(text)?;
    let layer = manifest.layers.first().ok_or("it has no content")?;
    let media_type = &layer.media_type;
    let format = Format::of_media_type(media_type)
        .ok_or_else(|| format!("envelopes of type '{media_type}' are neither JWS nor COSE"))?;
    Ok((format, client.read(layer, MAX_SIGNATURE).await.map_err(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_tell_of_some_signatures() {
        let reasons = |count: usize| -> String {
            let reasons: Vec<String> = (1..=count).map(|number| format!("reason {number}")).collect();
            why(&reasons)
        };
        assert_eq!(reasons(0), "there is no signature");
        assert_eq!(reasons(1), "reason 1");
        assert_eq!(reasons(3), "reason 1; reason 2; reason 3");
        assert_eq!(reasons(5), "reason 1; reason 2; reason 3; and 2 more");
    }

    #[test]
    fn a_missing_signature_is_told_in_the_words_of_flux_first() {
        let none = Unverified::NoMatch(Vec::new());
        let (told, detail) = none.told("r.example.com/app@sha256:1");
        assert_eq!(told, "no matching signatures were found for 'r.example.com/app@sha256:1'");
        assert_eq!(detail.as_deref(), Some("there is no signature"));
        assert_eq!(none.told_by_cosign(), ("no signatures found".to_owned(), None));
        let bad = Unverified::NoMatch(vec!["it is bad".to_owned()]);
        assert_eq!(bad.told_by_cosign().1.as_deref(), Some("it is bad"));
        let unknown = Unverified::from("no route".to_owned());
        assert_eq!(unknown.told("x"), unknown.told_by_cosign());
    }

    #[test]
    fn what_is_no_key_is_told_in_the_words_of_go() {
        let told = |pem: &[u8]| not_a_key(pem, &PublicKey::from_pem(pem).unwrap_err());
        assert_eq!(told(b"nonsense"), "PEM decoding failed");
        assert_ne!(
            told(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
            "PEM decoding failed"
        );
    }
}
