//! Base 64 and base 32.

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};

use super::args::text;
use crate::function::Function;
use crate::value::{Type, Value};

const TEXT: &[Type] = &[Type::String];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("b64enc", TEXT, |_, args| Ok(STANDARD.encode(text(args, 0)).into())),
    Function::new("b64dec", TEXT, |_, args| Ok(decoded(decode_base64(&text(args, 0)), 64))),
    Function::new("b32enc", TEXT, |_, args| Ok(encode_base32(&text(args, 0)).into())),
    Function::new("b32dec", TEXT, |_, args| Ok(decoded(decode_base32(&text(args, 0)), 32))),
];

/// The bytes, or as text Go's error.
fn decoded(result: Result<Vec<u8>, usize>, base: u8) -> Value {
    match result {
        Ok(bytes) => Value::str(bytes),
        Err(at) => corrupt(base, at).into(),
    }
}

/// Go's text for a fault at a byte.
pub(super) fn corrupt(base: u8, at: usize) -> String {
    format!("illegal base{base} data at input byte {at}")
}

/// Go's standard decoder: line breaks don't count, bits left over in the last character don't matter. The error is the
/// place of the fault in the text.
pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    let clean: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    LENIENT.decode(&clean).map_err(|_| base64_fault(text))
}

/// Where Go finds the first fault of a text that is not base 64.
fn base64_fault(text: &[u8]) -> usize {
    let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let mut in_quantum = 0;
    let mut rest = text.iter().copied().enumerate().filter(|(_, byte)| !breaks(byte)).peekable();
    while let Some((at, byte)) = rest.next() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => in_quantum = (in_quantum + 1) % 4,
            b'=' => {
                match in_quantum {
                    0 | 1 => return at,
                    2 => match rest.next() {
                        // One of two padding characters is missing.
                        None => return text.len(),
                        Some((_, b'=')) => {}
                        // Go names the place before the wrong character, where padding was to be.
                        Some((next, _)) => return next,
                    },
                    _ => {}
                }
                // Something behind the padding.
                return rest.next().map_or(text.len(), |(at, _)| at);
            }
            _ => return at,
        }
    }
    // Characters without their padding: the place where the last group begins.
    text.len().saturating_sub(in_quantum)
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode_base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let value =
            (0..5).fold(0u64, |value, index| value << 8 | u64::from(chunk.get(index).copied().unwrap_or(0)));
        let used = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = (value >> (35 - 5 * index) & 31) as usize;
            out.push(if index < used { char::from(BASE32[digit]) } else { '=' });
        }
    }
    out
}

/// Go's standard decoder for base 32. The error is the place of the fault in the text without its line breaks.
fn decode_base32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let clean: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(clean.len() / 8 * 5);
    let mut at = 0;
    while at < clean.len() {
        let group = clean.get(at..).unwrap_or_default();
        let digit = |byte: &u8| BASE32.iter().position(|known| known == byte);
        let mut digits = Vec::with_capacity(8);
        for (index, byte) in group.iter().take(8).enumerate() {
            if let Some(digit) = digit(byte) {
                digits.push(digit as u64);
                continue;
            }
            // Padding ends the text, after two, four, five or seven characters.
            if *byte != b'=' || index < 2 {
                return Err(at + index);
            }
            let padding = group.get(index..).unwrap_or_default();
            if padding.len() + index < 8 {
                return Err(clean.len());
            }
            if let Some(wrong) = padding.iter().take(8 - index).position(|byte| *byte != b'=') {
                return Err(at + index + wrong - 1);
            }
            if matches!(index, 1 | 3 | 6) {
                return Err(at + index - 1);
            }
            if padding.len() + index > 8 {
                return Err(at + 8);
            }
            break;
        }
        if digits.len() < 8 && !group.contains(&b'=') {
            // Not padded: the place where the group begins.
            return Err(at);
        }
        let bits = digits.iter().fold(0u64, |bits, digit| bits << 5 | digit) << (5 * (8 - digits.len()));
        let bytes = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(3..3 + digits.len() * 5 / 8).unwrap_or_default());
        at += 8;
    }
    Ok(out)
}
