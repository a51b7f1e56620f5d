//! What a token says: `TSTInfo` (RFC 3161, section 2.4.2).

use der::asn1::{Any, Int, ObjectIdentifier, OctetString};
use der::{Sequence, Tag, Tagged as _};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use x509_cert::ext::Extensions;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::bad;
use crate::Error;
use crate::key::Hash;
use crate::oids::BASELINE_POLICY;

/// The content of a token.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
pub(super) struct TstInfo {
    version: u8,
    policy: ObjectIdentifier,
    message_imprint: MessageImprint,
    serial_number: Int,
    /// A `GeneralizedTime`, which may have parts of seconds here.
    gen_time: Any,
    #[asn1(optional = "true")]
    accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    ordering: bool,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    tsa: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    extensions: Option<Extensions>,
}

#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct MessageImprint {
    hash_algorithm: AlgorithmIdentifierOwned,
    hashed_message: OctetString,
}

/// How far the time may be off.
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct Accuracy {
    #[asn1(optional = "true")]
    seconds: Option<u32>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    micros: Option<u16>,
}

impl TstInfo {
    /// Checks that it is of a message, and that nothing is asked for that we don't understand.
    pub(super) fn check(&self, message: &[u8]) -> Result<(), Error> {
        if self.version != 1 {
            return Err(bad(format!("its content is of version {} and not 1", self.version)));
        }
        let extensions = self.extensions.as_deref().unwrap_or_default();
        if let Some(extension) = extensions.iter().find(|extension| extension.critical) {
            return Err(bad(format!("its critical extension {} is not understood", extension.extn_id)));
        }
        let algorithm = self.message_imprint.hash_algorithm.oid;
        let hash =
            Hash::of_oid(algorithm).ok_or_else(|| bad(format!("the hash {algorithm} is not supported")))?;
        if hash.of(message) == self.message_imprint.hashed_message.as_bytes() {
            return Ok(());
        }
        Err(Error::new("the token of the time-stamping authority is of another signature"))
    }

    /// The time that it names.
    pub(super) fn time(&self) -> Result<Timestamp, Error> {
        let text = std::str::from_utf8(self.gen_time.value()).unwrap_or_default();
        let time = (self.gen_time.tag() == Tag::GeneralizedTime).then(|| parse_time(text)).flatten();
        time.ok_or_else(|| bad(format!("{text:?} is not a time")))
    }

    /// How far that may be off.
    pub(super) fn accuracy(&self) -> SignedDuration {
        let told = self.accuracy.as_ref().map_or(SignedDuration::ZERO, |accuracy| {
            SignedDuration::from_secs(accuracy.seconds.unwrap_or_default().into())
                + SignedDuration::from_millis(accuracy.millis.unwrap_or_default().into())
                + SignedDuration::from_micros(accuracy.micros.unwrap_or_default().into())
        });
        // That policy promises a second (ETSI EN 319 421).
        if told.is_zero() && self.policy == BASELINE_POLICY { SignedDuration::from_secs(1) } else { told }
    }
}

/// A time like `20240101000000.5Z`.
fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (seconds, fraction) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // In DER there are no zeros at the end of the fraction.
    if seconds.len() != 14 || !digits(seconds) {
        return None;
    }
    let nanoseconds = match fraction {
        Some(part) if digits(part) && !part.ends_with('0') => format!("{part:0<9.9}").parse().ok()?,
        Some(_) => return None,
        None => 0,
    };
    let whole = DateTime::strptime("%Y%m%d%H%M%S", seconds).ok()?;
    let time = whole.with().subsec_nanosecond(nanoseconds).build().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_have_parts_of_seconds() {
        let parsed = |text: &str| parse_time(text).map(|time| time.to_string());
        assert_eq!(parsed("20240229123456Z").as_deref(), Some("2024-02-29T12:34:56Z"));
        assert_eq!(parsed("19990609001326.34352Z").as_deref(), Some("1999-06-09T00:13:26.34352Z"));
        for text in [
            "",
            "Z",
            "20240229123456",
            "20240230123456Z",
            "20240229123456.Z",
            "20240229123456.50Z",
            "2024022912345Z",
            "20240229123456,5Z",
            "20240229123456.5+0100",
            "+2024022912345Z",
            "20240229123461Z",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
