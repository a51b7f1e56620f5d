//! Times for which authorities vouch (RFC 3161).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::root::{Authority, TrustedRoot};
use crate::oids::TIME_STAMPING;
use crate::timestamp::{self, Stamp, Trusted};
use crate::{Error, path};

/// The times at which authorities of the trusted root saw the signature, of each the first that counts. One that says
/// nothing that counts does not matter if another does.
pub(super) fn times(
    responses: &[&[u8]],
    signature: &[u8],
    root: &TrustedRoot,
) -> Result<Vec<Timestamp>, Error> {
    let mut times = BTreeMap::new();
    let mut failure =
        Error::new("the signature has no time stamp, which it needs: its log does not tell the time");
    for response in responses {
        match time(response, signature, root) {
            Ok((authority, time)) => drop(times.entry(authority).or_insert(time)),
            Err(error) => failure = error,
        }
    }
    if times.is_empty() { Err(failure) } else { Ok(times.into_values().collect()) }
}

/// Which authority saw it, and when.
fn time<'a>(response: &[u8], signature: &[u8], root: &'a TrustedRoot) -> Result<(&'a str, Timestamp), Error> {
    let token = timestamp::token_of(response)?;
    let mut unverified = Error::new("the trusted root has no time-stamping authority");
    let mut untrusted = None;
    for authority in &root.time_authorities {
        let others: Vec<_> = authority.leaf.iter().chain(&authority.others).cloned().collect();
        let trusted = Trusted { roots: &authority.root, others: &others };
        match timestamp::verify(&token, signature, trusted) {
            Err(error) => unverified = error,
            Ok(stamp) => match check(&stamp, authority) {
                Ok(()) => return Ok((&authority.uri, stamp.time)),
                Err(error) => untrusted = Some(error),
            },
        }
    }
    Err(untrusted.unwrap_or(unverified))
}

/// Checks that an authority is trusted with a stamp of its own.
fn check(stamp: &Stamp, authority: &Authority) -> Result<(), Error> {
    let of = |what: &str| Error::new(format!("the time-stamping authority '{}' {what}", authority.uri));
    if authority.leaf.is_some() && stamp.chain.first() != authority.leaf.as_ref() {
        return Err(of("stamps with another certificate"));
    }
    path::check_authorities(&stamp.chain, TIME_STAMPING)?;
    if !authority.valid.contains(stamp.time) {
        return Err(of(&format!("is not trusted at {}", stamp.time)));
    }
    Ok(())
}
