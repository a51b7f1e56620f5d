//! Tells refusals because of immutable fields from all others: only the former are a reason to
//! recreate an object.

use std::sync::LazyLock;

use kube::core::Status;
use regex::RegexSet;

/// How the API server, its validation rules and webhooks word it.
static WORDINGS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSet::new([
        r"(?i)\bimmutable\b",
        r"may not change once set",
        r"(?i)(may|can) ?not be (changed|updated|modified)",
        r"(?i)cannot (be )?change",
        r"updates to .+ (are|is) forbidden",
        r"(?i)pod updates may not change fields",
        r"\boldSelf\b",
    ])
    .ok()
});

/// Whether the server refuses an update for no other reason than that immutable fields change. An
/// error that names several causes is only if each of them is.
pub(super) fn is_immutability(status: &Status) -> bool {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    if status.is_invalid() && !causes.is_empty() {
        return causes.iter().all(|cause| says_so(detail(&cause.message)));
    }
    // Webhooks deny with any code and without causes.
    (status.is_invalid() || status.is_forbidden() || status.code == 400) && says_so(&status.message)
}

fn says_so(text: &str) -> bool {
    WORDINGS.as_ref().is_some_and(|wordings| wordings.is_match(text))
}

/// The reason in a cause like `Invalid value: "…": the reason`, without the value, which may say
/// anything.
fn detail(message: &str) -> &str {
    let Some(rest) = message.strip_prefix("Invalid value: ") else { return message };
    let end = ["\": ", "}: ", "]: "].iter().filter_map(|end| rest.rfind(end).map(|at| at + end.len())).max();
    end.map_or(rest, |end| &rest[end..])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn invalid(causes: &[&str]) -> Status {
        let causes: Vec<Value> = causes
            .iter()
            .map(|message| json!({"reason": "FieldValueInvalid", "message": message, "field": "spec"}))
            .collect();
        serde_json::from_value(json!({
            "status": "Failure", "code": 422, "reason": "Invalid", "message": "x is invalid", "details": {"causes": causes},
        }))
        .unwrap()
    }

    #[test]
    fn immutable_fields_and_nothing_else() {
        for cause in [
            "Invalid value: {\"a\": \"b\"}: field is immutable",
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template' are forbidden",
            "Invalid value: [\"10.0.0.1\"]: may not change once set",
            "Invalid value: \"object\": Value is immutable",
            "Invalid value: {\"apiGroup\":\"x\"}: cannot change roleRef",
            "Forbidden: updates to parameters are forbidden.",
            "Forbidden: field is immutable when `immutable` is set",
            "Forbidden: spec is immutable after creation except resources.requests",
            "Forbidden: may not be changed in an update.",
            "Invalid value: \"string\": failed rule: self == oldSelf",
        ] {
            assert!(is_immutability(&invalid(&[cause])), "{cause}");
            assert!(
                !is_immutability(&invalid(&[cause, "Invalid value: 99999: must be between 1 and 65535"])),
                "{cause}"
            );
        }
        for cause in [
            "Invalid value: 99999: must be between 1 and 65535, inclusive",
            "Invalid value: \"this is immutable\": must be a DNS label",
            "Required value",
            "Unsupported value: \"x\": supported values: \"a\"",
        ] {
            assert!(!is_immutability(&invalid(&[cause])), "{cause}");
        }
    }

    #[test]
    fn webhooks_say_it_in_the_message() {
        let denial = |code: u16, message: &str| {
            Status::failure(message, if code == 403 { "Forbidden" } else { "BadRequest" }).with_code(code)
        };
        assert!(is_immutability(&denial(
            403,
            "admission webhook \"x\" denied the request: spec.a is immutable"
        )));
        assert!(is_immutability(&denial(
            400,
            "admission webhook \"x\" denied the request: immutable field changed"
        )));
        assert!(!is_immutability(&denial(403, "admission webhook \"x\" denied the request: not on Fridays")));
        assert!(!is_immutability(
            &Status::failure("the object has been modified", "Conflict").with_code(409)
        ));
    }
}
