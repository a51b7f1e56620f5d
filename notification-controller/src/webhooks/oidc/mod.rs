//! Identity tokens (`OpenID` Connect) that senders of webhooks show.

pub mod claims;
mod issuers;
mod jwt;
mod keys;

pub use self::issuers::Issuers;
use crate::server::Received;

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// There is none.
    #[error("the Authorization header is missing or malformed")]
    Missing,
    /// It is no JWT, or not of whom it says.
    #[error("failed to verify OIDC token: {0}")]
    Token(#[from] jwt::JwtError),
    /// Nobody said that this issuer is trusted.
    #[error("no oidcProvider configured for issuer \"{0}\"")]
    Issuer(String),
    /// The issuer's keys cannot be had.
    #[error("failed to initialize OIDC provider for issuer \"{issuer}\": {reason}")]
    Discovery {
        /// The issuer.
        issuer: String,
        /// Why.
        reason: String,
    },
    /// The expressions about claims.
    #[error("invalid oidcProvider configuration for issuer \"{issuer}\": {source}")]
    Rules {
        /// The issuer.
        issuer: String,
        /// Why.
        source: claims::CompileError,
    },
    /// What the token says is not what it should.
    #[error("{0}")]
    Claims(String),
}

/// The token of the `Authorization` header.
pub fn bearer(request: &Received) -> Result<&str, OidcError> {
    let token = request.header("authorization").strip_prefix("Bearer ").map(str::trim);
    token.filter(|token| !token.is_empty()).ok_or(OidcError::Missing)
}
