//! Signatures by `ssh-keygen -Y sign`.

use std::path::PathBuf;
use std::process::Command;

use sluice_verify::{AuthorizedKeys, Error, verify_ssh};

use crate::run;

const PAYLOAD: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nchange\n";

struct Key {
    dir: tempfile::TempDir,
}

impl Key {
    fn new(algorithm: &[&str]) -> Self {
        let key = Self { dir: tempfile::tempdir().unwrap() };
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-N", "", "-C", "somebody", "-t"]).args(algorithm).arg("-f").arg(key.path());
        run(&mut command, b"");
        key
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("key")
    }

    fn public(&self) -> String {
        std::fs::read_to_string(self.path().with_extension("pub")).unwrap()
    }

    fn fingerprint(&self) -> String {
        let listed = run(Command::new("ssh-keygen").arg("-lf").arg(self.path()), b"");
        String::from_utf8(listed).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    fn sign(&self, namespace: &str, hash: &str, payload: &[u8]) -> String {
        let option = format!("hashalg={hash}");
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "sign", "-n", namespace, "-O", &option, "-f"]).arg(self.path());
        String::from_utf8(run(&mut command, payload)).unwrap()
    }
}

fn trust(texts: &[&str]) -> AuthorizedKeys {
    AuthorizedKeys::read(texts.iter().copied())
}

#[test]
fn all_kinds_of_keys() {
    let kinds: &[&[&str]] = &[
        &["ed25519"],
        &["ecdsa", "-b", "256"],
        &["ecdsa", "-b", "384"],
        &["ecdsa", "-b", "521"],
        &["rsa", "-b", "2048"],
    ];
    let keys: Vec<Key> = kinds.iter().map(|kind| Key::new(kind)).collect();
    let lines: String = keys.iter().map(Key::public).collect();
    let trusted = trust(&[&format!("# people\n\n{lines}")]);
    for key in &keys {
        for hash in ["sha256", "sha512"] {
            let signature = key.sign("git", hash, PAYLOAD);
            assert_eq!(verify_ssh(&signature, PAYLOAD, &trusted), Ok(key.fingerprint()), "{hash}");
            let error = verify_ssh(&signature, b"something else", &trusted).unwrap_err().without_hint();
            let lines: Vec<_> = error.lines().collect();
            assert_eq!(
                lines[0],
                "unable to verify payload with any of the given authorized keys: no matching key"
            );
            // Each reason stands there once, however many keys it is of.
            assert_eq!(lines.len(), 3, "{error}");
            assert!(lines.contains(&"public key does not match"), "{error}");
            let reason =
                |line: &&str| line.ends_with("did not verify") || line.ends_with("verification error");
            assert!(lines.iter().any(reason), "{error}");
        }
    }
}

#[test]
fn strangers_and_signatures_for_something_else() {
    let (friend, stranger) = (Key::new(&["ed25519"]), Key::new(&["ed25519"]));
    let trusted = trust(&[&friend.public()]);
    let error = verify_ssh(&stranger.sign("git", "sha512", PAYLOAD), PAYLOAD, &trusted).unwrap_err();
    let none = "unable to verify payload with any of the given authorized keys: no matching key";
    let hint = format!(": it was made with {}", stranger.fingerprint());
    assert_eq!(error.to_string(), format!("{none}\npublic key does not match{hint}"));
    assert_eq!(error.without_hint(), format!("{none}\npublic key does not match"));
    let error = verify_ssh(&friend.sign("file", "sha512", PAYLOAD), PAYLOAD, &trusted).unwrap_err();
    assert!(error.to_string().contains("made for 'file'"), "{error}");
    assert_eq!(error.without_hint(), format!("{none}\nnamespace does not match"));
    assert!(matches!(
        verify_ssh("-----BEGIN SSH SIGNATURE-----\nxx", PAYLOAD, &trusted),
        Err(Error::SshSignature(_))
    ));
    let signature = friend.sign("git", "sha512", PAYLOAD);
    assert!(verify_ssh(&signature, PAYLOAD, &trust(&[])).is_err(), "nobody is trusted");
}

#[test]
fn a_malformed_set_of_keys_hides_no_other() {
    let key = Key::new(&["ed25519"]);
    let signature = key.sign("git", "sha512", PAYLOAD);
    let garbage = "ssh-ed25519 garbage";
    assert!(verify_ssh(&signature, PAYLOAD, &trust(&[garbage, &key.public()])).is_ok());
    let error = verify_ssh(&signature, PAYLOAD, &trust(&[garbage])).unwrap_err();
    assert!(matches!(error, Error::AuthorizedKeys(_)), "{error}");
}
