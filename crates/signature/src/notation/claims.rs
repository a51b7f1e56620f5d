//! The claims that are signed with the payload, whatever they are written in.

use jiff::Timestamp;

use super::algorithm::Algorithm;
use crate::Error;

/// What is signed.
const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

pub(super) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
/// Beside the claims and not signed by the signer: the token of an authority that vouches for the time.
pub(super) const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

/// Who vouches for the time of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SigningScheme {
    /// Nobody but the signer.
    X509,
    /// The authority that signed.
    SigningAuthority,
}

impl SigningScheme {
    /// The kind of trust store whose certificates count.
    pub(super) fn trust_store(self) -> &'static str {
        match self {
            Self::X509 => "ca",
            Self::SigningAuthority => "signingAuthority",
        }
    }
}

/// The claims of an envelope.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    pub(super) algorithm: Algorithm,
    pub(super) content_type: String,
    /// Those that must be understood.
    pub(super) critical: Vec<String>,
    pub(super) signing_scheme: String,
    pub(super) signing_time: Option<Timestamp>,
    pub(super) authentic_signing_time: Option<Timestamp>,
    pub(super) expiry: Option<Timestamp>,
}

impl Claims {
    /// Checks that the claims go together and that nothing is asked for that we don't do; the scheme and the time of
    /// the signature.
    pub(super) fn check(&self) -> Result<(SigningScheme, Timestamp), Error> {
        if self.content_type != PAYLOAD_TYPE {
            return Err(Error::new(format!("payload content type {:?} not supported", self.content_type)));
        }
        let scheme = match self.signing_scheme.as_str() {
            "notary.x509" => SigningScheme::X509,
            "notary.x509.signingAuthority" => SigningScheme::SigningAuthority,
            other => return Err(Error::new(format!("signing scheme {other:?} is not supported"))),
        };
        self.check_critical(scheme)?;
        let time = self.time(scheme)?;
        match self.expiry {
            Some(expiry) if expiry <= time => {
                Err(Error::new(format!("it expires on {expiry}, before it was signed on {time}")))
            }
            _ => Ok((scheme, time)),
        }
    }

    /// A claim that is critical must be understood and there; those that change what a signature means must be critical.
    fn check_critical(&self, scheme: SigningScheme) -> Result<(), Error> {
        for claim in &self.critical {
            match self.has(claim) {
                None => return Err(Error::new(format!("the critical claim {claim:?} is not understood"))),
                Some(false) => return Err(Error::new(format!("the critical claim {claim:?} is missing"))),
                Some(true) => {}
            }
        }
        let demanded = [
            (SIGNING_SCHEME, true),
            (AUTHENTIC_SIGNING_TIME, scheme == SigningScheme::SigningAuthority),
            (EXPIRY, self.expiry.is_some()),
        ];
        let is_critical = |claim: &str| self.critical.iter().any(|critical| critical == claim);
        match demanded.into_iter().find(|(claim, demanded)| *demanded && !is_critical(claim)) {
            Some((claim, _)) => Err(Error::new(format!("the claim {claim:?} is not marked as critical"))),
            None => Ok(()),
        }
    }

    /// Whether a claim is there; None if we don't know what it means.
    fn has(&self, claim: &str) -> Option<bool> {
        match claim {
            SIGNING_SCHEME => Some(true),
            SIGNING_TIME => Some(self.signing_time.is_some()),
            AUTHENTIC_SIGNING_TIME => Some(self.authentic_signing_time.is_some()),
            EXPIRY => Some(self.expiry.is_some()),
            _ => None,
        }
    }

    fn time(&self, scheme: SigningScheme) -> Result<Timestamp, Error> {
        let (own, foreign) = (SIGNING_TIME, AUTHENTIC_SIGNING_TIME);
        let (time, name, other, other_name) = match scheme {
            SigningScheme::X509 => (self.signing_time, own, self.authentic_signing_time, foreign),
            SigningScheme::SigningAuthority => (self.authentic_signing_time, foreign, self.signing_time, own),
        };
        if other.is_some() {
            let scheme = &self.signing_scheme;
            return Err(Error::new(format!("the claim {other_name:?} is not one of the scheme {scheme:?}")));
        }
        time.ok_or_else(|| Error::new(format!("the claim {name:?} is missing")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            algorithm: Algorithm::Es256,
            content_type: PAYLOAD_TYPE.to_owned(),
            critical: vec![SIGNING_SCHEME.to_owned()],
            signing_scheme: "notary.x509".to_owned(),
            signing_time: Some(at(100)),
            authentic_signing_time: None,
            expiry: None,
        }
    }

    fn error(change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = claims();
        change(&mut claims);
        claims.check().unwrap_err().to_string()
    }

    #[test]
    fn each_scheme_has_its_time() {
        assert_eq!(claims().check().unwrap(), (SigningScheme::X509, at(100)));
        let mut authority = claims();
        authority.signing_scheme = "notary.x509.signingAuthority".to_owned();
        authority.critical.push(AUTHENTIC_SIGNING_TIME.to_owned());
        (authority.signing_time, authority.authentic_signing_time) = (None, Some(at(200)));
        assert_eq!(authority.check().unwrap(), (SigningScheme::SigningAuthority, at(200)));
        authority.signing_time = Some(at(100));
        assert!(
            authority.check().unwrap_err().to_string().contains("signingTime\" is not one of the scheme")
        );

        assert!(error(|claims| claims.signing_time = None).contains("signingTime\" is missing"));
        let text = error(|claims| claims.authentic_signing_time = Some(at(100)));
        assert!(text.contains("authenticSigningTime\" is not one of the scheme"), "{text}");
        let text = error(|claims| claims.signing_scheme = "notary.x510".to_owned());
        assert_eq!(text, "signing scheme \"notary.x510\" is not supported");
        let text = error(|claims| claims.content_type = "text/plain".to_owned());
        assert_eq!(text, "payload content type \"text/plain\" not supported");
    }

    #[test]
    fn what_is_critical_must_be_known_and_there() {
        let text = error(|claims| claims.critical.push("33".to_owned()));
        assert_eq!(text, "the critical claim \"33\" is not understood");
        let text = error(|claims| claims.critical.push(EXPIRY.to_owned()));
        assert_eq!(text, "the critical claim \"io.cncf.notary.expiry\" is missing");
        let text = error(|claims| claims.critical.clear());
        assert_eq!(text, "the claim \"io.cncf.notary.signingScheme\" is not marked as critical");
        let text = error(|claims| claims.expiry = Some(at(200)));
        assert_eq!(text, "the claim \"io.cncf.notary.expiry\" is not marked as critical");
        let text = error(|claims| {
            claims.expiry = Some(at(100));
            claims.critical.push(EXPIRY.to_owned());
        });
        assert!(text.starts_with("it expires on 1970-01-01T00:01:40Z, before"), "{text}");
    }
}
