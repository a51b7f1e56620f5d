//! CEL expressions that choose which objects a webhook triggers.

use serde_json::{Map, Value};
use sluice_apis::notification::v1::ReceiverSpec;
use sluice_expr::cel::{self, Expression, Type};

use super::{media_type, numbers::as_doubles, verify::Verified};
use crate::server::Received;

/// Why there are no filters, or one does not fit the webhook.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The body says that it is JSON.
    #[error("failed to parse request body as JSON: {0}")]
    Body(String),
    /// The expression.
    #[error(transparent)]
    Expression(#[from] cel::Error),
}

/// Compiles a filter: a boolean over `res` and `req`, and `claims` where tokens have some.
pub fn compile(text: &str, with_claims: bool) -> Result<Expression, cel::Error> {
    let variables: &[&str] = if with_claims { &["res", "req", "claims"] } else { &["res", "req"] };
    Expression::compile(text, variables, Some(Type::Bool))
}

/// The filters of a Receiver and the webhook that they look at.
pub struct Filters {
    all: Option<Expression>,
    each: Vec<Option<Expression>>,
    request: Value,
    claims: Option<Value>,
}

impl Filters {
    /// Compiles the filters and reads the body, if there are any.
    pub fn new(spec: &ReceiverSpec, request: &Received, verified: &Verified) -> Result<Self, FilterError> {
        let with_claims = verified.claims.is_some();
        let one = |text: Option<&str>| match text.filter(|text| !text.is_empty()) {
            Some(text) => compile(text, with_claims).map(Some),
            None => Ok(None),
        };
        let all = one(spec.resource_filter.as_deref())?;
        let each = spec.resources.iter().map(|resource| one(resource.filter.as_deref()));
        let each: Vec<_> = each.collect::<Result<_, _>>()?;
        let any = all.is_some() || each.iter().any(Option::is_some);
        let mut request = if any && is_json(request.header("content-type")) {
            object(&verified.body)?
        } else {
            Value::Object(Map::new())
        };
        as_doubles(&mut request);
        let mut claims = verified.claims.clone();
        claims.iter_mut().for_each(as_doubles);
        Ok(Self { all, each, request, claims })
    }

    /// Whether the webhook is about this object, the one at `at` of the Receiver's resources.
    pub fn accept(&self, at: usize, object: &Value) -> Result<bool, FilterError> {
        let filters = [self.all.as_ref(), self.each.get(at).and_then(Option::as_ref)];
        let mut object = object.clone();
        as_doubles(&mut object);
        let mut variables = vec![("res", &object), ("req", &self.request)];
        if let Some(claims) = &self.claims {
            variables.push(("claims", claims));
        }
        // Expressions over a large body take their time: others must not wait for it.
        tokio::task::block_in_place(|| {
            for filter in filters.into_iter().flatten() {
                if !filter.evaluate_bool(variables.iter().copied())? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }
}

/// Whether a header says that the body is JSON; only what stands before the first malformed part counts.
fn is_json(content_type: &str) -> bool {
    let mut types = content_type.split(',').map_while(media_type::parse);
    types.any(|name| name == "application/json")
}

/// The first value of the body, which must be an object.
fn object(body: &[u8]) -> Result<Value, FilterError> {
    let text = String::from_utf8_lossy(body);
    let text = sluice_notify::without_lone_surrogates(&text);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value @ Value::Object(_))) => Ok(value),
        Some(Ok(Value::Null)) => Ok(Value::Object(Map::new())),
        Some(Ok(_)) => Err(FilterError::Body("it is no object".to_owned())),
        Some(Err(error)) => Err(FilterError::Body(error.to_string())),
        None => Err(FilterError::Body("it is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_what_says_so() {
        for yes in ["application/json", "Application/JSON; charset=utf-8", "text/plain, application/json"] {
            assert!(is_json(yes), "{yes}");
        }
        for no in ["", "text/plain", "application/json; charset", "application/cloudevents+json"] {
            assert!(!is_json(no), "{no}");
        }
    }

    #[test]
    fn a_body_is_one_object() {
        assert_eq!(object(b" {\"a\":1} trailing").unwrap(), json!({"a": 1}));
        assert_eq!(object(b"null").unwrap(), json!({}));
        assert_eq!(object(br#"{"a":"\ud800"}"#).unwrap(), json!({"a": "\u{fffd}"}));
        for bad in [&b""[..], b"[]", b"1", b"{"] {
            assert!(object(bad).is_err());
        }
    }
}
