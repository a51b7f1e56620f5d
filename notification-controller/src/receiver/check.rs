//! What can be wrong with a Receiver, whatever the cluster says.

use std::collections::HashSet;

use sluice_apis::{
    meta::reasons::INVALID_CEL_EXPRESSION,
    notification::v1::{OidcProvider, ReceiverSpec, ReceiverType},
};
use sluice_expr::cel;

use crate::webhooks::{filter, oidc::claims};

/// A fault that only the user can mend.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The filter of all resources.
    #[error("invalid resourceFilter expression: {0}")]
    ResourceFilter(#[source] cel::Error),
    /// The filter of one of them.
    #[error("invalid filter expression for resources[{index}] (kind={kind:?}, name={name:?}): {source}")]
    Filter {
        /// Its place.
        index: usize,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Why.
        source: cel::Error,
    },
    /// Fields that do not go together: the CRD refuses them, but older ones may not have.
    #[error("{0}")]
    Fields(String),
    /// An expression of an OIDC provider.
    #[error("oidcProviders[{index}] (issuerURL={issuer:?}): {source}")]
    Claims {
        /// Its place.
        index: usize,
        /// Its issuer.
        issuer: String,
        /// Which expression, and why.
        source: claims::CompileError,
    },
}

impl Fault {
    /// The reason that conditions and events give.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Fields(_) => "ValidationFailed",
            Self::ResourceFilter(_) | Self::Filter { .. } | Self::Claims { .. } => INVALID_CEL_EXPRESSION,
        }
    }
}

/// Finds the first fault.
pub fn check(spec: &ReceiverSpec) -> Result<(), Fault> {
    let with_claims = spec.type_ == ReceiverType::GenericOidc;
    if let Some(text) = given(spec.resource_filter.as_deref()) {
        filter::compile(text, with_claims).map_err(Fault::ResourceFilter)?;
    }
    for (index, resource) in spec.resources.iter().enumerate() {
        if let Some(text) = given(resource.filter.as_deref()) {
            filter::compile(text, with_claims).map_err(|source| Fault::Filter {
                index,
                kind: resource.reference.kind.to_string(),
                name: resource.reference.name.clone(),
                source,
            })?;
        }
    }
    check_fields(spec).map_err(Fault::Fields)?;
    check_providers(&spec.oidc_providers).map_err(Fault::Fields)?;
    for (index, provider) in spec.oidc_providers.iter().enumerate() {
        claims::Rules::compile(provider).map_err(|source| Fault::Claims {
            index,
            issuer: provider.issuer_url.clone(),
            source,
        })?;
    }
    Ok(())
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn check_fields(spec: &ReceiverSpec) -> Result<(), String> {
    let oidc = spec.type_ == ReceiverType::GenericOidc;
    let fault = match (oidc, spec.oidc_providers.is_empty(), spec.secret_ref.is_some()) {
        (true, true, _) => "generic-oidc receiver requires at least one oidcProvider",
        (false, false, _) => "oidcProviders can only be set when type is generic-oidc",
        (true, _, true) => "secretRef cannot be set when type is generic-oidc",
        (false, _, false) => "secretRef is required when type is not generic-oidc",
        _ => return Ok(()),
    };
    Err(fault.to_owned())
}

fn check_providers(providers: &[OidcProvider]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for (at, provider) in providers.iter().enumerate() {
        let issuer = &provider.issuer_url;
        if issuer.is_empty() {
            return Err(format!("oidcProviders[{at}]: issuerURL is required"));
        }
        if !issuer.starts_with("http://") && !issuer.starts_with("https://") {
            return Err(format!(
                "oidcProviders[{at}]: issuerURL {issuer:?} must start with http:// or https://"
            ));
        }
        if !seen.insert(issuer) {
            return Err(format!("oidcProviders[{at}]: duplicate issuerURL {issuer:?}"));
        }
        let here = format!("oidcProviders[{at}] (issuerURL={issuer:?})");
        if provider.validations.is_empty() {
            return Err(format!(
                "{here}: at least one validation is required; without validations any caller able to obtain a token from this issuer can trigger the Receiver"
            ));
        }
        for (at, variable) in provider.variables.iter().enumerate() {
            if variable.name.is_empty() {
                return Err(format!("{here}: variables[{at}]: name is required"));
            }
            if variable.expression.is_empty() {
                let name = &variable.name;
                return Err(format!("{here}: variables[{at}] (name={name:?}): expression is required"));
            }
        }
        for (at, validation) in provider.validations.iter().enumerate() {
            if validation.expression.is_empty() {
                return Err(format!("{here}: validations[{at}]: expression is required"));
            }
            if validation.message.is_empty() {
                return Err(format!("{here}: validations[{at}]: message is required"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fault(spec: Value) -> (String, &'static str) {
        let spec: ReceiverSpec = serde_json::from_value(spec).unwrap();
        let fault = check(&spec).unwrap_err();
        (fault.to_string(), fault.reason())
    }

    #[test]
    fn expressions_are_checked_with_the_variables_that_the_type_has() {
        let github = |filter: &str| json!({"type": "github", "secretRef": {"name": "s"}, "resources": [], "resourceFilter": filter});
        assert_eq!(
            fault(github("req.flag")),
            ("invalid resourceFilter expression: CEL expression output type mismatch: expected bool, got dyn".to_owned(), "InvalidCELExpression")
        );
        let (text, _) = fault(github("claims.x == 1"));
        assert!(text.starts_with(
            "invalid resourceFilter expression: failed to parse the CEL expression 'claims.x == 1': "
        ));
        let resources = json!([{"kind": "GitRepository", "name": "a"}, {"kind": "GitRepository", "name": "b", "filter": "1"}]);
        let (text, _) = fault(json!({"type": "github", "secretRef": {"name": "s"}, "resources": resources}));
        assert_eq!(
            text,
            "invalid filter expression for resources[1] (kind=\"GitRepository\", name=\"b\"): CEL expression output type mismatch: expected bool, got int"
        );
    }

    #[test]
    fn providers_of_tokens_need_validations_and_no_secret() {
        let provider = |validations: Value| json!({"issuerURL": "https://i", "validations": validations});
        let oidc =
            |providers: Value| json!({"type": "generic-oidc", "resources": [], "oidcProviders": providers});
        assert_eq!(fault(oidc(json!([]))).1, "ValidationFailed");
        let (text, reason) = fault(oidc(json!([provider(json!([]))])));
        assert!(text.contains("at least one validation is required"), "{text}");
        assert_eq!(reason, "ValidationFailed");
        let (text, reason) =
            fault(oidc(json!([provider(json!([{"expression": "claims.", "message": "m"}]))])));
        assert!(text.starts_with("oidcProviders[0] (issuerURL=\"https://i\"): invalid expression for validation \"m\": failed to parse the CEL expression 'claims.': "), "{text}");
        assert_eq!(reason, "InvalidCELExpression");
    }
}
