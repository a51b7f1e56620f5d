//! Functions of sprig that need other programs to tell whether they are right.

use std::io::Write;
use std::process::{Command, Stdio};

use sluice_gotmpl::Value;

use crate::support::render;

/// What OpenSSL says of an input; `None` where there is no OpenSSL.
fn openssl(args: &[&str], input: &str) -> Option<(bool, String)> {
    let child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: no openssl");
        return None;
    };
    // A program that has read enough may close its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

fn template(template: &str) -> String {
    render(template, Value::Nil).unwrap_or_else(|error| panic!("{template}: {error}"))
}

#[test]
fn openssl_reads_private_keys() {
    for (kind, args, want) in [
        ("ecdsa", ["ec", "-noout", "-text"], "ASN1 OID: prime256v1"),
        ("ed25519", ["pkey", "-noout", "-text"], "ED25519 Private-Key"),
        ("rsa", ["rsa", "-noout", "-check"], "RSA key ok"),
        ("dsa", ["dsa", "-noout", "-text"], "Private-Key: (2048 bit)"),
    ] {
        let key = template(&format!("{{{{genPrivateKey \"{kind}\"}}}}"));
        let Some((success, text)) = openssl(&args, &key) else { return };
        assert!(success && text.contains(want), "{kind}: {text}\n{key}");
    }
    assert_eq!(template(r#"{{genPrivateKey "x"}}"#), "Unknown type x");
}

#[test]
fn openssl_verifies_certificates() {
    let all = template(
        r#"{{$ca := genCA "ca é" 10}}{{$c := genSignedCert "host" (list "10.0.0.1" "::1") (list "a.example" "*.b") 5 $ca -}}
        {{$ca.Cert}}#{{$c.Cert}}#{{$c.Key}}"#,
    );
    let parts: Vec<&str> = all.split('#').collect();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, parts[0]).unwrap();
    let ca = ca.to_str().unwrap();
    let Some((success, text)) = openssl(&["verify", "-x509_strict", "-CAfile", ca], parts[1]) else { return };
    assert!(success, "{text}");
    let (_, text) = openssl(&["x509", "-noout", "-text"], parts[1]).unwrap();
    for want in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Issuer: CN = ca",
        "Subject: CN = host",
        "Public-Key: (2048 bit)",
        "X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n",
        "TLS Web Server Authentication, TLS Web Client Authentication",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "DNS:a.example, DNS:*.b, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1",
        "X509v3 Authority Key Identifier:",
    ] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let (_, text) = openssl(&["x509", "-noout", "-text"], parts[0]).unwrap();
    assert!(text.contains("Digital Signature, Key Encipherment, Certificate Sign"), "{text}");
    assert!(text.contains("CA:TRUE"), "{text}");
    // The key belongs to the certificate.
    let (_, of_key) = openssl(&["pkey", "-pubout"], parts[2]).unwrap();
    let (_, of_certificate) = openssl(&["x509", "-noout", "-pubkey"], parts[1]).unwrap();
    assert_eq!(of_key, of_certificate);
}

#[test]
fn certificates_with_keys_of_the_user() {
    for kind in ["ecdsa", "ed25519"] {
        let all = template(&format!(
            r#"{{{{$k := genPrivateKey "{kind}"}}}}{{{{$ca := genCAWithKey "ca" 10 $k}}}}{{{{$c := genSignedCertWithKey "h" nil nil 5 $ca $k -}}}}
            {{{{$ca.Cert}}}}#{{{{$c.Cert}}}}#{{{{eq $c.Key $k}}}}"#
        ));
        let parts: Vec<&str> = all.split('#').collect();
        assert_eq!(parts[2], "true", "{kind}");
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, parts[0]).unwrap();
        let Some((success, text)) = openssl(&["verify", "-CAfile", ca.to_str().unwrap()], parts[1]) else {
            return;
        };
        assert!(success, "{kind}: {text}");
    }
    // Curves beyond those that sprig makes itself.
    for curve in ["secp384r1", "secp521r1"] {
        let Some((_, key)) = openssl(&["ecparam", "-genkey", "-noout", "-name", curve], "") else { return };
        let text = r#"{{$c := genSelfSignedCertWithKey "h" nil (list "x") 5 .}}{{eq $c.Key .}}#{{$c.Cert}}"#;
        let all = render(text, key.as_str().into()).unwrap_or_else(|error| panic!("{curve}: {error}"));
        let (same, certificate) = all.split_once('#').unwrap();
        assert_eq!(same, "true", "{curve}");
        let (success, text) = openssl(&["x509", "-noout", "-text"], certificate).unwrap();
        assert!(success, "{curve}: {text}");
    }
}

#[test]
fn passwords_and_digests() {
    // The example of sprig's documentation.
    assert_eq!(template(r#"{{derivePassword 1 "long" "password" "user" "example.com"}}"#), "ZedaFaxcZaso9*");
    assert_eq!(template(r#"{{sha1sum "a"}}"#), "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8");
    assert_eq!(template(r#"{{adler32sum "Hello world!"}}"#), "487130206");
    let sample = template(r#"{{derivePassword 1 "x" "p" "u" "s"}}"#);
    assert_eq!(sample, "cannot find password template x");
}

/// What Helm 4.2.4 gives: large numbers are cut, and powers of ten are as rounded as Go's.
#[test]
fn numbers_at_their_limits() {
    for (call, want) in [
        (r#"atoi "99999999999999999999""#, "9223372036854775807"),
        (r#"atoi "-99999999999999999999""#, "-9223372036854775808"),
        (r#"atoi "12x""#, "0"),
        (r#"atoi "+5""#, "5"),
        (r#"atoi "1_0""#, "0"),
        (r#"int "99999999999999999999""#, "0"),
        ("round 100 64 3.14159", "100"),
        ("round 1.5 64 3.14159", "1.4999999999999998"),
        ("round 3.14159 30", "3.14159"),
        ("round 1234.5678 -2", "1200"),
        ("round 1e-300 310", "NaN"),
        ("round 5 -330", "NaN"),
        ("round 2.5 300", "2.5"),
        ("round 1.23456789 23", "1.23456789"),
    ] {
        assert_eq!(template(&format!("{{{{ {call} }}}}")), want, "{call}");
    }
}
