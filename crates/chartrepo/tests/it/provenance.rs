//! Signatures of charts.

use sluice_chartrepo::Error;
use sluice_chartrepo::provenance::{ProvenanceError, check_file, verify};
use sluice_verify::KeyRing;

use crate::support::{fixture, fixtures};

const FILE: &str = "db-1.2.3.tgz";

fn keys() -> KeyRing {
    KeyRing::read_bytes(&fixture("pubring.gpg")).unwrap()
}

#[test]
fn what_helm_signed_is_accepted() {
    for ring in ["pubring.gpg", "pubring.asc"] {
        let keys = KeyRing::read_bytes(&fixture(ring)).unwrap();
        for file in [FILE, "db-2.0.0-rc.1.tgz"] {
            let signed = fixture(&format!("{file}.prov"));
            let key = verify(&fixture(file), file, &signed, &keys).unwrap();
            assert_eq!(key, "34DC288A217712FD");
        }
    }
    assert!(check_file(&fixtures().join(FILE), &keys()).is_ok());
}

#[test]
fn what_was_changed_is_refused() {
    let signed = String::from_utf8(fixture("db-1.2.3.tgz.prov")).unwrap();
    let refused = |archive: &[u8], file: &str, signed: &str| {
        verify(archive, file, signed.as_bytes(), &keys()).unwrap_err()
    };
    let archive = fixture(FILE);
    assert!(matches!(refused(b"other", FILE, &signed), ProvenanceError::Digest { .. }));
    assert!(matches!(refused(&archive, "db-9.tgz", &signed), ProvenanceError::OtherFile(_)));
    let changed = signed.replace("name: db", "name: bd");
    assert!(matches!(refused(&archive, FILE, &changed), ProvenanceError::Signature(..)));
    for text in ["", "files: {}", "-----BEGIN PGP SIGNED MESSAGE-----\n"] {
        assert!(matches!(refused(&archive, FILE, text), ProvenanceError::Signature(..)), "{text}");
    }
    let stranger = KeyRing::default();
    assert!(verify(&archive, FILE, signed.as_bytes(), &stranger).is_err());
    assert!(KeyRing::read_bytes(b"no keys").is_err());
}

#[test]
fn a_chart_without_signature_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, fixture(FILE)).unwrap();
    let error = check_file(&path, &keys()).unwrap_err();
    assert!(matches!(error, Error::Provenance(ProvenanceError::Missing(_))), "{error}");
    let error = check_file(folder.path(), &keys()).unwrap_err();
    assert!(error.to_string().contains("unpacked charts cannot be verified"), "{error}");
}
