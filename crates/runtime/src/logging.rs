//! Log lines with the keys that Flux's tools read, one JSON object a line.

use std::{fmt, io::Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use crate::flags::{LogEncoding, LogLevel};

/// Sends the log to standard error. Only the first call of a process has an effect.
pub(crate) fn init(encoding: LogEncoding, level: LogLevel) {
    let subscriber = Registry::default().with(Lines { encoding }.with_filter(filter(level)));
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let text = panic.payload_as_str().unwrap_or("no message");
            tracing::error!(location, "panic: {text}");
        }));
    }
}

/// Our own lines at the level; those of libraries one step rarer, for they tell of what we report ourselves.
fn filter(level: LogLevel) -> Targets {
    let (ours, theirs) = match level {
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::TRACE),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::ERROR),
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::OFF),
    };
    let mut filter = Targets::new().with_default(ours);
    for library in
        ["hyper", "hyper_util", "kube_client", "kube_runtime", "reqwest", "russh", "rustls", "tower"]
    {
        filter = filter.with_target(library, theirs);
    }
    if ours < LevelFilter::DEBUG {
        // It logs each failed request as an error, also those that are retried.
        filter = filter.with_target("kube_client::client", LevelFilter::OFF);
    }
    filter
}

struct Lines {
    encoding: LogEncoding,
}

/// The fields of a span, kept with it.
struct SpanFields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(SpanFields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Map::new();
        for span in
            context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(SpanFields(more)) = span.extensions().get() {
                fields.extend(more.clone());
            }
        }
        event.record(&mut Collect(&mut fields));
        let line = render(self.encoding, *event.metadata().level(), Timestamp::now(), fields);
        // A log that nobody reads is no reason to end.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

fn render(encoding: LogEncoding, level: Level, at: Timestamp, mut fields: Map<String, Value>) -> String {
    let at = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let level = match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    };
    let message = fields.remove("message").unwrap_or_default();
    if let (Some(Value::String(kind)), Some(name)) =
        (fields.get("controllerKind").cloned(), fields.get("name"))
    {
        let object = json!({ "name": name, "namespace": fields.get("namespace") });
        fields.insert(kind, object);
    }
    match encoding {
        LogEncoding::Json => {
            // Written by hand to have these three first, as people expect them.
            let head = format!("{{\"level\":{},\"ts\":{},\"msg\":{message}", json!(level), json!(at));
            let rest = Value::Object(fields).to_string();
            let comma = if rest == "{}" { "" } else { "," };
            format!("{head}{comma}{}\n", &rest[1..])
        }
        LogEncoding::Console => {
            let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
            let rest = if fields.is_empty() { String::new() } else { format!("\t{}", Value::Object(fields)) };
            format!("{at}\t{}\t{text}{rest}\n", level.to_uppercase())
        }
    }
}

/// Collects fields as JSON values.
struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Map<String, Value> {
        let fields = json!({
            "message": "Reconciler error", "controllerKind": "Kustomization", "name": "app", "namespace": "ns",
            "error": "it \"broke\"",
        });
        fields.as_object().cloned().unwrap()
    }

    #[test]
    fn json_lines_have_the_keys_that_flux_logs_reads() {
        let at: Timestamp = "2026-11-24T01:02:03.004567Z".parse().unwrap();
        let line = render(LogEncoding::Json, Level::ERROR, at, fields());
        assert!(
            line.starts_with(r#"{"level":"error","ts":"2026-11-24T01:02:03.004Z","msg":"Reconciler error","#)
        );
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["Kustomization"], json!({"name": "app", "namespace": "ns"}));
        assert_eq!(parsed["error"], "it \"broke\"");
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
    }

    #[test]
    fn a_line_without_fields_is_json_too() {
        let at = Timestamp::UNIX_EPOCH;
        let only = json!({"message": "a\nb"}).as_object().cloned().unwrap();
        let line = render(LogEncoding::Json, Level::INFO, at, only);
        assert_eq!(line, "{\"level\":\"info\",\"ts\":\"1970-01-01T00:00:00.000Z\",\"msg\":\"a\\nb\"}\n");
    }

    #[test]
    fn console_lines_are_for_people() {
        let only = json!({"message": "hello", "n": 1}).as_object().cloned().unwrap();
        let line = render(LogEncoding::Console, Level::INFO, Timestamp::UNIX_EPOCH, only);
        assert_eq!(line, "1970-01-01T00:00:00.000Z\tINFO\thello\t{\"n\":1}\n");
    }
}
