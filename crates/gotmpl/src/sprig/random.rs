//! Random texts, from a generator fit for secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngCore};

use super::args::{Outcome, check_size, int, text};
use super::runes;
use crate::function::Function;
use crate::value::{Type, Value};

const INT: Type = Type::INT;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("randAlpha", &[INT], |_, args| text_of(LETTERS, args)),
    Function::new("randAlphaNum", &[INT], |_, args| text_of(LETTERS_AND_DIGITS, args)),
    Function::new("randNumeric", &[INT], |_, args| text_of(b"0123456789", args)),
    Function::new("randAscii", &[INT], |_, args| {
        let printable: Vec<u8> = (b' '..=b'~').collect();
        text_of(&printable, args)
    }),
    Function::new("randBytes", &[INT], |_, args| {
        let count =
            usize::try_from(int(args, 0)).map_err(|_| "runtime error: makeslice: len out of range")?;
        check_size(count)?;
        let mut bytes = vec![0; count];
        rand::rng().fill_bytes(&mut bytes);
        Ok(STANDARD.encode(bytes).into())
    }),
    Function::new("randInt", &[INT, INT], |_, args| {
        let (from, to) = (int(args, 0), int(args, 1));
        if to.wrapping_sub(from) <= 0 {
            return Err("invalid argument to Intn".into());
        }
        Ok(Value::int(from.wrapping_add(rand::rng().random_range(0..to.wrapping_sub(from)))))
    }),
    Function::new("shuffle", &[Type::String], |_, args| {
        let mut characters: Vec<char> = runes::chars(&text(args, 0)).collect();
        characters.shuffle(&mut rand::rng());
        Ok(characters.into_iter().collect::<String>().into())
    }),
    Function::new("uuidv4", &[], |_, _| Ok(uuid().into())),
];

/// A text of so many characters of a set; none for a negative number.
fn text_of(set: &[u8], args: &[Value]) -> Outcome {
    let count = usize::try_from(int(args, 0)).unwrap_or(0);
    check_size(count)?;
    let mut random = rand::rng();
    let text: Vec<u8> = (0..count).filter_map(|_| set.choose(&mut random).copied()).collect();
    Ok(Value::str(text))
}

/// A random UUID, RFC 9562 version 4.
fn uuid() -> String {
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
