//! The algorithms that signatures are made with.

use crate::PublicKey;
use crate::key::{Hash, Kind, Scheme};

/// An algorithm, as JOSE and COSE call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
}

impl Algorithm {
    const ALL: [Self; 6] = [Self::Ps256, Self::Ps384, Self::Ps512, Self::Es256, Self::Es384, Self::Es512];

    /// Its name, which is that of JOSE (RFC 7518).
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// Its number in COSE (RFC 9053, RFC 8230).
    fn number(self) -> i64 {
        match self {
            Self::Ps256 => -37,
            Self::Ps384 => -38,
            Self::Ps512 => -39,
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::Es512 => -36,
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(super) fn numbered(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.number() == number)
    }

    /// The only one that a key of this kind signs with, if there is one.
    pub(super) fn of(key: &PublicKey) -> Option<Self> {
        match key.kind() {
            Kind::Rsa { bits: 2048 } => Some(Self::Ps256),
            Kind::Rsa { bits: 3072 } => Some(Self::Ps384),
            Kind::Rsa { bits: 4096 } => Some(Self::Ps512),
            Kind::P256 => Some(Self::Es256),
            Kind::P384 => Some(Self::Es384),
            Kind::P521 => Some(Self::Es512),
            Kind::Rsa { .. } | Kind::Ed25519 => None,
        }
    }

    pub(super) fn hash(self) -> Hash {
        match self {
            Self::Ps256 | Self::Es256 => Hash::Sha256,
            Self::Ps384 | Self::Es384 => Hash::Sha384,
            Self::Ps512 | Self::Es512 => Hash::Sha512,
        }
    }

    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Ps256 | Self::Ps384 | Self::Ps512 => Scheme::Pss,
            Self::Es256 | Self::Es384 | Self::Es512 => Scheme::Fixed,
        }
    }
}
