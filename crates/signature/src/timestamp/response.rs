//! What a time-stamping authority answers (RFC 3161, section 2.4.2): a status, and a token if all went well.

use der::asn1::{Any, BitString};
use der::{Decode, Encode, Sequence};

use super::{MAX_SIZE, bad, bounds};
use crate::Error;

#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct Response {
    status: StatusInfo,
    #[asn1(optional = "true")]
    token: Option<Any>,
}

#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct StatusInfo {
    status: u8,
    #[asn1(optional = "true")]
    text: Option<Vec<Any>>,
    #[asn1(optional = "true")]
    failure: Option<BitString>,
}

/// The token of an answer, as it is.
pub(crate) fn token_of(response: &[u8]) -> Result<Vec<u8>, Error> {
    if response.len() > MAX_SIZE {
        return Err(bad(format!("it has more than {MAX_SIZE} bytes")));
    }
    bounds::check(response)?;
    let response = Response::from_der(response).map_err(bad)?;
    match (response.status.status, response.token) {
        (0, Some(token)) => token.to_der().map_err(bad),
        (0, None) => Err(bad("the answer that should hold it is empty")),
        (status, _) => Err(bad(format!("the authority refused to give one, with status {status}"))),
    }
}
