//! Signatures by `gpg --detach-sign`.

use std::path::Path;
use std::process::Command;

use sluice_verify::{Error, KeyRing, PgpSigner, SignError, verify_pgp};

use crate::run;

const PAYLOAD: &[u8] = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nchange\n";

/// A home of gpg, whose agent ends with it.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn gpg(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", self.path()).args([
            "--batch",
            "--quiet",
            "--yes",
            "--pinentry-mode",
            "loopback",
        ]);
        run(command.args(["--passphrase", ""]).args(args), input)
    }

    /// A key for certificates and signatures; its fingerprint.
    fn key(&self, name: &str, algorithm: &str, usage: &str, expires: &str) -> String {
        self.gpg(&["--quick-generate-key", name, algorithm, usage, expires], b"");
        self.fingerprint(name)
    }

    fn fingerprint(&self, name: &str) -> String {
        let listed = self.gpg(&["--with-colons", "--list-keys", name], b"");
        let listed = String::from_utf8(listed).unwrap();
        let line = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
        line.split(':').nth(9).unwrap().to_owned()
    }

    fn sign(&self, name: &str, extra: &[&str]) -> String {
        let mut args = vec!["--armor", "--local-user", name];
        args.extend(extra);
        args.push("--detach-sign");
        String::from_utf8(self.gpg(&args, PAYLOAD)).unwrap()
    }

    fn export(&self, name: &str) -> String {
        String::from_utf8(self.gpg(&["--armor", "--export", name], b"")).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.path()).args(["--kill", "all"]).status();
    }
}

fn trust(texts: &[&str]) -> KeyRing {
    KeyRing::read(texts.iter().copied())
}

fn refusal(signature: &str, trusted: &KeyRing) -> String {
    let text = verify_pgp(signature, PAYLOAD, trusted).unwrap_err().to_string();
    assert!(
        text.starts_with("unable to verify payload with any of the given key rings: no matching key"),
        "{text}"
    );
    text
}

#[test]
fn primary_keys_and_subkeys() {
    let home = Home::new();
    for (name, algorithm, subkey) in
        [("ed", "ed25519", "ed25519"), ("rsa", "rsa2048", "rsa2048"), ("nist", "nistp256", "ed25519")]
    {
        let fingerprint = home.key(name, algorithm, "cert,sign", "never");
        let trusted = trust(&[&home.export(name)]);
        let id = fingerprint[fingerprint.len() - 16..].to_owned();
        let signature = home.sign(name, &[]);
        assert_eq!(verify_pgp(&signature, PAYLOAD, &trusted), Ok(id.clone()), "{name}");
        assert!(verify_pgp(&signature, b"something else", &trusted).is_err());

        // A subkey signs from now on; the primary key is named nevertheless.
        home.gpg(&["--quick-add-key", &fingerprint, subkey, "sign", "1y"], b"");
        let signature = home.sign(name, &[]);
        assert!(verify_pgp(&signature, PAYLOAD, &trusted).is_err(), "the old export lacks the subkey");
        let trusted = trust(&[&home.export(name)]);
        assert_eq!(verify_pgp(&signature, PAYLOAD, &trusted), Ok(id), "{name}");
    }
}

#[test]
fn strangers_weak_hashes_and_garbage() {
    let home = Home::new();
    home.key("friend", "ed25519", "cert,sign", "never");
    let stranger = home.key("stranger", "ed25519", "cert,sign", "never");
    let trusted = trust(&[&home.export("friend")]);
    assert!(refusal(&home.sign("stranger", &[]), &trusted).contains(&stranger));
    home.key("old", "rsa2048", "cert,sign", "never");
    let weak = home.sign("old", &["--digest-algo", "SHA1"]);
    assert!(refusal(&weak, &trust(&[&home.export("old")])).contains("not safe any more"));
    let garbage = "-----BEGIN PGP SIGNATURE-----\n\nxx\n-----END PGP SIGNATURE-----";
    assert!(matches!(verify_pgp(garbage, PAYLOAD, &trusted), Err(Error::Signature(_))));
    let signature = home.sign("friend", &[]);
    assert!(verify_pgp(&signature, PAYLOAD, &trust(&["garbage", &home.export("friend")])).is_ok());
    assert!(matches!(verify_pgp(&signature, PAYLOAD, &trust(&["garbage"])), Err(Error::KeyRing(_))));
}

#[test]
fn expired_and_revoked_keys_verify_nothing() {
    let home = Home::new();
    let past = ["--faked-system-time", "20200101T000000!"];
    let mut args = past.to_vec();
    args.extend(["--quick-generate-key", "expired", "ed25519", "cert,sign", "1d"]);
    home.gpg(&args, b"");
    let signature = home.sign("expired", &past);
    assert!(refusal(&signature, &trust(&[&home.export("expired")])).contains("expired"));

    let fingerprint = home.key("revoked", "ed25519", "cert,sign", "never");
    let signature = home.sign("revoked", &[]);
    assert!(verify_pgp(&signature, PAYLOAD, &trust(&[&home.export("revoked")])).is_ok());
    let file = home.path().join(format!("openpgp-revocs.d/{fingerprint}.rev"));
    // A colon before the armor keeps people from using it by mistake.
    let certificate = std::fs::read_to_string(file).unwrap().replace(":-----BEGIN", "-----BEGIN");
    home.gpg(&["--import"], certificate.as_bytes());
    assert!(refusal(&signature, &trust(&[&home.export("revoked")])).contains("revoked"));
}

#[test]
fn gpg_accepts_our_signatures() {
    let home = Home::new();
    home.key("rsa@example.org", "rsa2048", "sign,cert", "never");
    home.key("ed@example.org", "ed25519", "sign,cert", "never");
    let fingerprint = home.key("sub@example.org", "ed25519", "cert", "never");
    home.gpg(&["--quick-add-key", &fingerprint, "ed25519", "sign", "never"], b"");
    home.gpg(&["--quick-add-key", &fingerprint, "cv25519", "encrypt", "never"], b"");
    for name in ["rsa@example.org", "ed@example.org", "sub@example.org"] {
        let secret = String::from_utf8(home.gpg(&["--armor", "--export-secret-keys", name], b"")).unwrap();
        let signature = PgpSigner::read(&secret, None).unwrap().sign(PAYLOAD).unwrap();
        let file = home.path().join("signature");
        std::fs::write(&file, &signature).unwrap();
        home.gpg(&["--verify", file.to_str().unwrap(), "-"], PAYLOAD);
        let public = String::from_utf8(home.gpg(&["--armor", "--export", name], b"")).unwrap();
        verify_pgp(&signature, PAYLOAD, &KeyRing::read([public.as_str()])).unwrap();
    }
}

#[test]
fn protected_keys_need_their_passphrase() {
    let home = Home::new();
    let gpg = |args: &[&str]| {
        let mut command = Command::new("gpg");
        command.env("GNUPGHOME", home.path()).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        run(command.args(["--passphrase", "hunter2"]).args(args), b"")
    };
    gpg(&["--quick-generate-key", "locked@example.org", "ed25519", "sign", "never"]);
    let secret = String::from_utf8(gpg(&["--armor", "--export-secret-keys", "locked@example.org"])).unwrap();
    assert_eq!(PgpSigner::read(&secret, None).err(), Some(SignError::Locked));
    assert!(matches!(PgpSigner::read(&secret, Some("wrong")).err(), Some(SignError::Passphrase(_))));
    let signature = PgpSigner::read(&secret, Some("hunter2")).unwrap().sign(PAYLOAD).unwrap();
    let file = home.path().join("signature");
    std::fs::write(&file, signature).unwrap();
    home.gpg(&["--verify", file.to_str().unwrap(), "-"], PAYLOAD);
}

#[test]
fn what_is_no_single_secret_key_is_refused() {
    let home = Home::new();
    home.key("a@example.org", "ed25519", "sign", "never");
    home.key("b@example.org", "ed25519", "sign", "never");
    let both = String::from_utf8(home.gpg(&["--armor", "--export-secret-keys"], b"")).unwrap();
    assert_eq!(PgpSigner::read(&both, None).err(), Some(SignError::Several));
    let public = String::from_utf8(home.gpg(&["--armor", "--export", "a@example.org"], b"")).unwrap();
    assert!(matches!(PgpSigner::read(&public, None).err(), Some(SignError::Key(_))));
    assert!(matches!(PgpSigner::read("nonsense", None).err(), Some(SignError::Key(_))));
}
