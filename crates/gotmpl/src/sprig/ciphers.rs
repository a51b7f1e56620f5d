//! AES in CBC mode, the initialisation vector first, all in base 64.
//!
//! This hides, but does not protect from change: it is what sprig does, and what it has encrypted must be readable.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use rand::RngCore;

use super::args::{Outcome, text};
use super::encoding::{corrupt, decode_base64};
use crate::function::{Call, FuncError, Function};
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("encryptAES", &[Type::String, Type::String], encrypt),
    Function::new("decryptAES", &[Type::String, Type::String], decrypt),
];

const BLOCK: usize = 16;

/// The first 32 bytes of a password, or fewer and zeros.
fn key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (byte, given) in key.iter_mut().zip(password) {
        *byte = *given;
    }
    key
}

fn encrypt(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (password, plain) = (text(args, 0), text(args, 1));
    if plain.is_empty() {
        return Ok("".into());
    }
    let mut iv = [0; BLOCK];
    rand::rng().fill_bytes(&mut iv);
    let encryptor = cbc::Encryptor::<Aes256>::new(&key(&password).into(), &iv.into());
    let encrypted = encryptor.encrypt_padded_vec_mut::<Pkcs7>(&plain);
    Ok(STANDARD.encode([&iv[..], &encrypted].concat()).into())
}

fn decrypt(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (password, encrypted) = (text(args, 0), text(args, 1));
    if encrypted.is_empty() {
        return Ok("".into());
    }
    let encrypted = decode_base64(&encrypted).map_err(|at| corrupt(64, at))?;
    let (iv, encrypted) = encrypted
        .split_first_chunk::<BLOCK>()
        .ok_or_else(|| out_of_range(&format!(":{BLOCK}"), encrypted.len()))?;
    let (blocks, rest) = encrypted.as_chunks::<BLOCK>();
    if !rest.is_empty() {
        return Err("crypto/cipher: input not full blocks".into());
    }
    let mut decryptor = cbc::Decryptor::<Aes256>::new(&key(&password).into(), iv.into());
    let mut plain = Vec::with_capacity(encrypted.len());
    for block in blocks {
        let mut block = (*block).into();
        decryptor.decrypt_block_mut(&mut block);
        plain.extend_from_slice(&block);
    }
    // As in Go, the padding is taken by its last byte alone.
    let Some(padding) = plain.last().map(|byte| usize::from(*byte)) else {
        return Err("runtime error: index out of range [-1]".into());
    };
    match plain.len().checked_sub(padding) {
        Some(len) => plain.truncate(len),
        None => {
            return Err(
                format!("runtime error: slice bounds out of range [:-{}]", padding - plain.len()).into()
            );
        }
    }
    Ok(Value::str(plain))
}

fn out_of_range(range: &str, capacity: usize) -> FuncError {
    FuncError::new(format!("runtime error: slice bounds out of range [{range}] with capacity {capacity}"))
}
