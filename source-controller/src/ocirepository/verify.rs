//! Phase: the signature of the artifact.

use sluice_apis::conditions::{delete, get, mark_false, mark_true};
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::{OciRepository, OciVerification};
use sluice_oci::{Reference, Version};
use sluice_runtime::Pass;

use super::OciReconciler;
use super::source::Found;
use crate::conditions::reasons::VERIFICATION_ERROR;
use crate::conditions::types::SOURCE_VERIFIED;
use crate::failure::Failure;
use crate::kind::SourceKind;
use crate::signature::{Unverified, Verdict, Wanted, verifier};

impl OciReconciler {
    /// Verifies the signature of a revision that was not verified yet as the spec says now.
    pub(super) async fn verify(
        &self,
        pass: &mut Pass<OciRepository>,
        found: &Found,
        reference: &Reference,
    ) -> Result<(), Failure> {
        let Some(spec) = pass.object.spec.verify.clone() else {
            delete(&mut pass.object, SOURCE_VERIFIED);
            return Ok(());
        };
        let observed = get(&pass.object, SOURCE_VERIFIED).and_then(|condition| condition.observed_generation);
        if pass.object.has_revision(&found.revision) && observed == pass.object.metadata.generation {
            return Ok(());
        }
        let wanted = wanted(&spec);
        // Whatever the tag leads to later: this is what is verified.
        let version = Version::Digest(found.digest.clone());
        let reference = Reference { repository: reference.repository.clone(), version }.to_string();
        let failed = |error: Unverified| {
            let provider = wanted.provider_name();
            let (told, detail) =
                if wanted.is_keyless() { error.told_by_cosign() } else { error.told(&reference) };
            let message = format!("failed to verify the signature using provider '{provider}': {told}");
            let failure = Failure::retry(VERIFICATION_ERROR, message);
            match detail {
                Some(detail) => failure.with_detail(detail),
                None => failure,
            }
        };
        let work = async || -> Result<Verdict, Unverified> {
            let trusted = verifier(pass.client(), pass.object.namespace(), &wanted, &reference).await?;
            let verify = trusted.verify(&found.client, &found.digest, &reference);
            match tokio::time::timeout(pass.object.spec.timeout.0, verify).await {
                Ok(verdict) => verdict,
                Err(_) => Err(Unverified::Unknown("context deadline exceeded".to_owned())),
            }
        };
        match self.lanes.ask(pass, &found.url, work).await?.map_err(failed) {
            Ok(Verdict::Good) => {
                let message = format!("verified signature of revision {}", found.revision);
                mark_true(&mut pass.object, SOURCE_VERIFIED, SUCCEEDED, message);
                Ok(())
            }
            Ok(Verdict::Skipped) => {
                // What was said of an earlier revision or policy is not true of this one.
                delete(&mut pass.object, SOURCE_VERIFIED);
                Ok(())
            }
            Err(failure) => {
                mark_false(&mut pass.object, SOURCE_VERIFIED, failure.reason, &failure.message);
                Err(failure)
            }
        }
    }
}

fn wanted(spec: &OciVerification) -> Wanted<'_> {
    Wanted {
        provider: &spec.provider,
        secret: spec.secret_ref.as_ref().map(|reference| reference.name.as_str()),
        identities: &spec.match_oidc_identity,
        trusted_root: spec.trusted_root_secret_ref.as_ref().map(|reference| reference.name.as_str()),
    }
}
