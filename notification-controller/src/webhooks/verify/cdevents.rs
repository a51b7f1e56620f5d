//! `CDEvents`: whether a body is an event of the specification's version 0.4.
//!
//! See <https://github.com/cdevents/spec/tree/v0.4.1>. As in Flux, fields that the specification does not know are
//! passed over, and formats of URIs are not looked at.

mod catalogue;

use serde_json::{Map, Value};

use self::catalogue::{EVENTS, Field};
use super::Refusal;

const SENDER: &str = "CDEvents";
/// What types begin with that tools make up themselves.
const CUSTOM: &str = "dev.cdeventsx.";
const STANDARD: &str = "dev.cdevents.";

/// Checks a body.
pub fn check(body: &[u8]) -> Result<(), Refusal> {
    let refuse = |reason| Refusal::Payload { sender: SENDER, reason };
    let event: Value = serde_json::from_slice(body).map_err(|error| refuse(error.to_string()))?;
    check_event(&event).map_err(refuse)
}

fn check_event(event: &Value) -> Result<(), String> {
    let event = fields(event, "the body")?;
    let context = fields(get(event, "context"), "context")?;
    let kind = required(context, "type")?;
    check_context(context)?;
    let subject = fields(get(event, "subject"), "subject")?;
    required(subject, "id")?;
    optional(subject, "source")?;
    let subject_type = required(subject, "type")?;
    let details = get(subject, "content");
    if let Some(custom) = kind.strip_prefix(CUSTOM) {
        if !is_custom_type(custom) || !is_custom_subject(subject_type) {
            return Err(format!("type {kind:?} of subject {subject_type:?} is no custom type"));
        }
        fields(details, "subject.content")?;
    } else {
        let known =
            kind.strip_prefix(STANDARD).and_then(|name| EVENTS.iter().find(|event| event.name == name));
        let known = known.ok_or_else(|| format!("unknown event type {kind:?}"))?;
        if subject_type != known.subject {
            return Err(format!("subject.type is {subject_type:?}, want {:?}", known.subject));
        }
        let empty = Value::Object(Map::new());
        let details = if details.is_null() { &empty } else { details };
        check_fields(details, known.content, "subject.content")?;
    }
    match get(event, "customData") {
        Value::Null | Value::Object(_) | Value::String(_) => {}
        _ => return Err("customData must be an object or a string".to_owned()),
    }
    optional(event, "customDataContentType").map(drop)
}

fn check_context(context: &Map<String, Value>) -> Result<(), String> {
    for field in ["version", "id", "source"] {
        required(context, field)?;
    }
    optional(context, "chainId")?;
    if !optional(context, "schemaUri")?.is_empty() {
        return Err("context.schemaUri: no schemas of others are known here".to_owned());
    }
    let time = get(context, "timestamp");
    let is_time = time.as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok());
    if !time.is_null() && !is_time {
        return Err("context.timestamp is no RFC 3339 time".to_owned());
    }
    match get(context, "links") {
        Value::Null => Ok(()),
        Value::Array(links) => links.iter().try_for_each(check_link),
        _ => Err("context.links must be a list".to_owned()),
    }
}

fn check_link(link: &Value) -> Result<(), String> {
    const PATH: &str = "context.links";
    let link = fields(link, PATH)?;
    let end = match optional(link, "linkType")? {
        "END" | "PATH" => "from",
        "RELATION" => {
            required(link, "linkKind")?;
            "target"
        }
        other => return Err(format!("unsupported link type {other:?} found")),
    };
    required(fields(get(link, end), PATH)?, "contextId")?;
    fields(get(link, "tags"), "the tags of a link").map(drop)
}

fn check_fields(value: &Value, wanted: &[(&str, Field)], path: &str) -> Result<(), String> {
    let have = fields(value, path)?;
    for (name, field) in wanted {
        let path = format!("{path}.{name}");
        let value = get(have, name);
        match field {
            Field::Text => optional(have, name).map(drop)?,
            Field::Required => required(have, name).map(drop)?,
            Field::Word(words) => {
                let word = optional(have, name)?;
                if !word.is_empty() && !words.contains(&word) {
                    return Err(format!("{path} is none of {words:?}"));
                }
            }
            Field::RequiredWord(words) => {
                let word = optional(have, name)?;
                if !words.contains(&word) {
                    return Err(format!("{path} is none of {words:?}"));
                }
            }
            Field::Purl => {
                let purl = optional(have, name)?;
                if !purl.is_empty() && !purl.starts_with("pkg:") {
                    return Err(format!("{path} is no package URL"));
                }
            }
            Field::RequiredPurl => {
                if !required(have, name)?.starts_with("pkg:") {
                    return Err(format!("{path} is no package URL"));
                }
            }
            Field::Texts => {
                let fits =
                    value.is_null() || value.as_array().is_some_and(|all| all.iter().all(Value::is_string));
                if !fits {
                    return Err(format!("{path} must be a list of strings"));
                }
            }
            Field::Object(_) if value.is_null() => {}
            Field::Object(inner) | Field::RequiredObject(inner) => check_fields(value, inner, &path)?,
        }
    }
    Ok(())
}

/// `tool-subject.predicate.1.2.3`
fn is_custom_type(name: &str) -> bool {
    let lower = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut parts = name.split('.');
    let subject = parts.next().and_then(|subject| subject.split_once('-'));
    let named = subject.is_some_and(|(tool, subject)| lower(tool) && lower(subject));
    let predicate = parts.next().is_some_and(lower);
    let version: Vec<&str> = parts.collect();
    let digit = |part: &&str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit());
    named && predicate && version.len() == 3 && version.iter().all(digit)
}

/// `tool-subject`
fn is_custom_subject(name: &str) -> bool {
    let Some((tool, subject)) = name.split_once('-') else { return false };
    let letters = |byte: u8| byte.is_ascii_alphabetic();
    !tool.is_empty()
        && !subject.is_empty()
        && tool.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && subject.bytes().all(letters)
}

fn fields<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{path} must be an object"))
}

/// A field in any case, as Go finds it. The last one counts.
fn get<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields
        .iter()
        .rev()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map_or(&Value::Null, |(_, value)| value)
}

fn optional<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    match get(fields, name) {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        _ => Err(format!("{name} must be a string")),
    }
}

fn required<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    let text = optional(fields, name)?;
    if text.is_empty() { Err(format!("{name} must not be empty")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of the specification for a merged change.
    fn merged() -> Value {
        json!({
            "context": {
                "version": "0.4.1",
                "id": "271069a8-fc18-44f1-b38f-9d70a1695819",
                "source": "/event/source/123",
                "type": "dev.cdevents.change.merged.0.2.0",
                "timestamp": "2023-03-20T14:27:05.315384Z",
            },
            "subject": {
                "id": "mySubject123",
                "source": "/event/source/123",
                "type": "change",
                "content": {"repository": {"id": "TestRepo/TestOrg", "source": "https://example.org"}},
            },
        })
    }

    fn with(pointer: &str, value: Value) -> Result<(), String> {
        let mut event = merged();
        *event.pointer_mut(pointer).unwrap() = value;
        check_event(&event)
    }

    #[test]
    fn events_of_the_specification_are_accepted() {
        check_event(&merged()).unwrap();
        with("/context/version", json!("0.3.0")).unwrap();
        with("/context/timestamp", json!(null)).unwrap();
        with("/subject/content", json!({})).unwrap();
        with("/subject/content", json!({"unknown": 1})).unwrap();
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for (pointer, value) in [
            ("/context/id", json!("")),
            ("/context/timestamp", json!("bad")),
            ("/context/type", json!("dev.cdevents.change.merged.0.1.0")),
            ("/context/type", json!("dev.cdevents.nosuch.merged.0.2.0")),
            ("/context/type", json!("change.merged")),
            ("/context/source", json!(5)),
            ("/subject/type", json!("build")),
            ("/subject/id", json!(null)),
            ("/subject/content", json!({"repository": {"source": "x"}})),
            ("/subject/content", json!([])),
            ("/subject", json!(null)),
        ] {
            assert!(with(pointer, value.clone()).is_err(), "{pointer} {value}");
        }
        assert!(check(b"{}").is_err() && check(b"x").is_err());
        assert!(check(format!("{} trailing", merged()).as_bytes()).is_err());
    }

    #[test]
    fn contents_have_their_fields() {
        let run = |content: Value| {
            let mut event = merged();
            event["context"]["type"] = json!("dev.cdevents.testsuiterun.finished.0.2.0");
            event["subject"]["type"] = json!("testSuiteRun");
            event["subject"]["content"] = content;
            check_event(&event)
        };
        run(json!({"environment": {"id": "e"}, "outcome": "pass", "severity": "low"})).unwrap();
        assert!(run(json!({"environment": {"id": "e"}})).is_err());
        assert!(run(json!({"outcome": "pass"})).is_err());
        assert!(run(json!({"environment": {"id": "e"}, "outcome": "pass", "severity": "none"})).is_err());
    }

    #[test]
    fn tools_may_have_types_of_their_own() {
        let custom = |kind: &str, subject: &str| {
            let mut event = merged();
            event["context"]["type"] = json!(kind);
            event["subject"]["type"] = json!(subject);
            check_event(&event)
        };
        custom("dev.cdeventsx.mytool-resource.created.0.1.0", "mytool-resource").unwrap();
        assert!(custom("dev.cdeventsx.mytool-resource.created.0.1", "mytool-resource").is_err());
        assert!(custom("dev.cdeventsx.mytool-resource.created.0.1.0", "resource").is_err());
    }
}
