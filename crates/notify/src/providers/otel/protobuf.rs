//! The few messages of OTLP's protobuf encoding that one span needs.
//!
//! Field numbers are those of `opentelemetry/proto/{collector/trace,trace,common,resource}/v1`.

/// A span.
#[allow(clippy::struct_field_names, reason = "the names of the protocol")]
pub(super) struct Span<'a> {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub name: String,
    /// Nanoseconds since 1970.
    pub start: u64,
    pub end: u64,
    pub attributes: Vec<(&'a str, &'a str)>,
    pub status: Status<'a>,
}

/// How what the span is about went.
pub(super) enum Status<'a> {
    Ok,
    Error(&'a str),
}

const SCOPE: &str = "flux:notification-controller";
/// The version of the conventions that the resource's attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.34.0";
const KIND_INTERNAL: u64 = 1;
const STATUS_OK: u64 = 1;
const STATUS_ERROR: u64 = 2;
/// The span is sampled.
const FLAGS: u32 = 1;

/// An `ExportTraceServiceRequest` of one span.
pub(super) fn export(resource: &[(&str, String)], span: &Span<'_>) -> Vec<u8> {
    Message::default().message(1, &resource_spans(resource, span)).0
}

fn resource_spans(resource: &[(&str, String)], span: &Span<'_>) -> Message {
    let attributes = resource
        .iter()
        .fold(Message::default(), |message, (key, value)| message.message(1, &key_value(key, value)));
    let scope = Message::default().text(1, SCOPE);
    let spans = Message::default().message(1, &scope).message(2, &encode(span));
    Message::default().message(1, &attributes).message(2, &spans).text(3, SCHEMA)
}

fn encode(span: &Span<'_>) -> Message {
    let mut message = Message::default()
        .bytes(1, &span.trace_id)
        .bytes(2, &span.span_id)
        .text(5, &span.name)
        .varint(6, KIND_INTERNAL)
        .fixed64(7, span.start)
        .fixed64(8, span.end);
    for (key, value) in &span.attributes {
        message = message.message(9, &key_value(key, value));
    }
    let status = match span.status {
        Status::Ok => Message::default().varint(3, STATUS_OK),
        Status::Error(text) => Message::default().text(2, text).varint(3, STATUS_ERROR),
    };
    message.message(15, &status).fixed32(16, FLAGS)
}

fn key_value(key: &str, value: &str) -> Message {
    Message::default().text(1, key).message(2, &Message::default().text(1, value))
}

/// A message that is being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn tag(&mut self, field: u64, wire_type: u64) {
        self.raw_varint(field << 3 | wire_type);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(mut self, field: u64, value: u64) -> Self {
        self.tag(field, 0);
        self.raw_varint(value);
        self
    }

    fn fixed64(mut self, field: u64, value: u64) -> Self {
        self.tag(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn fixed32(mut self, field: u64, value: u32) -> Self {
        self.tag(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.tag(field, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_encoded_as_protobuf_says() {
        // The examples of https://protobuf.dev/programming-guides/encoding/
        assert_eq!(Message::default().varint(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").0, *b"\x12\x07testing");
        assert_eq!(
            Message::default().message(3, &Message::default().varint(1, 150)).0,
            [0x1a, 3, 0x08, 0x96, 1]
        );
        assert_eq!(Message::default().fixed32(16, 1).0, [0x85, 0x01, 1, 0, 0, 0]);
    }
}
