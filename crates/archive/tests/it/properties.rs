//! Properties that hold for every input.

use proptest::prelude::*;
use sluice_archive::ignore::{self, Matcher};
use sluice_archive::{Algorithm, Digest, Limits, Symlinks, WriteError, Writer, extract, walk_order};
use tempfile::TempDir;

use crate::{Entry, archive};

proptest! {
    #[test]
    fn any_tree_survives_the_round_trip(
        tree in prop::collection::btree_map("[a-c]{1,3}(\\.y)?", prop::collection::vec(any::<u8>(), 0..1500), 0..8)
    ) {
        let mut paths: Vec<_> = tree.iter().collect();
        paths.sort_by(|a, b| walk_order(a.0.as_bytes(), b.0.as_bytes()));
        let entries: Vec<_> = paths
            .iter()
            .map(|(path, content)| Entry { path: path.as_bytes(), executable: false, content: Some(content) })
            .collect();
        let (first, summary) = archive(&entries, Algorithm::Sha256);
        let (second, _) = archive(&entries, Algorithm::Sha256);
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(summary.digest, Digest::of(Algorithm::Sha256, first.as_slice()).unwrap());

        let dir = TempDir::new().unwrap();
        extract(first.as_slice(), dir.path(), &Limits::default(), Symlinks::Reject).unwrap();
        for (path, content) in &tree {
            prop_assert_eq!(&std::fs::read(dir.path().join(path)).unwrap(), content);
        }
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), tree.len());
    }

    #[test]
    fn noise_in_an_archive_never_panics(position in 0usize..400, byte in any::<u8>()) {
        let entries = [Entry { path: "ä/b".as_bytes(), executable: true, content: Some(&[3; 700]) }];
        let (mut bytes, _) = archive(&entries, Algorithm::Sha1);
        let position = position % bytes.len();
        bytes[position] = byte;
        let dir = TempDir::new().unwrap();
        let _ = extract(bytes.as_slice(), dir.path(), &Limits::default(), Symlinks::Skip);
    }

    #[test]
    fn no_ignore_text_panics(text in ".{0,60}", path in "[a-z/.]{1,20}", is_dir: bool) {
        let parts: Vec<&str> = path.split('/').collect();
        Matcher::for_source(ignore::parse(&text, &[])).excludes(&parts, is_dir);
    }

    #[test]
    fn digests_read_back(content in prop::collection::vec(any::<u8>(), 0..100), which in 0usize..5) {
        let names = ["sha1", "sha256", "sha384", "sha512", "blake3"];
        let digest = Digest::of(names[which].parse().unwrap(), content.as_slice()).unwrap();
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    }
}

#[test]
fn known_digests() {
    let of = |name: &str| Digest::of(name.parse().unwrap(), &b"abc"[..]).unwrap().to_string();
    assert_eq!(of("sha1"), "sha1:a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(of("sha256"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(of("blake3"), "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
    assert!("md5".parse::<Algorithm>().is_err());
    for bad in [
        "",
        "sha256",
        "sha256:",
        "sha256:ab",
        "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        "md5:900150983cd24fb0d6963f7d28e17f72",
    ] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
}

#[test]
fn misuse_of_the_writer_is_an_error() {
    let mut writer = Writer::new(Vec::new(), Algorithm::Sha256).unwrap();
    writer.file(b"b", false, 1, &b"x"[..]).unwrap();
    assert!(matches!(writer.file(b"a", false, 1, &b"x"[..]), Err(WriteError::Order { .. })));
    assert!(matches!(writer.file(b"b", false, 1, &b"x"[..]), Err(WriteError::Order { .. })));
    for path in ["", "/c", "c/", "c//d", "../c", "c/./d", "c\0"] {
        assert!(matches!(writer.dir(path.as_bytes()), Err(WriteError::Path(_))), "{path:?}");
    }
    assert!(matches!(
        writer.file(b"c", false, 3, &b"ab"[..]),
        Err(WriteError::Size { expected: 3, actual: 2, .. })
    ));
    assert!(matches!(
        writer.file(b"d", false, 1, &b"abc"[..]),
        Err(WriteError::Size { expected: 1, actual: 2, .. })
    ));
}

#[test]
fn order_is_that_of_a_walk() {
    let mut paths = ["a.txt", "a/b", "a", "a/b/c", "a-b", "a/b.c"];
    paths.sort_by(|a, b| walk_order(a.as_bytes(), b.as_bytes()));
    assert_eq!(paths, ["a", "a/b", "a/b/c", "a/b.c", "a-b", "a.txt"]);
}
