//! What a Receiver asks of the claims of tokens, in CEL.

use serde_json::{Map, Value};
use sluice_apis::notification::v1::OidcProvider;
use sluice_expr::cel::{self, Expression, Type};

use crate::webhooks::numbers::as_doubles;

const VARIABLES: [&str; 2] = ["claims", "vars"];

/// An expression that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The value of a variable.
    #[error("invalid expression for variable {name:?}: {source}")]
    Variable {
        /// Its name.
        name: String,
        /// Why.
        source: cel::Error,
    },
    /// A validation.
    #[error("invalid expression for validation {message:?}: {source}")]
    Validation {
        /// Its message.
        message: String,
        /// Why.
        source: cel::Error,
    },
}

/// The variables and validations of a provider.
#[derive(Debug)]
pub struct Rules {
    variables: Vec<(String, Expression)>,
    validations: Vec<(String, Expression)>,
}

impl Rules {
    /// Compiles all expressions.
    pub fn compile(provider: &OidcProvider) -> Result<Self, CompileError> {
        let mut rules = Self { variables: Vec::new(), validations: Vec::new() };
        for variable in &provider.variables {
            let compiled = Expression::compile(&variable.expression, &VARIABLES, None);
            let name = variable.name.clone();
            match compiled {
                Ok(expression) => rules.variables.push((name, expression)),
                Err(source) => return Err(CompileError::Variable { name, source }),
            }
        }
        for validation in &provider.validations {
            let compiled = Expression::compile(&validation.expression, &VARIABLES, Some(Type::Bool));
            let message = validation.message.clone();
            match compiled {
                Ok(expression) => rules.validations.push((message, expression)),
                Err(source) => return Err(CompileError::Validation { message, source }),
            }
        }
        Ok(rules)
    }

    /// Computes the variables, then asks all validations. The error has the messages of those that say no.
    pub fn check(&self, claims: &Value) -> Result<(), String> {
        let mut claims = claims.clone();
        as_doubles(&mut claims);
        let claims = &claims;
        let mut vars = Value::Object(Map::new());
        for (name, expression) in &self.variables {
            let value = expression.evaluate([("claims", claims), ("vars", &vars)]);
            let value = value.map_err(|error| format!("failed to evaluate variable {name:?}: {error}"))?;
            if let Value::Object(known) = &mut vars {
                known.insert(name.clone(), value);
            }
        }
        let mut failures = Vec::new();
        for (message, expression) in &self.validations {
            let holds = expression.evaluate_bool([("claims", claims), ("vars", &vars)]);
            if !holds.map_err(|error| format!("failed to evaluate validation: {error}"))? {
                failures.push(message.as_str());
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        Err(format!("token validation failed: {}", failures.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn check(claims: Value) -> Result<(), String> {
        let provider: OidcProvider = serde_json::from_value(json!({
            "issuerURL": "https://i",
            "variables": [
                {"name": "parts", "expression": "claims.repository.split('/')"},
                {"name": "org", "expression": "vars.parts[0]"},
            ],
            "validations": [
                {"expression": "vars.org == 'acme'", "message": "wrong org"},
                {"expression": "claims.ref == 'refs/heads/main'", "message": "wrong ref"},
            ],
        }))
        .unwrap();
        Rules::compile(&provider).unwrap().check(&claims)
    }

    #[test]
    fn all_validations_must_hold() {
        check(json!({"repository": "acme/web", "ref": "refs/heads/main"})).unwrap();
        let error = check(json!({"repository": "evil/web", "ref": "refs/heads/x"})).unwrap_err();
        assert_eq!(error, "token validation failed: wrong org; wrong ref");
        let error = check(json!({"ref": "x"})).unwrap_err();
        assert!(error.starts_with("failed to evaluate variable \"parts\": "), "{error}");
    }
}
