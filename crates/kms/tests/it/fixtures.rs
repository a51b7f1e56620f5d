//! Files that SOPS encrypted become what SOPS makes of them, byte for byte.

use std::path::{Path, PathBuf};

use sluice_kms::Keyring;
use sluice_sops::{DataKeyError, Encrypted, Error, Format};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(folder().join(path)).unwrap()
}

/// A key ring with these keys of the folder `keys`.
fn keyring(names: &[&str]) -> Keyring {
    let mut keyring = Keyring::default();
    for name in names {
        let entry = if name.contains('.') { (*name).to_owned() } else { format!("{name}.agekey") };
        keyring.import(&entry, &read(&format!("keys/{name}"))).unwrap();
    }
    keyring
}

async fn decrypt(name: &str, keyring: &Keyring) -> Result<String, Error> {
    let plain = decrypt_file(&read(&format!("encrypted/{name}")), Format::of_path(name), keyring).await?;
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

async fn decrypt_file(text: &[u8], format: Format, keyring: &Keyring) -> Result<Vec<u8>, Error> {
    let encrypted = Encrypted::parse(text, format)?;
    let key = encrypted.metadata().data_key(keyring).await?;
    encrypted.decrypt(&key, format)
}

async fn decrypt_bytes(text: &[u8], format: Format, keyring: &Keyring) -> Result<String, Error> {
    Ok(String::from_utf8(decrypt_file(text, format, keyring).await?).unwrap())
}

fn data_key_error(error: Error) -> DataKeyError {
    match error {
        Error::DataKey(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn plain_files_are_those_of_sops() {
    let keys = keyring(&[
        "one.agekey",
        "two.agekey",
        "three.agekey",
        "ed25519",
        "rsa",
        "rsa2048.asc",
        "cv25519.asc",
    ]);
    let mut seen = 0;
    for entry in std::fs::read_dir(folder().join("encrypted")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let plain = read(&format!("plain/{name}"));
        let text = read(&format!("encrypted/{name}"));
        let decrypted = decrypt_file(&text, Format::of_path(&name), &keys).await.unwrap();
        let texts = [&decrypted, &plain].map(|bytes| String::from_utf8_lossy(bytes));
        assert_eq!(texts[0], texts[1], "{name}");
        assert_eq!(decrypted, plain, "{name}");
        seen += 1;
    }
    assert!(seen >= 20, "{seen} fixtures");
}

#[tokio::test]
async fn each_kind_of_key_suffices() {
    for (file, key) in [
        ("two-recipients.yaml", "two.agekey"),
        ("two-recipients.yaml", "three.agekey"),
        ("ed25519.yaml", "ed25519"),
        ("rsa.yaml", "rsa"),
        ("pgp-rsa2048.yaml", "rsa2048.asc"),
        ("pgp-cv25519.yaml", "cv25519.asc"),
        ("pgp-and-age.yaml", "rsa2048.asc"),
        ("pgp-and-age.yaml", "two.agekey"),
    ] {
        assert_eq!(decrypt(file, &keyring(&[key])).await.unwrap(), "a: b\n", "{file} with {key}");
    }
}

#[tokio::test]
async fn shares_need_as_many_groups_as_the_threshold() {
    let plain = String::from_utf8(read("plain/shamir.yaml")).unwrap();
    for keys in [["one.agekey", "two.agekey"], ["one.agekey", "cv25519.asc"], ["two.agekey", "cv25519.asc"]] {
        assert_eq!(decrypt("shamir.yaml", &keyring(&keys)).await.unwrap(), plain);
    }
    let error = data_key_error(decrypt("shamir.yaml", &keyring(&["one.agekey"])).await.unwrap_err());
    let text = error.to_string();
    assert!(text.contains("Group 0: SUCCESS\n\nGroup 1: FAILED\n"), "{text}");
    assert!(text.contains("Shamir threshold of\n2, but only 1 part(s)"), "{text}");
}

#[tokio::test]
async fn a_missing_key_is_told_with_recipients_and_what_was_tried() {
    let error = decrypt("all.yaml", &keyring(&["two.agekey"])).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot get sops data key: Failed to get the data key"), "{error}");
    let advice = data_key_error(error).advice();
    let key = |name: &str| {
        let text = String::from_utf8(read(&format!("keys/{name}.agekey"))).unwrap();
        text.lines().find_map(|line| line.strip_prefix("# public key: ").map(ToOwned::to_owned)).unwrap()
    };
    assert!(advice.contains(&format!("the file is encrypted for: {}", key("one"))), "{advice}");
    assert!(advice.contains(&format!("age {}", key("two"))), "{advice}");
    let error = data_key_error(decrypt("pgp-rsa2048.yaml", &Keyring::default()).await.unwrap_err());
    assert!(error.advice().contains("there are no keys to decrypt it with"), "{error}");
}

#[tokio::test]
async fn changed_files_are_told_apart() {
    let keys = keyring(&["one.agekey"]);
    let text = String::from_utf8(read("encrypted/regex.yaml")).unwrap();
    // What is not encrypted may change, although the file's code then no longer fits: tools add labels.
    let labelled = text.replace("    name: app\n", "    name: app\n    labels:\n        a: b\n");
    assert!(decrypt_bytes(labelled.as_bytes(), Format::Yaml, &keys).await.unwrap().contains("a: b"));
    // A changed value may not, nor one that was moved.
    let (before, value) = text.split_once("number: ENC[AES256_GCM,data:").unwrap();
    let other = if value.starts_with('A') { "B" } else { "A" };
    let changed = format!("{before}number: ENC[AES256_GCM,data:{other}{}", &value[1..]);
    let error = decrypt_bytes(changed.as_bytes(), Format::Yaml, &keys).await.unwrap_err().to_string();
    assert!(error.starts_with("error decrypting sops tree: "), "{error}");
    assert!(error.contains("'stringData.number'") && !error.contains("8080"), "{error}");
    let moved = text.replace("    number:", "    digits:");
    assert!(decrypt_bytes(moved.as_bytes(), Format::Yaml, &keys).await.is_err());
    // A plain value where an encrypted one is expected is not quoted.
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("    number:")).unwrap();
    lines[at] = "    number: hunter2";
    let error =
        decrypt_bytes(lines.join("\n").as_bytes(), Format::Yaml, &keys).await.unwrap_err().to_string();
    assert!(error.contains("Input string <redacted> does not match sops' data format"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn formats_can_be_exchanged() {
    let keys = keyring(&["one.agekey"]);
    let encrypted = Encrypted::parse(&read("encrypted/some.env"), Format::Dotenv).unwrap();
    let key = encrypted.metadata().data_key(&keys).await.unwrap();
    let json = encrypted.clone().decrypt(&key, Format::Json).unwrap();
    assert!(String::from_utf8(json).unwrap().contains("\"USER\": \"admin\""));
    let error = encrypted.decrypt(&key, Format::Binary).unwrap_err().to_string();
    assert!(error.starts_with("failed to emit encrypted dotenv file as decrypted binary: "), "{error}");
}

#[test]
fn bad_files_are_errors() {
    for (text, format) in [
        ("", Format::Yaml),
        ("a: b\n", Format::Yaml),
        ("a: b\nsops: x\n", Format::Yaml),
        ("a: b\nsops:\n  mac: x\n", Format::Yaml),
        ("{", Format::Json),
        ("A=b\n", Format::Dotenv),
        ("[sops]\n", Format::Ini),
    ] {
        let error = Encrypted::parse(text.as_bytes(), format).unwrap_err().to_string();
        assert!(error.starts_with(&format!("failed to load encrypted {format} data: ")), "{error}");
    }
}
