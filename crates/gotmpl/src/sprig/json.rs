//! JSON.

use super::args::{Outcome, any, text};
use crate::function::{Call, FuncError, Function};
use crate::gojson::{Style, decode, encode};
use crate::value::{Type, Value};

const ANY: &[Type] = &[Type::Any];

const PLAIN: Style = Style { raw: false, indented: false };
const PRETTY: Style = Style { raw: false, indented: true };
const RAW: Style = Style { raw: true, indented: false };

pub(super) const FUNCTIONS: &[Function] = &[
    // Without `must`, what can't be encoded is the empty string, and what can't be decoded nil.
    Function::new("toJson", ANY, |_, args| Ok(encoded(args, PLAIN).unwrap_or_else(|_| "".into()))),
    Function::new("toPrettyJson", ANY, |_, args| Ok(encoded(args, PRETTY).unwrap_or_else(|_| "".into()))),
    Function::new("toRawJson", ANY, |_, args| encoded(args, RAW)),
    Function::new("mustToJson", ANY, |_, args| encoded(args, PLAIN)),
    Function::new("mustToPrettyJson", ANY, |_, args| encoded(args, PRETTY)),
    Function::new("mustToRawJson", ANY, |_, args| encoded(args, RAW)),
    Function::new("fromJson", &[Type::String], |call, args| Ok(decoded(call, args)?.unwrap_or_default())),
    Function::new("mustFromJson", &[Type::String], |call, args| decoded(call, args)?.map_err(FuncError::new)),
];

fn encoded(args: &[Value], style: Style) -> Outcome {
    encode(any(args, 0), style).map(Value::str).map_err(FuncError::new)
}

/// So many bytes a byte of JSON may take in memory, as in `[[],[]]`.
const BYTES_PER_BYTE: u64 = 16;

fn decoded(call: &mut Call<'_>, args: &[Value]) -> Result<Result<Value, String>, FuncError> {
    let text = text(args, 0);
    call.allocate(text.len() as u64 * BYTES_PER_BYTE)?;
    Ok(decode(&text))
}
