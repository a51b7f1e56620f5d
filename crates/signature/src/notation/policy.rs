//! Trust policies: which signatures count for which repositories.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Error;

/// The kinds of trust stores.
const STORES: [&str; 3] = ["ca", "signingAuthority", "tsa"];

/// The content of a `trustpolicy.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TrustPolicy {
    #[serde(default)]
    version: String,
    #[serde(default)]
    trust_policies: Vec<Policy>,
}

/// What holds for some repositories.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    name: String,
    registry_scopes: Vec<String>,
    signature_verification: Verification,
    #[serde(default)]
    trust_stores: Vec<String>,
    #[serde(default)]
    trusted_identities: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Verification {
    level: Level,
    #[serde(rename = "override", default)]
    overrides: BTreeMap<Check, Action>,
    #[serde(rename = "verifyTimestamp", default)]
    countersignature: Countersignature,
}

/// When a countersignature is needed, where there are authorities for it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum Countersignature {
    #[default]
    #[serde(alias = "")]
    Always,
    AfterCertExpiry,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Level {
    Strict,
    Permissive,
    Audit,
    Skip,
}

/// Something to check.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "camelCase")]
pub(super) enum Check {
    Integrity,
    Authenticity,
    AuthenticTimestamp,
    Expiry,
    Revocation,
}

impl Check {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

/// What follows when a check fails.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Enforce,
    Log,
    Skip,
}

impl TrustPolicy {
    /// Reads and checks a policy document.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let document = Self::read(json)?;
        document.validate()?;
        Ok(document)
    }

    /// Reads a policy document that is still to be [validated](Self::validate).
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(json).map_err(|error| {
            let error =
                if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() };
            Error::new(format!("error occurred while parsing trustpolicy.json: {error}"))
        })
    }

    /// Checks what the document says.
    pub fn validate(&self) -> Result<(), Error> {
        let bad = |what: String| Err(Error::new(format!("trust policy document {what}")));
        if self.version.is_empty() {
            return bad("has empty version, version must be specified".to_owned());
        }
        if self.version != "1.0" {
            return bad(format!("uses unsupported version {:?}", self.version));
        }
        if self.trust_policies.is_empty() {
            return bad("can not have zero trust policy statements".to_owned());
        }
        for policy in &self.trust_policies {
            let name = &policy.name;
            if policy.signature_verification.overrides.contains_key(&Check::Integrity) {
                return bad(format!("has a statement {name:?} that overrides 'integrity', which cannot be"));
            }
            let overrides = &policy.signature_verification.overrides;
            let skipped = overrides
                .iter()
                .find(|(check, action)| **action == Action::Skip && **check != Check::Revocation);
            if let Some((check, _)) = skipped {
                let check = check.name();
                return bad(format!(
                    "has a statement {name:?} that skips '{check}', which can be logged at least"
                ));
            }
            let skips = policy.signature_verification.level == Level::Skip;
            if skips && !overrides.is_empty() {
                return bad(format!(
                    "has a statement {name:?} that skips everything and overrides something"
                ));
            }
            if !skips && (policy.trust_stores.is_empty() || policy.trusted_identities.is_empty()) {
                return bad(format!(
                    "has a statement {name:?} that is missing trust stores or trusted identities"
                ));
            }
            let is_store = |store: &&String| {
                let kind = store.split_once(':').map(|(kind, _)| kind);
                kind.is_some_and(|kind| STORES.contains(&kind))
            };
            if let Some(store) = policy.trust_stores.iter().find(|store| !skips && !is_store(store)) {
                return bad(format!(
                    "has a statement {name:?} with the trust store {store:?}: it is one of '{}', with a name after a colon",
                    STORES.join("', '")
                ));
            }
            if policy.registry_scopes.is_empty() {
                return bad(format!("has a statement {name:?} with zero registry scopes"));
            }
        }
        Ok(())
    }

    /// The statement for a repository, `<registry>/<path>`: the one that names it, else the one for all.
    pub fn for_repository(&self, repository: &str) -> Result<&Policy, Error> {
        let with = |wanted: &str| {
            self.trust_policies
                .iter()
                .find(|policy| policy.registry_scopes.iter().any(|scope| scope == wanted))
        };
        with(repository).or_else(|| with("*")).ok_or_else(|| {
            Error::new(format!("artifact {repository:?} has no applicable oci trust policy statement"))
        })
    }
}

impl Policy {
    /// Whether nothing is to be checked.
    pub fn skips(&self) -> bool {
        self.signature_verification.level == Level::Skip
    }

    /// Whether a kind of trust store is named.
    pub(super) fn has_store(&self, kind: &str) -> bool {
        self.trust_stores.iter().any(|store| store.split_once(':').is_some_and(|(found, _)| found == kind))
    }

    /// Whether there has to be a countersignature, by whether the certificates are valid now.
    pub(super) fn wants_countersignature(&self, certificates_are_valid: bool) -> bool {
        let always = self.signature_verification.countersignature == Countersignature::Always;
        self.has_store("tsa") && (always || !certificates_are_valid)
    }

    pub(super) fn action(&self, check: Check) -> Action {
        let verification = &self.signature_verification;
        if let Some(action) = verification.overrides.get(&check) {
            return *action;
        }
        match (verification.level, check) {
            (Level::Skip, _) => Action::Skip,
            (Level::Strict, _) | (_, Check::Integrity) | (Level::Permissive, Check::Authenticity) => {
                Action::Enforce
            }
            (Level::Permissive | Level::Audit, _) => Action::Log,
        }
    }

    /// Whether a signer with this subject, written `CN=…,O=…`, is one of those that are trusted.
    pub(super) fn check_identity(&self, subject: &str) -> Result<(), Error> {
        let has = attributes(subject);
        let trusted = |identity: &String| {
            if identity == "*" {
                return true;
            }
            let Some(wanted) = identity.strip_prefix("x509.subject:") else { return false };
            let wanted = attributes(wanted);
            !wanted.is_empty() && wanted.iter().all(|(name, value)| has.get(name) == Some(value))
        };
        if self.trusted_identities.iter().any(trusted) {
            return Ok(());
        }
        Err(Error::new(format!(
            "signing certificate '{subject}' does not match the X.509 trusted identities of the trust policy {:?}",
            self.name
        )))
    }
}

/// The attributes of a distinguished name (RFC 4514).
fn attributes(name: &str) -> BTreeMap<String, String> {
    let mut parts = vec![String::new()];
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match (c, parts.last_mut()) {
            ('\\', Some(part)) => part.extend(chars.next()),
            (',' | '+', _) => parts.push(String::new()),
            (c, Some(part)) => part.push(c),
            (_, None) => {}
        }
    }
    let pairs = parts.iter().filter_map(|part| part.split_once('='));
    pairs
        .map(|(name, value)| {
            let name = match name.trim().to_ascii_uppercase().as_str() {
                "S" => "ST".to_owned(),
                name => name.to_owned(),
            };
            (name, value.trim().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(level: &str, extra: &str) -> String {
        format!(
            r#"{{"version": "1.0", "trustPolicies": [{{"name": "p", "registryScopes": ["*"],
                "signatureVerification": {{"level": "{level}"{extra}}},
                "trustStores": ["ca:x"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Ex\\, ample"]}}]}}"#
        )
    }

    #[test]
    fn levels_say_what_is_enforced() {
        let action = |level: &str, extra: &str, check| {
            let document = TrustPolicy::from_json(document(level, extra).as_bytes()).unwrap();
            document.for_repository("r/a").unwrap().action(check)
        };
        assert_eq!(action("strict", "", Check::Revocation), Action::Enforce);
        assert_eq!(action("permissive", "", Check::Authenticity), Action::Enforce);
        assert_eq!(action("permissive", "", Check::Expiry), Action::Log);
        assert_eq!(action("audit", "", Check::Authenticity), Action::Log);
        assert_eq!(action("skip", "", Check::Authenticity), Action::Skip);
        assert_eq!(
            action("strict", r#", "override": {"revocation": "skip"}"#, Check::Revocation),
            Action::Skip
        );
    }

    #[test]
    fn countersignatures_are_wanted_where_there_are_authorities_for_them() {
        let wants = |stores: &str, extra: &str, valid| {
            let text = document("strict", extra).replace(r#""ca:x""#, stores);
            let document = TrustPolicy::from_json(text.as_bytes()).unwrap();
            document.for_repository("r/a").unwrap().wants_countersignature(valid)
        };
        let late = r#", "verifyTimestamp": "afterCertExpiry""#;
        assert!(!wants(r#""ca:x""#, "", false));
        assert!(wants(r#""ca:x", "tsa:y""#, "", true));
        assert!(!wants(r#""ca:x", "tsa:y""#, late, true));
        assert!(wants(r#""ca:x", "tsa:y""#, late, false));
    }

    #[test]
    fn identities_match_by_their_attributes() {
        let document = TrustPolicy::from_json(document("strict", "").as_bytes()).unwrap();
        let policy = document.for_repository("any").unwrap();
        assert!(policy.check_identity("CN=x,O=Ex\\, ample,ST=WA,C=US").is_ok());
        assert!(policy.check_identity("CN=x,O=Other,ST=WA,C=US").is_err());
        assert!(policy.check_identity("CN=x").is_err());
    }

    #[test]
    fn bad_documents_are_refused() {
        for (text, error) in [
            ("{", "parsing trustpolicy.json: unexpected end of JSON input"),
            ("{}", "empty version, version must be specified"),
            (&document("strict", "").replace("1.0", "2.0"), "unsupported version"),
            (&document("strict", r#", "override": {"integrity": "log"}"#), "integrity"),
            (&document("strict", r#", "override": {"authenticity": "skip"}"#), "skips 'authenticity'"),
            (&document("skip", r#", "override": {"expiry": "log"}"#), "skips everything and overrides"),
            (
                &document("strict", r#", "verifyTimestamp": "never""#),
                "parsing trustpolicy.json: unknown variant",
            ),
            (&document("strict", "").replace(r#"["ca:x"]"#, "[]"), "missing trust stores"),
            (&document("strict", "").replace("ca:x", "x"), "with the trust store \"x\""),
            (&document("strict", "").replace("ca:x", "root:x"), "with the trust store \"root:x\""),
            (r#"{"version": "1.0", "trustPolicies": []}"#, "zero trust policy"),
        ] {
            let found = TrustPolicy::from_json(text.as_bytes()).unwrap_err().to_string();
            assert!(found.contains(error), "{found}");
        }
    }
}
