//! Digests, password hashes and passwords derived from a master password.

use bcrypt::{DEFAULT_COST, Version};
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::args::{Outcome, text};
use crate::function::{Call, FuncError, Function};
use crate::value::{Str, Type, Value};

const TEXT: Type = Type::String;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("sha1sum", &[TEXT], |_, args| Ok(hex::encode(Sha1::digest(text(args, 0))).into())),
    Function::new("sha256sum", &[TEXT], |_, args| Ok(hex::encode(Sha256::digest(text(args, 0))).into())),
    Function::new("sha512sum", &[TEXT], |_, args| Ok(hex::encode(Sha512::digest(text(args, 0))).into())),
    Function::new("adler32sum", &[TEXT], |_, args| {
        Ok(adler2::adler32_slice(&text(args, 0)).to_string().into())
    }),
    Function::new("bcrypt", &[TEXT], |call, args| Ok(Value::str(hash_password(call, &text(args, 0))?))),
    Function::new("htpasswd", &[TEXT, TEXT], htpasswd),
    Function::new("derivePassword", &[Type::UINT32, TEXT, TEXT, TEXT, TEXT], derive_password),
];

/// What a password hash costs of the step limit: about as long as that many nodes take.
const HASH_STEPS: u64 = 1_000_000;

/// The longest password that bcrypt takes.
const MAX_PASSWORD: usize = 72;

/// The hash of a password, or in its place the text of an error.
fn hash_password(call: &mut Call<'_>, password: &[u8]) -> Result<String, FuncError> {
    call.spend(HASH_STEPS)?;
    if password.len() > MAX_PASSWORD {
        return Ok(failed(&format_args!("bcrypt: password length exceeds {MAX_PASSWORD} bytes")));
    }
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    // Go's library has written version 2a since its beginning.
    Ok(match bcrypt::hash_with_salt(password, DEFAULT_COST_OF_GO, salt) {
        Ok(hash) => hash.format_for_version(Version::TwoA),
        Err(error) => failed(&error),
    })
}

/// Go's default; this library's is higher.
const DEFAULT_COST_OF_GO: u32 = 10;
const _: () = assert!(DEFAULT_COST >= DEFAULT_COST_OF_GO);

fn failed(why: &dyn std::fmt::Display) -> String {
    format!("failed to encrypt string with bcrypt: {why}")
}

fn htpasswd(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (user, password) = (text(args, 0), text(args, 1));
    if user.contains(&b':') {
        return Ok(Value::str([b"invalid username: ", &user[..]].concat()));
    }
    let hash = hash_password(call, &password)?;
    Ok(Value::str([&user[..], b":", hash.as_bytes()].concat()))
}

/// What the algorithm of Spectre (once Master Password) puts before everything it hashes.
const SEED: &[u8] = b"com.lyndir.masterpassword";

/// The forms that a derived password may have, by its type. A letter stands for a set of characters.
const FORMS: &[(&[u8], &[&str])] = &[
    (b"maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    (
        b"long",
        &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
    ),
    (b"medium", &["CvcnoCvc", "CvcCvcno"]),
    (b"short", &["Cvcn"]),
    (b"basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    (b"pin", &["nnnn"]),
];

/// The characters that a letter of a form stands for.
fn characters(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn derive_password(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let counter = super::args::int(args, 0) as u32;
    let [kind, password, user, site] = [1, 2, 3, 4].map(|index| text(args, index));
    let Some((_, forms)) = FORMS.iter().find(|(name, _)| *name == &kind[..]) else {
        return Ok(Value::str([b"cannot find password template ", &kind[..]].concat()));
    };
    call.spend(HASH_STEPS)?;
    let why = |why: &dyn std::fmt::Display| Value::str(format!("failed to derive password: {why}"));
    let mut key = [0; 64];
    let derived =
        scrypt::Params::new(15, 8, 2, key.len()).map_err(|error| error.to_string()).and_then(|cost| {
            scrypt::scrypt(&password, &salted(&user), &cost, &mut key).map_err(|error| error.to_string())
        });
    if let Err(error) = derived {
        return Ok(why(&error));
    }
    let mut hmac = match Hmac::<Sha256>::new_from_slice(&key) {
        Ok(hmac) => hmac,
        Err(error) => return Ok(why(&error)),
    };
    hmac.update(&salted(&site));
    hmac.update(&counter.to_be_bytes());
    let seed = hmac.finalize().into_bytes();
    let pick = |index: usize, len: usize| usize::from(seed.get(index).copied().unwrap_or(0)) % len;
    let form = forms.get(pick(0, forms.len())).copied().unwrap_or_default();
    let password: Vec<u8> = form
        .bytes()
        .enumerate()
        .filter_map(|(index, letter)| {
            let set = characters(letter);
            set.get(pick(index + 1, set.len())).copied()
        })
        .collect();
    Ok(Value::str(password))
}

/// The seed, the length of the text, and the text.
fn salted(text: &Str) -> Vec<u8> {
    [SEED, &(text.len() as u32).to_be_bytes(), text].concat()
}
